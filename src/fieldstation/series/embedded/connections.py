"""The connections to the series file: one that writes, one that copies the log, those that read.

1. Only one process uses the file; a lock beside it says so. SQLite's own locks would let a second
   hub write, and neither would know what the other had received.
2. One connection writes, under `writing`, in transactions that are synced when they are committed.
3. After any error of a transaction nobody knows what the system has written: `failed` is set, and
   the owner opens everything again before it writes again.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fieldstation.errors import StoreUnavailable
from fieldstation.series.embedded.migrate import migrate
from fieldstation.series.embedded.schema import explained, open_reader, open_writer, told

# The write-ahead log is copied into the file when it has grown to this.
_LOG_BYTES = 8 << 20
_IDLE_READERS = 8


class Connections:
    """All connections to the file `path`. Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writing = threading.RLock()
        self.failed = self._closed = False
        self._log_path = f"{path}-wal"
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._owner = _own(path)
        with ExitStack() as undo:
            undo.callback(os.close, self._owner)
            migrate(path)
            self._open()
            undo.pop_all()

    def _open(self) -> None:
        self.writer = open_writer(self.path)
        self._keeper = open_writer(self.path)

    def reopen(self) -> None:
        """Begin anew with fresh connections for writing. The caller reads everything again."""
        with self.writing:
            self.writer.close()
            self._keeper.close()
            self._open()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The writer inside a transaction; committed and synced at the end, undone on an error."""
        with self.writing:
            connection = self.writer
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                self.failed = True
                raise explained(error, self.path) from error
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A reader inside a transaction."""
        with told(self.path):
            connection = self._reader()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")
                self._put_back(connection)

    def _reader(self) -> sqlite3.Connection:
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return open_reader(self.path)

    def _put_back(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            if len(self._idle) < _IDLE_READERS and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def log_is_long(self) -> bool:
        """True when the write-ahead log should be copied."""
        return os.stat(self._log_path).st_size >= _LOG_BYTES

    def copy_log(self) -> None:
        """Copy the write-ahead log into the file: most of it beside the writer, the rest while the
        writer stands still, as only a log that is copied whole can be begun anew.
        """
        with told(self.path):
            self._keeper.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            with self.writing:
                # A reader that still needs the log is not waited for; the next copy ends it.
                self.writer.execute("PRAGMA busy_timeout = 0")
                self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self.writer.execute("PRAGMA busy_timeout = 10000")

    def close(self) -> None:
        """Close everything and give up the file; readers that are still at it close themselves."""
        with self.writing, self._guard:
            for connection in (*self._idle, self._keeper, self.writer):
                connection.close()
            self._idle.clear()
            self._closed = True
            os.close(self._owner)


def _own(path: Path) -> int:
    """Make this process the only one that uses the file. Raises StoreUnavailable."""
    try:
        owner = os.open(f"{path}-owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be opened: {error.strerror}; check the folder and its rights"
        ) from error
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(owner)
        raise StoreUnavailable(f"{path} is in use by another hub: stop that one first") from error
    return owner
