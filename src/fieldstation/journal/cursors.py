"""How far each sink has come: the last settled sequence and the sealed batch in flight.

1. A sealed range is written before it is sent and stays until it is settled, so the same range
   goes out again after a restart or a lost reply.
2. `settled` moves in memory at once and reaches the file with the next transaction of any kind: a
   cursor that is behind costs a harmless resend, one that is ahead would cost readings.
3. A cursor that does not fit its digest starts from zero, for the same reason.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, replace

from fieldstation.model import Kept


@dataclass(frozen=True, slots=True)
class Cursor:
    """Everything up to `settled` is with the sink. `first` to `last` of `boot` is sealed as batch
    `number` and in flight; `last` 0 says that nothing is.
    """

    name: str
    settled: int = 0
    boot: bytes = b""
    number: int = 0
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch in flight: sequences `first` to `last` of one boot and those of them that are intact
    readings.
    """

    boot: bytes
    number: int
    first: int
    last: int
    kept: tuple[Kept, ...]


class Cursors:
    """The table `sink` in memory. `write` runs within the caller's transaction. A sink that is new
    starts after `origin`, where the journal itself starts.
    """

    def __init__(self, db: sqlite3.Connection, origin: int) -> None:
        self._db = db
        self._origin = origin
        self._now: dict[str, Cursor] = {}
        self._unwritten: set[str] = set()
        for *fields, digest in db.execute(
            "SELECT CAST(name AS BLOB), settled, boot, number, first, last, digest FROM sink"
        ):
            cursor = Cursor(fields[0].decode(errors="replace"), *fields[1:])
            if _digest(cursor) == digest:
                self._now[cursor.name] = cursor

    def __getitem__(self, name: str) -> Cursor:
        return self._now.get(name) or Cursor(name, self._origin)

    def put(self, cursor: Cursor) -> None:
        """Replace a cursor in memory; `write` brings it to the file."""
        self._now[cursor.name] = cursor
        self._unwritten.add(cursor.name)

    def settle(self, name: str, last: int) -> None:
        """Everything up to `last` is with the sink; nothing is in flight any more."""
        cursor = self[name]
        self.put(replace(cursor, settled=max(cursor.settled, last), first=0, last=0))

    def unwritten(self) -> dict[str, int]:
        """What is settled in memory and not yet in the file, by sink."""
        return {name: self[name].settled for name in self._unwritten}

    def write(self) -> None:
        """Bring all changed cursors to the file."""
        self._db.executemany(
            "INSERT OR REPLACE INTO sink VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (c.name, c.settled, c.boot, c.number, c.first, c.last, _digest(c))
                for c in map(self.__getitem__, self._unwritten)
            ],
        )

    def written(self) -> None:
        """The transaction that held `write` is committed."""
        self._unwritten.clear()


def _digest(cursor: Cursor) -> bytes:
    meaning = (
        f"{cursor.name} {cursor.settled} {cursor.boot!r} {cursor.number}"
        f" {cursor.first} {cursor.last}"
    )
    return hashlib.blake2b(meaning.encode(), digest_size=8).digest()
