"""Reading a journal: in sequence, from the end, and checking it. A second program may read while
the station writes.

A row that does not fit its digest is never given out: it is skipped, and its number is reported
to `on_damage`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldstation.batch.facts import Hole
from fieldstation.batch.model import Announcement
from fieldstation.errors import StoreUnavailable
from fieldstation.journal.catalogue import Catalogue
from fieldstation.journal.faults import in_our_words
from fieldstation.journal.holes import read_holes
from fieldstation.journal.rows import COLUMNS, Row, unpack
from fieldstation.journal.schema import open_readable
from fieldstation.model import Kept

_SCAN_ROWS = 5000  # rows looked at in one step of a check, so that memory stays flat


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Sequences `first` to `last` that a sink refused for good, or (sink "") that were found
    damaged.
    """

    sink: str
    first: int
    last: int
    code: str
    message: str
    found_utc_us: int


@dataclass(frozen=True, slots=True)
class Check:
    """What a scan of the whole journal found: intact `rows`, numbers of `damaged` rows, faults of
    the file's `structure` in SQLite's words.
    """

    rows: int
    damaged: tuple[int, ...]
    structure: tuple[str, ...]


class Reader:
    """A journal opened for reading. Belongs to the thread that opened it.

    Raises StoreUnavailable, StoreDamaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with in_our_words(path):
            self._db = self._open()
            try:
                self._catalogue = Catalogue(self._db)
            except BaseException:
                self._db.close()
                raise

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists():
            raise StoreUnavailable(f"there is no journal at {self.path}: has the station run?")
        return open_readable(self.path)

    def close(self) -> None:
        """Release the file."""
        with in_our_words(self.path):
            self._db.close()

    def on_damage(self, sequences: Sequence[int]) -> None:
        """Called with the numbers of damaged rows that a read met; a reader cannot note them."""

    @property
    def last(self) -> int:
        """The newest sequence ever given, 0 for none."""
        return self._newest()

    def _newest(self) -> int:
        with in_our_words(self.path):
            newest, floor = self._db.execute(
                "SELECT (SELECT max(sequence) FROM reading), (SELECT max(sequence) FROM floor)"
            ).fetchone()
            return max(newest or 0, floor or 0)

    @property
    def size_bytes(self) -> int:
        """Bytes of the file that hold something; pages freed by pruning are used again first."""
        with in_our_words(self.path):
            pages, free, size = (
                self._db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            return int((pages - free) * size)

    @property
    def announcements(self) -> dict[tuple[str, str], Announcement]:
        """What is known about every stream, by instrument and layout id."""
        return dict(self._catalogue.announcements)

    def after(self, sequence: int, limit: int) -> list[Kept]:
        """Intact readings with numbers above `sequence`, in order, out of the next `limit`
        rows.
        """
        return [kept for _, kept in self._scan(sequence, limit) if kept is not None]

    def recent(self, limit: int, instrument: str | None = None) -> list[Kept]:
        """The newest `limit` intact readings (of one instrument), newest first."""
        streams = [
            str(number)
            for number, stream in self._catalogue.streams.items()
            if instrument in (None, stream.instrument)
        ]
        if not streams:
            return []
        where = f"WHERE stream IN ({', '.join(streams)}) ORDER BY sequence DESC LIMIT ?"
        return [kept for _, kept in self._select(where, (limit,)) if kept is not None]

    def holes(self, most: int = 1000) -> list[Hole]:
        """The newest holes, newest first."""
        with in_our_words(self.path):
            return read_holes(self._db, most)

    def quarantined(self, most: int = 1000) -> list[Quarantined]:
        """What was set aside from delivery, newest first."""
        with in_our_words(self.path):
            rows = self._db.execute(
                "SELECT sink, first, last, code, message, found_utc_us FROM quarantine"
                " ORDER BY number DESC LIMIT ?",
                (most,),
            )
            return [Quarantined(*row) for row in rows]

    def check(self) -> Check:
        """Read everything once: the file's structure and every row against its digest."""
        with in_our_words(self.path):
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check")]
        rows, damaged = 0, []
        for sequence, kept in self._walk():
            rows += kept is not None
            if kept is None:
                damaged.append(sequence)
        structure = () if found == ["ok"] else tuple(found)
        return Check(rows, tuple(damaged), structure)

    def _walk(self) -> Iterator[tuple[int, Kept | None]]:
        position = 0
        while step := self._scan(position, _SCAN_ROWS):
            yield from step
            position = step[-1][0]

    def _scan(self, sequence: int, limit: int) -> list[tuple[int, Kept | None]]:
        return self._select("WHERE sequence > ? ORDER BY sequence LIMIT ?", (sequence, limit))

    def _select(self, where: str, values: tuple[Any, ...]) -> list[tuple[int, Kept | None]]:
        """Rows with their numbers, None in place of a damaged one."""
        query = f"SELECT {COLUMNS} FROM reading {where}"  # noqa: S608 - no text from outside
        with in_our_words(self.path):
            rows = self._db.execute(query, values).fetchall()
        found = self._unpacked(rows)
        if any(kept is None for _, kept in found):
            with in_our_words(self.path):
                self._catalogue.load()  # another program may have added a stream since
            found = self._unpacked(rows)
            damaged = [sequence for sequence, kept in found if kept is None]
            if damaged:
                self.on_damage(damaged)
        return found

    def _unpacked(self, rows: list[Row]) -> list[tuple[int, Kept | None]]:
        streams, boots = self._catalogue.streams, self._catalogue.boots
        return [(row[0], unpack(row, streams, boots)) for row in rows]
