"""Durable transactions on a journal, and a memory that always says what the file says.

1. A transaction is durable when `transact` returns: the commit syncs.
2. After an input/output error nothing is retried on the same connection, since the system forgets a
   failed write: close, open again, look how far the file came, do the transaction again once.
   `test_after_a_failed_sync_a_new_connection_decides_what_is_kept`
3. Whatever fails, everything in memory goes back to what the file says, and what was settled before
   stays settled. `test_one_transaction_holds_several_works_or_none`
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from fieldstation.batch.ranges import Range
from fieldstation.errors import StoreError
from fieldstation.journal.about import About, read_about, write_about
from fieldstation.journal.catalogue import Catalogue
from fieldstation.journal.cursors import Cursors
from fieldstation.journal.facts import Facts
from fieldstation.journal.faults import DiskFault, in_our_words
from fieldstation.journal.meter import Meter
from fieldstation.journal.packs import Packs
from fieldstation.journal.reader import Reader
from fieldstation.journal.runs import Runs
from fieldstation.journal.schema import PAGE_BYTES, open_writable
from fieldstation.journal.tallies import Tallies

T = TypeVar("T")

_Notes = tuple[dict[str, list[Range]], dict[int, int]]
"""What is settled and what was sent, in memory only."""


class Writer(Reader):
    """A journal opened for writing by its one owner; belongs to the thread that opened it.
    `most_bytes` is a limit that the file never outgrows (0: none).
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._inside = False
        self._stale = False
        self._last = self._last_meant = 0
        super().__init__(path)
        with ExitStack() as undo:
            undo.callback(self.release)
            self._load(({}, {}))
            undo.pop_all()

    def _open(self) -> sqlite3.Connection:
        return open_writable(self.path, self._most_bytes)

    @property
    def last(self) -> int:
        """The newest sequence ever given, 0 for none."""
        return self._last

    def transact(self, work: Callable[[], T]) -> T:
        """Run `work`, which may call any of the methods, as one durable transaction."""
        if self._inside:
            return work()
        notes = self._unwritten()
        if self._stale:
            self._reopen(notes)
        before, done = self._last, list[T]()
        try:
            return self._attempt(work, done)
        except DiskFault:
            meant = self._last_meant
            self._reopen(notes)
            if done and before < meant == self._last:
                return done[0]  # the commit did reach the disk
            return self._attempt(work, [])

    def widen(self, more_bytes: int) -> None:
        """Let the file outgrow its limit by `more_bytes` until told otherwise."""
        if self._most_bytes:
            pages = (self._most_bytes + more_bytes) // PAGE_BYTES
            with in_our_words(self.path):
                self._db.execute(f"PRAGMA max_page_count={max(64, pages)}").fetchall()

    def flush(self) -> None:
        """Bring what waits for a transaction to the file now."""
        if self._cursors.changed or self._meter.unwritten():
            self.transact(lambda: None)

    def close(self) -> None:
        """Write what is settled and release the file."""
        try:
            self.flush()
        finally:
            super().close()

    def release(self) -> None:
        """Let go of a file that can no longer be trusted, without writing to it."""
        with suppress(sqlite3.Error):
            self._db.close()

    def _attempt(self, work: Callable[[], T], done: list[T]) -> T:
        self._inside = True
        notes = self._unwritten()
        with ExitStack() as undo:
            undo.callback(self._roll_back, notes)
            with in_our_words(self.path):
                self._db.execute("BEGIN IMMEDIATE")
                done.append(work())
                self._cursors.write()
                self._meter.write()
                self._db.execute("COMMIT")
            undo.pop_all()
        self._inside = False
        self._cursors.written()
        self._meter.written()
        return done[0]

    def _unwritten(self) -> _Notes:
        return self._cursors.unwritten(), self._meter.unwritten()

    def _roll_back(self, notes: _Notes) -> None:
        """Back to what the file says. A connection that cannot even do this is given up before the
        next transaction.
        """
        self._inside, self._stale = False, True
        self._last_meant = self._last
        with suppress(sqlite3.Error, StoreError):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._load(notes)

    def _reopen(self, notes: _Notes) -> None:
        self._stale = True
        self.release()
        with in_our_words(self.path):
            self._db = self._open()
        self._load(notes)

    def _load(self, notes: _Notes) -> None:
        with in_our_words(self.path):
            self._catalogue = Catalogue(self._db)
            self._packs = Packs(self._db, self._catalogue)
            self._facts = Facts(self._db)
            self._about = read_about(self._db)
            self._last = self._newest()
            cursors, meter = Cursors(self._db, self._about.origin), Meter(self._db)
            self._runs = Runs(self._db, self._last)
            self._tallies = Tallies(self._about.tallied, self._untallied(self._about.tallied))
        cursors.restore(notes[0])
        meter.restore(notes[1])
        self._cursors, self._meter = cursors, meter
        self._stale = False

    def _known_cursors(self) -> Cursors:
        return self._cursors

    def _known_runs(self) -> Runs:
        return self._runs

    def _known_meter(self) -> Meter:
        return self._meter

    # --- within a transaction ---

    def _state(self, about: About) -> None:
        """Change what the journal says of itself."""
        write_about(self._db, about)
        self._about = about

    def _write_tallies(self) -> None:
        self._tallies.write(self._facts, self._last)
        self._state(replace(self._about, tallied=self._last))
