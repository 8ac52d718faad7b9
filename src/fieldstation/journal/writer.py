"""Durable transactions on a journal, and a memory that always says what the file says.

1. A transaction is durable when `transact` returns: the commit syncs.
2. After an input/output error nothing is retried on the same connection, since the system forgets a
   failed write: close, open again, look how far the file came, do the transaction again once.
   `test_after_a_failed_sync_a_new_connection_decides_what_is_kept`
3. Whatever fails, numbers, cursors and catalogue in memory go back to what the file says, and what
   was settled before stays settled. `test_one_transaction_holds_several_works_or_none`
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from fieldstation.errors import StoreError
from fieldstation.journal.catalogue import Catalogue
from fieldstation.journal.cursors import Cursors
from fieldstation.journal.faults import DiskFault, in_our_words
from fieldstation.journal.reader import Reader
from fieldstation.journal.schema import open_writable

T = TypeVar("T")


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
        self._load({})

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
        settled = self._cursors.unwritten()
        if self._stale:
            self._reopen(settled)
        before, done = self._last, list[T]()
        try:
            return self._attempt(work, done)
        except DiskFault:
            meant = self._last_meant
            self._reopen(settled)
            if done and before < meant == self._last:
                return done[0]  # the commit did reach the disk
            return self._attempt(work, [])

    def flush(self) -> None:
        """Bring settled cursors to the file now."""
        if self._cursors.unwritten():
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
        settled = self._cursors.unwritten()
        try:
            with in_our_words(self.path):
                self._db.execute("BEGIN IMMEDIATE")
                done.append(work())
                self._cursors.write()
                self._db.execute("COMMIT")
        except BaseException:
            self._last_meant = self._last
            self._roll_back(settled)
            raise
        finally:
            self._inside = False
        self._cursors.written()
        return done[0]

    def _roll_back(self, settled: dict[str, int]) -> None:
        """Back to what the file says. A connection that cannot even do this is given up before the
        next transaction.
        """
        self._stale = True
        with suppress(sqlite3.Error, StoreError):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._load(settled)

    def _reopen(self, settled: dict[str, int]) -> None:
        self._stale = True
        self.release()
        with in_our_words(self.path):
            self._db = self._open()
        self._load(settled)

    def _load(self, settled: dict[str, int]) -> None:
        with in_our_words(self.path):
            self._catalogue = Catalogue(self._db)
            origin = self._db.execute("SELECT max(origin) FROM floor").fetchone()[0]
            self._cursors = Cursors(self._db, origin or 0)
            self._last = self._newest()
        for name, last in settled.items():
            if last > self._cursors[name].settled:
                self._cursors.settle(name, last)
        self._stale = False
