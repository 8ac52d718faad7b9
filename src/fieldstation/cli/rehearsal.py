"""Brings the demo's past to its hub (`past` makes it).

Twins that remember live through theirs in the demo itself, while the hub starts. The others' is
made by this module as a program of its own, so that it takes no time from the ports of the demo.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import httpx

import fieldstation
from fieldstation.batch import encode
from fieldstation.batch import report as reports
from fieldstation.batch.facts import DAY_US, Event, Fact, Tally
from fieldstation.batch.model import Batch
from fieldstation.batch.report import Answer, Report
from fieldstation.cli import nodes, stage
from fieldstation.cli.orders import Orders
from fieldstation.cli.outages import Interrupted, holes
from fieldstation.cli.output import Progress
from fieldstation.cli.past import (
    DAY_S,
    Asked,
    Overheard,
    Script,
    Span,
    batches,
    boot_of,
    remembers,
)
from fieldstation.errors import FieldstationError, HubUnreachable
from fieldstation.model.talk import Leaving
from fieldstation.sinks.backoff import Backoff
from fieldstation.station.clock import SystemClock

CONTENT_TYPE = "application/vnd.fieldstation.batch"
# Live values come first on a machine with little to spare.
NICE = 10
# A hub that was killed is back within that.
FIRST_WAIT_S, LONGEST_WAIT_S, TRIES = 0.5, 8.0, 8


def span(weeks: float, now: int) -> Span:
    """The `weeks` up to the UTC second `now`."""
    return Span(round(now - weeks * 7 * DAY_S), now, now)


def switch_on(players: Sequence[stage.Player], now: int) -> None:
    """Let units that take their time to start (a fan, a laser) be found at work, as they would be
    at a station that runs for weeks.
    """
    moment = Span(now, now, now)
    for one in players:
        if isinstance(one.driver, Leaving):
            Asked(one.name, one.twin, one.driver, moment, boot_of(moment, one.name)).begin()


def live_through(
    players: Sequence[stage.Player], past: Span, ended: threading.Event
) -> tuple[list[Batch], list[Interrupted]]:
    """Let the twins that remember live up to now. Gives the uploads of what they tell on the way,
    fewer when `ended` meanwhile, and the scripts that they played.
    """
    boot = boot_of(past, "lived")
    scripts = [
        Interrupted(Asked(one.name, one.twin, one.driver, past, boot), past.now)
        for one in players
        if remembers(one.kind)
    ]
    uploads = []
    for batch in batches(scripts, past, boot):
        if ended.is_set():
            break
        if batch is not None:
            uploads.append(batch)
    return uploads, scripts


def bring(
    address: str, key: str, uploads: Iterable[Batch | None], scripts: Iterable[Interrupted] = ()
) -> None:
    """Send uploads to the hub (None is left out), and then how many readings of each day they were
    and what is missing of the scripts that made them. A hub that is away is waited for. Raises
    HubUnreachable when that takes too long.

    Without uploads it only makes the run known that the past belongs to, which has to come before
    the present one.
    """
    headers = {"Authorization": f"Bearer {key}"}
    days: Counter[tuple[bytes, str, int]] = Counter()
    try:
        with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as hub:
            through = Answer.from_json(_post(hub, reports.PATH, _report(key))).through
            for batch in filter(None, uploads):
                _post(hub, "/api/v1/ingest", encode(batch), CONTENT_TYPE)
                for one in batch.readings:
                    day = one.reading.instant.utc_us // DAY_US
                    days[batch.boot, one.reading.instrument, day] += 1
            tallies = [Tally(*place, count) for place, count in sorted(days.items())]
            facts: list[Fact] = [*tallies, *holes(scripts), _end(key)]
            for at in range(0, len(facts), reports.MOST_FACTS):
                some = facts[at : at + reports.MOST_FACTS]
                _post(hub, reports.PATH, _report(key, through + at, some))
    except httpx.HTTPError as error:
        raise HubUnreachable(f"the hub did not take the history: {error}") from error


def _post(hub: httpx.Client, path: str, body: bytes, kind: str = reports.MEDIA_TYPE) -> bytes:
    backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
    for _ in range(TRIES):
        try:
            return _posted(hub, path, body, kind)
        except httpx.HTTPError:
            time.sleep(backoff.next_s())
    return _posted(hub, path, body, kind)


def _posted(hub: httpx.Client, path: str, body: bytes, kind: str) -> bytes:
    """Raises httpx.HTTPError when it may be worth another try, HubUnreachable when not."""
    answer = hub.post(path, content=body, headers={"Content-Type": kind})
    if answer.is_server_error:
        answer.raise_for_status()
    if answer.status_code != 200:
        raise HubUnreachable(f"the hub did not take the history: {answer.text}")
    return answer.content


def _report(key: str, after: int = 0, facts: Sequence[Fact] = ()) -> bytes:
    """A word of the run that the past belongs to."""
    boot, journal = _names(key)
    now_us = SystemClock().now().utc_us
    report = Report(
        journal.hex(), boot, "", fieldstation.__version__, now_us, 0, 0,
        disk_free_bytes=shutil.disk_usage(".").free,
        after=after, facts=tuple(enumerate(facts, after + 1)),
    )  # fmt: skip
    return json.dumps(report.as_json()).encode()


def _end(key: str) -> Event:
    """What says that this run is over."""
    now_us = SystemClock().now().utc_us
    return Event(_names(key)[0], 1, now_us, 0, "stopped", "the past that was made up ends here")


def _names(key: str) -> tuple[bytes, bytes]:
    """The run that the past belongs to, and its journal; the same for all who know the key."""
    name = hashlib.blake2b(key.encode(), digest_size=24).digest()
    return name[:16], name[16:]


def command(
    address: str, key_file: Path, weeks: float, now: int, seed: int, faults: Sequence[str]
) -> tuple[str, ...]:
    """The program that brings the past of all twins that remember nothing."""
    told = json.dumps([address, str(key_file), weeks, now, seed, list(faults)])
    return (sys.executable, "-m", __name__, told)


def _fill(
    address: str, key_file: str, weeks: float, now: int, seed: int, faults: Sequence[str]
) -> None:
    os.nice(NICE)
    clock = SystemClock()
    began_us = clock.now().mono_us
    orders, key = Orders(faults), Path(key_file).read_text(encoding="utf-8").strip()
    players, heard = stage.cast(seed, orders), nodes.cast(seed, orders, quiet=True)
    pieces = span(weeks, now).pieces()
    bar = Progress(
        f"history   filling in {weeks:g} weeks", sum(1 for one in pieces for _ in one.moments())
    )
    played: list[Interrupted] = []
    bring(address, key, _uploads(players, heard, pieces, bar, played), played)
    took_s = (clock.now().mono_us - began_us) / 1e6
    print(f"history   {weeks:g} weeks are there, after {took_s:.1f} s", file=sys.stderr)


def _uploads(
    players: Sequence[stage.Player],
    heard: Sequence[nodes.Node],
    pieces: Sequence[Span],
    bar: Progress,
    played: list[Interrupted],
) -> Iterator[Batch | None]:
    """One for each moment, the newest piece first; most are empty. `played` gets the scripts."""
    done = 0
    for piece in pieces:
        boot = boot_of(piece, "filled in")
        alone: list[Script] = [
            Asked(one.name, one.twin_anew(), one.driver, piece, boot)
            for one in players
            if not remembers(one.kind)
        ]
        alone += [Overheard(one.name, one.speaker(), one.listened, piece, boot) for one in heard]
        scripts = [Interrupted(one, piece.now) for one in alone]
        played += scripts
        for batch in batches(scripts, piece, boot):
            done += 1
            bar.advance_to(done)
            yield batch


def main() -> None:
    """Run as a program, with the arguments that `command` writes."""
    try:
        _fill(*json.loads(sys.argv[1]))
    except FieldstationError as error:
        raise SystemExit(f"fieldstation: {error}") from error


if __name__ == "__main__":
    main()
