"""How many bytes were sent on each day (days since 1970-01-01, UTC), for links that are metered.

What is noted reaches the file with the next transaction of any kind; a power cut forgets the last
batch at most.
"""

from __future__ import annotations

import sqlite3

from fieldstation.journal.digest import digest

KEPT_DAYS = 400  # a year, and some to compare it with


class Meter:
    """The table `sent` in memory. `write` runs within the caller's transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._days: dict[int, int] = {}
        self._unwritten: set[int] = set()
        for day, count, mark in db.execute("SELECT day, bytes, digest FROM sent"):
            if digest(day, count) == mark:
                self._days[day] = count

    def __getitem__(self, day: int) -> int:
        return self._days.get(day, 0)

    def add(self, day: int, count: int) -> None:
        """`count` more bytes were sent on `day`."""
        self._days[day] = self[day] + count
        self._unwritten.add(day)

    def unwritten(self) -> dict[int, int]:
        """The days that the file does not know yet."""
        return {day: self[day] for day in self._unwritten}

    def restore(self, days: dict[int, int]) -> None:
        """Take over what another one had not written."""
        for day, count in days.items():
            self.add(day, max(0, count - self[day]))

    def write(self) -> None:
        """Bring it to the file."""
        days = self.unwritten()
        if days:
            self._db.executemany(
                "INSERT OR REPLACE INTO sent VALUES (?, ?, ?)",
                [(day, count, digest(day, count)) for day, count in days.items()],
            )
            self._db.execute("DELETE FROM sent WHERE day < ?", (max(days) - KEPT_DAYS,))

    def written(self) -> None:
        """The transaction that held `write` is committed."""
        self._unwritten.clear()
