"""The table of facts: holes, tallies, what the clock did, events. One row each, numbered by a
revision that grows.

1. A fact has a natural key. When it comes again with more to say, it takes the place of what was
   said and a new revision; the same word again changes nothing.
   `test_a_fact_that_says_more_takes_the_place_of_the_earlier`
2. A row that does not fit its digest is skipped and counted, as a reading's is.
   `test_a_damaged_fact_is_skipped_and_counted`
3. The oldest facts go when there are more than MOST: ten years of a common station.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import TypeVar

from fieldstation.batch.facts import Cause, ClockFact, Event, Fact, Hole, Tally
from fieldstation.batch.limits import MOST_INTEGER
from fieldstation.batch.report import fact_of, fact_row
from fieldstation.journal.digest import digest

MOST = 50_000
MADE: tuple[type[Fact], ...] = (Hole, Tally, ClockFact, Event)

# Holes that the journal itself opens, for damaged rows, are numbered by sequence from here on, out
# of the way of those that the station numbers.
DAMAGE = 1 << 40

_COLUMNS = "revision, CAST(kind AS BLOB), CAST(key AS BLOB), CAST(body AS BLOB), digest"

Row = tuple[int, bytes, bytes, bytes, bytes]
F = TypeVar("F", Hole, Tally, ClockFact, Event)


class Facts:
    """The facts of one file. `write` and `forget` run within the caller's transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @property
    def revision(self) -> int:
        """The newest revision, 0 for none."""
        return self._number("SELECT max(revision) FROM fact WHERE revision < ?", MOST_INTEGER)

    def write(self, fact: Fact) -> int:
        """Keep a fact, new or changed; its revision."""
        kind, key = fact.kind, key_of(fact)
        body = json.dumps(fact_row(fact), separators=(",", ":"))
        known = self._rows("WHERE kind = ? AND key = ?", kind, key)
        if known and known[0][3] == body.encode() and fact_in(known[0]) is not None:
            return known[0][0]
        revision = self.revision + 1
        self._db.execute("DELETE FROM fact WHERE kind = ? AND key = ?", (kind, key))
        row = (revision, kind, key, body)
        self._db.execute(
            "INSERT OR REPLACE INTO fact (revision, kind, key, body, digest)"
            " VALUES (?, ?, ?, ?, ?)",
            (*row, digest(*row)),
        )
        return revision

    def after(self, revision: int, most: int) -> list[tuple[int, Fact]]:
        """The next `most` facts above `revision`, in order."""
        rows = self._rows("WHERE revision > ? ORDER BY revision LIMIT ?", revision, most)
        return [(row[0], fact) for row in rows if (fact := fact_in(row)) is not None]

    def of(self, made: type[F], most: int = -1) -> list[F]:
        """The last `most` facts of a kind that were written, newest first; -1: all."""
        rows = self._rows("WHERE kind = ? ORDER BY revision DESC LIMIT ?", made.kind, most)
        return [fact for row in rows if isinstance(fact := fact_in(row), made)]

    def same(self, fact: F) -> F | None:
        """What was said under the fact's key."""
        for row in self._rows("WHERE kind = ? AND key = ?", fact.kind, key_of(fact)):
            known = fact_in(row)
            return known if isinstance(known, type(fact)) else None
        return None

    def knows(self, fact: Fact) -> bool:
        """Whether anything intact is said under the fact's key."""
        rows = self._rows("WHERE kind = ? AND key = ?", fact.kind, key_of(fact))
        return any(fact_in(row) is not None for row in rows)

    def damaged(self) -> tuple[int, int]:
        """How many facts are intact, and how many do not fit their digest."""
        rows = self._rows("")
        intact = sum(fact_in(row) is not None for row in rows)
        return intact, len(rows) - intact

    def newest_number(self, made: type[Hole | ClockFact | Event], boot: bytes) -> int:
        """The highest number that a fact of this kind has in this run; 0 for none."""
        low, high = f"{boot.hex()} ", f"{boot.hex()}!"
        rows = self._rows("WHERE kind = ? AND key >= ? AND key < ?", made.kind, low, high)
        numbers = (fact.number for row in rows if isinstance(fact := fact_in(row), made))
        return max(numbers, default=0)

    @property
    def newest_hole(self) -> int:
        """The highest number that the station gave to a hole in any run; 0 for none."""
        number = "CASE WHEN json_valid(body) THEN json_extract(body, '$[1]') END"
        return self._number(
            f"SELECT max({number}) FROM fact WHERE kind = 'hole' AND {number} < ?",  # noqa: S608
            DAMAGE,
        )

    def forget(self) -> None:
        """Let the oldest go."""
        first, last = self._db.execute("SELECT min(revision), max(revision) FROM fact").fetchone()
        if last is not None and last - first >= MOST:
            self._db.execute(
                "DELETE FROM fact WHERE revision <= (SELECT revision FROM fact"
                " ORDER BY revision DESC LIMIT 1 OFFSET ?)",
                (MOST,),
            )

    def _rows(self, where: str, *values: object) -> list[Row]:
        query = f"SELECT {_COLUMNS} FROM fact {where}"  # noqa: S608 - no text from outside
        return self._db.execute(query, values).fetchall()

    def _number(self, query: str, *values: object) -> int:
        return int(self._db.execute(query, values).fetchone()[0] or 0)


def key_of(fact: Fact) -> str:
    """What the fact is about; unique among those of its kind."""
    if isinstance(fact, Tally):
        return f"{fact.boot.hex()} {fact.day} {fact.instrument}"
    return f"{fact.boot.hex()} {fact.number}"


def is_mark(hole: Hole) -> bool:
    """Whether it says only that a damaged journal may hold more: open until it was gone through,
    by whichever run that is.
    """
    return hole.open and not hole.count and hole.cause == Cause.DAMAGED


def fact_in(row: Row) -> Fact | None:
    """The fact of a row read as the table's columns, None when it does not fit its digest."""
    *parts, mark = row
    if digest(*parts) != mark:
        return None
    return fact_of(json.loads(row[3]))


def best_clock(clocks: Iterable[ClockFact], kernel: str) -> ClockFact | None:
    """The fact to place readings of this machine run by: the system's own clock before a hub's,
    then the one that is nearest to the truth.
    """
    known = (clock for clock in clocks if clock.kernel == kernel)
    return min(known, key=lambda c: (c.source != "system", c.error_us, c.mono_us), default=None)


def views() -> Iterator[str]:
    """SQL that shows each kind of fact as a table with one column for each field."""
    for made in MADE:
        columns = ", ".join(
            f"json_extract(body, '$[{place}]') AS {name}"
            for place, name in enumerate(made.__slots__, 1)
        )
        yield (
            f"CREATE VIEW {made.kind} AS SELECT revision, {columns} FROM fact"  # noqa: S608
            f" WHERE kind = '{made.kind}' AND json_valid(body)"
        )
