"""The embedded series store: one SQLite file, one writer, any number of readers.

1. A receipt is given after the commit, and the commit is synced.
2. Uploads are kept as they came (inbox) and become visible at once; a thread seals them into
   compressed segments when there are many or the oldest have waited long (seal).
3. One connection writes, under one lock. Readers have their own connections and see snapshots;
   neither waits for the other.
4. What lives in memory can be rebuilt from the file at any moment, and is, at the start and after
   every failed write.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fieldstation.batch.limits import MOST_INTEGER
from fieldstation.batch.model import Receipt
from fieldstation.errors import BadRequest, FieldstationError, StoreError, StoreUnavailable
from fieldstation.series.api import Buckets, Columns, InstrumentEntry, Latest, Upload
from fieldstation.series.embedded.cache import Cache
from fieldstation.series.embedded.inbox import Group, load
from fieldstation.series.embedded.reads import View, pages
from fieldstation.series.embedded.schema import explained, open_reader, open_writer, told
from fieldstation.series.embedded.seal import Done, Round
from fieldstation.series.embedded.segments import STRIDE, Pieces
from fieldstation.series.embedded.streams import latest

_log = logging.getLogger(__name__)

# Decoded columns kept for plots: a year of one station's hourly level is 10 MB.
_CACHE_BYTES = 32 << 20
# The write-ahead log is copied into the file when it has grown to this.
_LOG_BYTES = 8 << 20
_IDLE_READERS = 8


class EmbeddedStore:
    """A SeriesStore in the file `path`, which is made when it is not there.

    With `background` a thread seals: when `seal_readings` readings or `seal_uploads` uploads wait,
    and every `seal_every_s` seconds what there is. Without it nothing is sealed but by `seal_now`.
    Raises StoreError.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        background: bool = True,
        seal_every_s: float = 3600.0,
        seal_readings: int = 200_000,
        seal_uploads: int = 8_000,
    ) -> None:
        self._path = Path(path)
        self._log_path = f"{path}-wal"
        self._every_s = seal_every_s
        self._most = (seal_readings, seal_uploads)
        self._writing = threading.RLock()
        self._sealing = threading.Lock()
        self._memory = threading.Lock()
        self._wake = threading.Condition(self._memory)
        self._cache = Cache(_CACHE_BYTES)
        self._idle: list[sqlite3.Connection] = []
        self._closed = self._log_long = False
        self._waiting = [0, 0]
        self._owner = _own(self._path)
        try:
            self._start()
        except BaseException:
            os.close(self._owner)
            raise
        self._thread: threading.Thread | None = None
        if background:
            self._thread = threading.Thread(target=self._run, name="series-seal", daemon=True)
            self._thread.start()

    # --- taking in ---

    def apply(self, uploads: Sequence[Upload]) -> list[Receipt | FieldstationError]:
        """See `SeriesStore.apply`."""
        with self._writing:
            if self._stale:
                self._restart()
            group = Group(self._books, self._streams)
            answers = [_admit(group, upload) for upload in uploads]
            if group.changes:
                with self.transaction() as connection:
                    group.write(connection)
                with self._wake:
                    self._published(group)
        self._mind_log()
        return answers

    def _mind_log(self) -> None:
        """Have a long write-ahead log copied: by the thread, or here when there is none."""
        if os.stat(self._log_path).st_size < _LOG_BYTES:
            return
        if self._thread is None:
            self._copy_log()
        else:
            with self._wake:
                self._log_long = True
                self._wake.notify_all()

    def _published(self, group: Group) -> None:
        self._waiting[0] += group.publish()
        self._waiting[1] += len(group.intakes)
        if self._due():
            self._wake.notify_all()

    # --- questions ---

    def catalogue(self, station: str | None = None) -> list[InstrumentEntry]:
        """See `SeriesStore.catalogue`."""
        with self._memory:
            return self._streams.catalogue(station)

    def latest(self, station: str, instrument: str) -> Latest:
        """See `SeriesStore.latest`."""
        with self._memory:
            return latest(self._streams.of(station, instrument))

    def read(
        self,
        station: str,
        instrument: str,
        channels: Sequence[str],
        start_us: int,
        end_us: int,
        most: int | None = None,
    ) -> Columns:
        """See `SeriesStore.read`."""
        _check_range(start_us, end_us)
        if most is not None and most < 1:
            raise BadRequest(f"at least one reading can be asked for, not {most}")
        with self._memory:
            streams, known = self._streams.holding(station, instrument, channels)
            view = View([(stream, tuple(stream.hot)) for stream in streams])
        with self._snapshot() as connection:
            view.open(connection, self._cache)
            return view.read(known, start_us, end_us, most)

    def walk(
        self, station: str, instrument: str, channels: Sequence[str], start_us: int, end_us: int
    ) -> Iterator[Columns]:
        """See `SeriesStore.walk`. Names and range are checked at once, not at the first piece."""
        _check_range(start_us, end_us)
        with self._memory:
            self._streams.holding(station, instrument, channels)

        def first(start_us: int, end_us: int, most: int | None) -> Columns:
            return self.read(station, instrument, channels, start_us, end_us, most)

        return pages(first, start_us, end_us)

    def buckets(
        self,
        station: str,
        instrument: str,
        channels: Sequence[str],
        start_us: int,
        end_us: int,
        most: int,
    ) -> list[Buckets]:
        """See `SeriesStore.buckets`."""
        _check_range(start_us, end_us)
        with self._memory:
            streams, known = self._streams.holding(station, instrument, channels)
            view = View([(stream, tuple(stream.hot)) for stream in streams])
        with self._snapshot() as connection:
            view.open(connection, self._cache)
            found = {each.channel: each for each in view.buckets(known, start_us, end_us, most)}
        return [found[name] for name in channels]

    # --- sealing ---

    def seal_now(self) -> None:
        """Seal everything that has been received by now. Raises StoreError."""
        with self._sealing:
            with self._memory:
                books, streams = self._books, self._streams
                warm = [stream for stream in streams.by_key.values() if stream.hot]
                work = [(stream, tuple(stream.hot)) for stream in warm]
                through = books.last_upload
                self._waiting = [0, 0]
            self._current = streams
            Round(self, through).run(work)
            self._copy_log()

    def sealed(self, done: Iterable[Done]) -> None:
        """Memory follows a transaction of a round; see `seal.Writer`."""
        if self._streams is not self._current:
            raise StoreUnavailable("the store was started again during sealing; it goes on later")
        self._after_commit = list(done)

    def _follow(self, done: Iterable[Done]) -> None:
        with self._memory:
            for each in done:
                stream = each.stream
                del stream.hot[: each.blocks]
                stream.through = each.through
                stream.sealed += each.readings
                stream.first_us = min([each.first_us, *_given(stream.first_us)])
                stream.last_us = max([each.last_us, *_given(stream.last_us)])

    def new_segment(self) -> int:
        """A segment number that was never used."""
        self._segment += 1
        return self._segment

    def _due(self) -> bool:
        return any(count >= most for count, most in zip(self._waiting, self._most, strict=True))

    def _called(self) -> bool:
        return self._closed or self._due() or self._log_long

    def _run(self) -> None:
        """The sealing thread: a failed round is told and tried again at the next occasion."""
        while True:
            with self._wake:
                woken = self._wake.wait_for(self._called, self._every_s)
                due = self._due() or not woken
                if self._closed:
                    return
            try:
                if due:
                    self.seal_now()
                else:
                    self._copy_log()
            except StoreError as error:
                _log.warning("sealing failed and will be tried again: %s", error)

    # --- connections ---

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The writer's connection inside a transaction; committed and synced at the end."""
        with self._writing:
            connection, self._after_commit = self._writer, []
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                # After a failed sync nobody knows what the system has written: read it again.
                self._stale = True
                raise explained(error, self._path) from error
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            self._follow(self._after_commit)

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """A reader's connection inside a transaction."""
        with told(self._path):
            connection = self._reader()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")
                if self._closed or len(self._idle) >= _IDLE_READERS:
                    connection.close()
                else:
                    self._idle.append(connection)

    def _reader(self) -> sqlite3.Connection:
        with self._memory:
            if self._idle:
                return self._idle.pop()
        return open_reader(self._path)

    @contextmanager
    def reading(self) -> Iterator[Pieces]:
        """A snapshot of the segments."""
        with self._snapshot() as connection:
            yield Pieces(connection, self._cache)

    def _copy_log(self) -> None:
        """Copy the write-ahead log into the file: most of it beside the writer, the rest while the
        writer stands still, as only a log that is copied whole can be begun anew.
        """
        self._log_long = False
        with told(self._path):
            self._keeper.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            with self._writing:
                # A reader that still needs the log is not waited for; the next copy ends it.
                self._writer.execute("PRAGMA busy_timeout = 0")
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self._writer.execute("PRAGMA busy_timeout = 10000")

    # --- begin and end ---

    def _start(self) -> None:
        self._writer = open_writer(self._path)
        with told(self._path):
            self._keeper = open_writer(self._path)
            self._books, self._streams = load(self._writer)
            last = self._writer.execute(
                f"SELECT max((SELECT coalesce(max(id), 0) FROM segment),"  # noqa: S608
                f" (SELECT coalesce(max(id), 0) / {STRIDE} FROM piece))"
            ).fetchone()[0]
        self._segment = max(int(last), getattr(self, "_segment", 0))
        self._stale = False

    def _restart(self) -> None:
        with self._memory:
            self._writer.close()
            self._keeper.close()
            self._start()

    def close(self) -> None:
        """See `SeriesStore.close`. What is not sealed stays in the inbox."""
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()
        with self._sealing, self._writing:
            for connection in (*self._idle, self._keeper, self._writer):
                connection.close()
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


def _admit(group: Group, upload: Upload) -> Receipt | FieldstationError:
    try:
        return group.admit(upload)
    except FieldstationError as error:
        return error


def _check_range(start_us: int, end_us: int) -> None:
    if start_us >= end_us:
        raise BadRequest("the range is empty: its start must lie before its end")
    if abs(start_us) >= MOST_INTEGER or abs(end_us) > MOST_INTEGER:
        raise BadRequest("the range reaches beyond the years that the store knows (1970 to 2255)")


def _given(number: int | None) -> tuple[int, ...]:
    return () if number is None else (number,)
