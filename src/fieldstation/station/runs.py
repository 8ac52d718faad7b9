"""What a run of the station says of its beginning: the version, and how the run before ended.

A run that was told to stop has said so at its end. One that has not was killed or crashed, or the
machine went down with it when it has been started since.
"""

from __future__ import annotations

import fieldstation
from fieldstation.batch.facts import Event
from fieldstation.journal import Journal
from fieldstation.model import Instant

MOST_EVENTS = 200


def tell_start(journal: Journal, now: Instant) -> Event:
    """Keep the event that this run begins."""
    text = f"fieldstation {fieldstation.__version__} starts; {_before(journal, now)}"
    return journal.tell(now, "started", text)


def _before(journal: Journal, now: Instant) -> str:
    events = [event for event in journal.events(MOST_EVENTS) if event.boot != now.boot]
    # What a damaged journal told comes late: the newest word is not always of the newest run.
    place = {boot: number for number, boot in enumerate(journal.order_of_runs)}
    starts = [event for event in events if event.what == "started"]
    start = max(starts, key=lambda event: place.get(event.boot, -1), default=None)
    if start is None:
        return "no earlier run is known"
    clean = any(event.what == "stopped" and event.boot == start.boot for event in events)
    before, kernel = journal.kernel_of(start.boot), journal.kernel_of(now.boot)
    if before and kernel and before != kernel:
        if clean:
            return "the run before was stopped, and the machine started anew since"
        return "the machine went down during the run before, as in a power cut"
    return "the run before was stopped" if clean else "the run before crashed or was killed"
