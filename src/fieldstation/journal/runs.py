"""Which sequences belong to which run of the station. A run's readings lie side by side, so where
each begins is found by leaps, without reading the rows between.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator

from fieldstation.journal.faults import in_order
from fieldstation.journal.packs import MOST

Run = tuple[int, int, int]
"""Number of the boot, first and last sequence."""


class Runs:
    """The runs in the tables `reading` and `pack`, oldest first."""

    def __init__(self, db: sqlite3.Connection, last: int) -> None:
        self._db = db
        self._starts: list[int] = []
        self._boots: list[int] = []
        row = self._at(0)
        while row is not None:
            self.append(*row)
            row = self._next_run(*row, last + 1)

    def append(self, sequence: int, boot: int) -> None:
        """The newest reading is the one with this number, of this boot."""
        if not self._boots or self._boots[-1] != boot:
            self._starts.append(sequence)
            self._boots.append(boot)

    def end(self, sequence: int) -> int | None:
        """The last number of the run that `sequence` lies in; None in the newest one."""
        place = bisect_right(self._starts, sequence)
        return self._starts[place] - 1 if place < len(self._starts) else None

    def newest_first(self, last: int) -> Iterator[Run]:
        """The runs down from the one that ends at `last`, as far as readings are there."""
        oldest = self._at(0)
        if oldest is None:
            return
        for start, boot in zip(reversed(self._starts), reversed(self._boots), strict=True):
            if last < oldest[0]:
                return
            yield boot, max(start, oldest[0]), last
            last = start - 1

    def _next_run(self, low: int, boot: int, high: int) -> tuple[int, int] | None:
        """The first row of another boot; `low` is of this one, none from `high` on is there."""
        found = None
        while high - low > 1:
            middle = (low + high) // 2
            row = self._at(middle)
            if row is not None and row[1] == boot:
                low = row[0]
            else:
                high, found = middle, row
        return found

    def _at(self, sequence: int) -> tuple[int, int] | None:
        """The first reading from `sequence` on."""
        rows: list[tuple[int, int]] = self._db.execute(
            "SELECT sequence, boot FROM reading WHERE sequence >= ? ORDER BY sequence LIMIT 1",
            (sequence,),
        ).fetchall()
        rows += self._db.execute(
            "SELECT max(first, ?), boot FROM pack WHERE first > ? AND last >= ?"
            " ORDER BY first LIMIT 1",
            (sequence, sequence - MOST, sequence),
        ).fetchall()
        found = min(rows, default=None)
        if found is not None:
            in_order([found[0]], sequence, found[0])
        return found
