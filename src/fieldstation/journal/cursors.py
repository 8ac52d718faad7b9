"""What each sink has, as a set of sequences, and the sealed batch in flight.

1. A sealed range is written before it is sent and stays until it is settled, so the same range
   goes out again after a restart or a lost reply.
2. What is settled moves in memory at once and reaches the file with the next transaction of any
   kind: a cursor that is behind costs a harmless resend, one that is ahead would cost readings.
3. A cursor that does not fit its digest starts from where the journal starts, for the same reason.
4. Above the watermark (all up to it is settled) lie at most MOST_ISLANDS settled ranges, so a
   cursor stays one small row. `test_islands_are_limited_and_sealing_goes_on_in_order`
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, replace

from fieldstation.batch.packed import Packed
from fieldstation.batch.ranges import Range, Ranges
from fieldstation.journal.digest import digest
from fieldstation.model import Kept, Trust

MOST_ISLANDS = 64


@dataclass(frozen=True, slots=True)
class Cursor:
    """The sink has everything up to `settled`, and `islands` above it. `first` to `last` of `boot`
    is sealed as batch `number` and in flight; `last` 0 says that nothing is.
    """

    name: str
    settled: int = 0
    islands: tuple[Range, ...] = ()
    boot: bytes = b""
    number: int = 0
    first: int = 0
    last: int = 0

    @property
    def ranges(self) -> Ranges:
        """What the sink has, from sequence 0 on, which no reading bears."""
        return Ranges([(0, self.settled), *self.islands])

    def having(self, ranges: Ranges) -> Cursor:
        """The cursor of a sink that has `ranges`."""
        (_, settled), *islands = ranges.pairs
        return replace(self, settled=settled, islands=tuple(islands))

    @property
    def idle(self) -> Cursor:
        """The cursor with nothing in flight."""
        return replace(self, first=0, last=0)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch in flight: sequences `first` to `last` of one boot and those of them that are intact
    readings, or (`packed`) all of them as they lie in the journal. `number` grows with every batch
    that the sink gets.
    """

    boot: bytes
    number: int
    first: int
    last: int
    kept: tuple[Kept, ...]
    packed: Packed | None = None

    @property
    def count(self) -> int:
        """How many readings it holds."""
        return self.packed.count if self.packed else len(self.kept)

    @property
    def streams(self) -> set[tuple[str, str]]:
        """Instruments and layout ids of its readings."""
        if self.packed:
            return set(self.packed.streams)
        return {(one.reading.instrument, one.reading.layout.id) for one in self.kept}

    @property
    def unsynced(self) -> bool:
        """Whether a reading of an untrusted clock is among them."""
        if self.packed:
            return self.packed.unsynced
        return any(one.reading.instant.trust is Trust.UNSYNCED for one in self.kept)


class Cursors:
    """The table `sink` in memory. `write` runs within the caller's transaction. A sink that is new
    starts after `origin`, where the journal itself starts.
    """

    def __init__(self, db: sqlite3.Connection, origin: int) -> None:
        self._db = db
        self._origin = origin
        self._now: dict[str, Cursor] = {}
        self._changed: set[str] = set()
        self._settled: dict[str, Ranges] = {}
        for *row, mark in db.execute(
            "SELECT CAST(name AS BLOB), settled, CAST(islands AS BLOB), boot, number, first, last,"
            " digest FROM sink"
        ):
            if digest(*row) == mark:
                name, settled, islands, *flight = row
                pairs = tuple((first, last) for first, last in json.loads(islands))
                self._now[name.decode()] = Cursor(name.decode(), settled, pairs, *flight)

    def __getitem__(self, name: str) -> Cursor:
        return self._now.get(name) or Cursor(name, self._origin)

    @property
    def names(self) -> list[str]:
        """The sinks that got something."""
        return sorted(self._now)

    def put(self, cursor: Cursor) -> None:
        """Replace a cursor in memory; `write` brings it to the file."""
        self._now[cursor.name] = cursor
        self._changed.add(cursor.name)

    def settle(self, name: str, first: int, last: int) -> None:
        """`first` to `last` is with the sink; so a batch in flight within it has arrived."""
        cursor = self[name]
        ranges = cursor.ranges
        ranges.add(first, last)
        arrived = first <= cursor.first and cursor.last <= last
        self.put((cursor.idle if arrived else cursor).having(ranges))
        self._settled.setdefault(name, Ranges()).add(first, last)

    def unwritten(self) -> dict[str, list[Range]]:
        """What is settled in memory and not yet in the file, by sink."""
        return {name: list(ranges.pairs) for name, ranges in self._settled.items()}

    def restore(self, settled: dict[str, list[Range]]) -> None:
        """Take over what another one had not written."""
        for name, pairs in settled.items():
            for first, last in pairs:
                self.settle(name, first, last)

    @property
    def changed(self) -> bool:
        """Whether the file is behind."""
        return bool(self._changed)

    def write(self) -> None:
        """Bring all changed cursors to the file."""
        for cursor in map(self.__getitem__, self._changed):
            islands = json.dumps(cursor.islands, separators=(",", ":"))
            flight = (cursor.boot, cursor.number, cursor.first, cursor.last)
            row = (cursor.name, cursor.settled, islands, *flight)
            self._db.execute(
                "INSERT OR REPLACE INTO sink VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, digest(*row))
            )

    def written(self) -> None:
        """The transaction that held `write` is committed."""
        self._changed.clear()
        self._settled.clear()
