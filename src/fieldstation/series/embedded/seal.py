"""Sealing: readings move from the inbox into segments while uploads go on.

1. A round takes what was durable when it began: the hot readings up to one upload number.
2. Columns are encoded without any lock. Only finished blobs go through the writer, in transactions
   of about `CHUNK` bytes, so no receipt waits long.
3. One transaction makes a stream's new segments count, takes the old ones out and sets the stream's
   `through`. Before it the inbox holds the readings, after it the segments do; there is no moment
   between.
4. Pieces that no segment counts are written down in `doomed` with the transaction that makes them
   so: new ones ahead of rule 3, old ones by it. They are deleted in time, and again after a crash.
5. The inbox is emptied up to the round's upload number once every stream has passed it, and freed
   pages are given back to the system when they are more than a twentieth of the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from fieldstation.batch.limits import MOST_INTEGER
from fieldstation.series.embedded.days import day_counts
from fieldstation.series.embedded.rows import Block, concat
from fieldstation.series.embedded.segments import (
    STRIDE,
    Pieces,
    Sealed,
    plan,
    rebuilt,
)  # fmt: skip
from fieldstation.series.embedded.streams import Stream, newest_text

# A transaction of this size is synced in a few milliseconds on an ordinary disk.
CHUNK = 256 * 1024
_INBOX_ROWS = 500
_DOOMED_AT_ONCE = 4
_FREE_SHARE = 20
_FREE_PAGES_AT_ONCE = 512


class Writer(Protocol):
    """The store, as sealing sees it."""

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """The writer's connection inside a transaction that is committed at the end."""
        ...

    def reading(self) -> AbstractContextManager[Pieces]:
        """A snapshot of the segments."""
        ...

    def new_segment(self) -> int:
        """A segment number that was never used."""
        ...

    def sealed(self, done: Iterable[Done]) -> None:
        """Memory follows what a transaction has just made true; called inside it."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """A stream whose readings up to `through` are in segments now."""

    stream: Stream
    through: int
    blocks: int
    readings: int
    first_us: int
    last_us: int
    days: list[tuple[int, int, int]]
    """Day, readings that are filed on it, readings that the station dated on it."""


@dataclass(slots=True)
class _Change:
    """What rule 3 writes for one stream."""

    done: Done
    fresh: list[tuple[int, Sealed]] = field(default_factory=list)
    old: list[int] = field(default_factory=list)


class Round:
    """One round over the streams that have hot readings."""

    def __init__(self, writer: Writer, through: int) -> None:
        self._writer = writer
        self._through = through
        self._pieces: list[tuple[int, bytes | None, bytes]] = []
        self._staged: list[int] = []
        self._changes: list[_Change] = []
        self._size = 0

    def run(self, work: Iterable[tuple[Stream, tuple[Block, ...]]]) -> None:
        """Seal the given hot readings. Raises StoreError; what is sealed by then stays sealed."""
        sweep(self._writer)
        for stream, hot in work:
            self._seal(stream, hot)
        self._flush()
        sweep(self._writer)
        self._empty_inbox()
        give_back(self._writer)

    def _seal(self, stream: Stream, hot: tuple[Block, ...]) -> None:
        rows = concat(hot).by_time()
        times = rows.times
        done = Done(
            stream, self._through, len(hot), len(rows), int(times[0]), int(times[-1]),
            day_counts(hot),
        )  # fmt: skip
        change = _Change(done)
        with self._writer.reading() as pieces:
            for portion in plan(pieces.segments(stream.id, 0, MOST_INTEGER), times):
                change.old += [segment.id for segment in portion.segments]
                for sealed in rebuilt(portion, rows, pieces, len(stream.layout.channels)):
                    change.fresh.append((self._stage(sealed), sealed))
        self._changes.append(change)
        if self._size > CHUNK:
            self._flush()

    def _stage(self, sealed: Sealed) -> int:
        number = self._writer.new_segment()
        self._staged.append(number)
        for column, hours, data in sealed.pieces:
            self._pieces.append((number * STRIDE + column, hours, data))
            self._size += len(data) + len(hours or b"")
            if self._size > CHUNK:
                self._flush()
        sealed.pieces.clear()
        return number

    def _flush(self) -> None:
        with self._writer.transaction() as connection:
            connection.executemany(
                "INSERT INTO piece (id, hours, data) VALUES (?, ?, ?)", self._pieces
            )
            connection.executemany(
                "INSERT OR IGNORE INTO doomed VALUES (?)", [(each,) for each in self._staged]
            )
            for change in self._changes:
                _count(connection, change)
            self._writer.sealed(change.done for change in self._changes)
        adopted = {number for change in self._changes for number, _ in change.fresh}
        self._staged = [number for number in self._staged if number not in adopted]
        self._pieces, self._changes, self._size = [], [], 0

    def _empty_inbox(self) -> None:
        left = True
        while left:
            with self._writer.transaction() as connection:
                left = bool(
                    connection.execute(
                        "DELETE FROM inbox WHERE id IN"
                        " (SELECT id FROM inbox WHERE id <= ? ORDER BY id LIMIT ?)",
                        (self._through, _INBOX_ROWS),
                    ).rowcount
                )


def _count(connection: sqlite3.Connection, change: _Change) -> None:
    """Rule 3, inside a transaction."""
    stream, done = change.done.stream, change.done
    connection.executemany("DELETE FROM segment WHERE id = ?", [(each,) for each in change.old])
    connection.executemany("INSERT INTO doomed VALUES (?)", [(each,) for each in change.old])
    connection.executemany(
        "INSERT INTO segment (id, stream, first_us, last_us, readings) VALUES (?, ?, ?, ?, ?)",
        [(n, stream.id, s.first_us, s.last_us, s.readings) for n, s in change.fresh],
    )
    connection.executemany(
        "DELETE FROM doomed WHERE segment = ?", [(number,) for number, _ in change.fresh]
    )
    connection.executemany(
        "INSERT INTO day (stream, day, stored, taken) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET stored = stored + excluded.stored, taken = taken + excluded.taken",
        [(stream.id, *row) for row in done.days],
    )
    connection.execute(
        "UPDATE stream SET through = ?, readings = readings + ?,"
        " first_us = min(coalesce(first_us, ?), ?), last_us = max(coalesce(last_us, ?), ?),"
        " newest = ? WHERE id = ?",
        (
            done.through, done.readings, done.first_us, done.first_us, done.last_us, done.last_us,
            newest_text(stream), stream.id,
        ),
    )  # fmt: skip


def sweep(writer: Writer) -> None:
    """Delete the pieces of doomed segments."""
    for numbers in _doomed(writer):
        with writer.transaction() as connection:
            for number in numbers:
                connection.execute(
                    "DELETE FROM piece WHERE id BETWEEN ? AND ?",
                    (number * STRIDE, number * STRIDE + STRIDE - 1),
                )
                connection.execute("DELETE FROM doomed WHERE segment = ?", (number,))


def _doomed(writer: Writer) -> Iterator[list[int]]:
    while True:
        with writer.transaction() as connection:
            rows = connection.execute("SELECT segment FROM doomed LIMIT ?", (_DOOMED_AT_ONCE,))
            numbers = [number for (number,) in rows]
        if not numbers:
            return
        yield numbers


def give_back(writer: Writer) -> None:
    """Return free pages to the system in short steps (rule 5)."""
    while True:
        with writer.transaction() as connection:
            free = connection.execute("PRAGMA freelist_count").fetchone()[0]
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            if free * _FREE_SHARE <= pages:
                return
            # The pragma frees one page for each step of its statement, and execute takes one step.
            for _ in range(min(free, _FREE_PAGES_AT_ONCE)):
                connection.execute("PRAGMA incremental_vacuum(1)")
