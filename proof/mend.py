"""What lies put aside beside a journal, brought back: as the station does it beside its work, here
at once.
"""

from __future__ import annotations

from pathlib import Path

from fieldstation.journal import Journal
from fieldstation.journal.aside import move
from fieldstation.journal.putback import conclude, put_back, tell_again
from fieldstation.journal.salvage import Salvage, done_name, waiting
from fieldstation.model import Instant


def mend(journal: Journal, path: Path, now: Instant) -> bool:
    """Salvage into `journal`, which lies at `path`. Whether there was anything."""
    every = waiting(path)
    for number, aside in enumerate(every):
        known = list(journal.announcements.values())
        found = Salvage(aside, known, [now.boot], len(every) - number)
        for kept in found.steps():
            put_back(journal, found, kept)
        tell_again(journal, found.facts)
        conclude(journal, found, now, journal.origin if len(waiting(path)) == 1 else 0)
        move(aside, done_name(aside))
    journal.keep_all = False
    return bool(every)
