"""How many readings each run stored of each instrument on each day of its clock.

1. Readings are counted when they are appended; the counts become facts at least every EVERY_US or
   MOST_ROWS, in one transaction with the number of the last reading that they hold (`tallied`).
2. What was appended after that is counted again from the rows when the journal is opened, so no
   kill makes a count wrong. `test_tallies_are_exact_however_often_the_writer_is_killed`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from fieldstation.batch.facts import DAY_US, Tally
from fieldstation.journal.facts import Facts
from fieldstation.model import Reading

EVERY_US = 600_000_000
MOST_ROWS = 10_000  # what is counted at opening takes a fraction of a second

Key = tuple[bytes, str, int]
"""Run, instrument, day."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a row says of the reading that it held."""

    boot: bytes
    instrument: str
    layout: str
    utc_us: int

    @property
    def key(self) -> Key:
        """Where it counts."""
        return self.boot, self.instrument, self.utc_us // DAY_US


class Tallies:
    """What was stored since the facts were written, which hold the readings up to `tallied`. What
    others counted (`since`) is written with the next reading.
    """

    def __init__(self, tallied: int, since: Iterable[Key]) -> None:
        self.tallied = tallied
        self._new = Counter(since)
        self._since_us: int | None = None
        self._overdue = bool(self._new)

    def count(self, readings: Iterable[Reading]) -> None:
        """Readings are stored."""
        for reading in readings:
            if self._since_us is None:
                self._since_us = reading.instant.mono_us
            self._new[key_of(reading)] += 1

    def add(self, key: Key, count: int) -> None:
        """Correct a count."""
        self._new[key] += count

    def due(self, last: int, mono_us: int) -> bool:
        """Whether the facts should be written, the newest reading being `last` from `mono_us`."""
        waited = self._since_us is not None and abs(mono_us - self._since_us) >= EVERY_US
        return self._overdue or waited or last - self.tallied >= MOST_ROWS

    def write(self, facts: Facts, last: int) -> None:
        """Bring the counts to the facts."""
        for (boot, instrument, day), count in self._new.items():
            new = Tally(boot, instrument, day, count)
            known = facts.same(new)
            facts.write(Tally(boot, instrument, day, count + (known.stored if known else 0)))
        self._new.clear()
        self.tallied, self._since_us, self._overdue = last, None, False


def key_of(reading: Reading) -> Key:
    """Where a reading counts."""
    instant = reading.instant
    return instant.boot, reading.instrument, instant.utc_us // DAY_US
