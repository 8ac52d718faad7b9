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

import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fieldstation.batch.limits import MOST_INTEGER
from fieldstation.batch.model import Receipt
from fieldstation.batch.ranges import Ranges
from fieldstation.batch.report import Span
from fieldstation.errors import BadRequest, FieldstationError, StoreError, StoreUnavailable
from fieldstation.series.api import Buckets, Columns, InstrumentEntry, Latest, Upload
from fieldstation.series.embedded.books import load
from fieldstation.series.embedded.cache import Cache
from fieldstation.series.embedded.connections import Connections
from fieldstation.series.embedded.days import counted
from fieldstation.series.embedded.inbox import Group
from fieldstation.series.embedded.reads import View, pages
from fieldstation.series.embedded.schema import told
from fieldstation.series.embedded.seal import Done, Round
from fieldstation.series.embedded.segments import STRIDE, Pieces
from fieldstation.series.embedded.streams import latest

_log = logging.getLogger(__name__)

# Decoded columns kept for plots: a year of one station's hourly level is 10 MB.
_CACHE_BYTES = 32 << 20


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
        seal_readings: int = 600_000,
        seal_uploads: int = 20_000,
    ) -> None:
        self._every_s = seal_every_s
        self._most = (seal_readings, seal_uploads)
        self._sealing = threading.Lock()
        self._memory = threading.Lock()
        self._wake = threading.Condition(self._memory)
        self._cache = Cache(_CACHE_BYTES)
        self._closed = self._log_long = False
        self._waiting = [0, 0]
        self._segment = 0
        self._after_commit: list[Done] = []
        self._files = Connections(Path(path))
        with ExitStack() as undo:
            undo.callback(self._files.close)
            self._start()
            undo.pop_all()
        self._thread: threading.Thread | None = None
        if background:
            self._thread = threading.Thread(target=self._run, name="series-seal", daemon=True)
            self._thread.start()

    # --- taking in ---

    def apply(self, uploads: Sequence[Upload]) -> list[Receipt | FieldstationError]:
        """See `SeriesStore.apply`."""
        with self._files.writing:
            self._heal()
            group = Group(self._books, self._streams, self.reading)
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
        if not self._files.log_is_long():
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
        with self._files.snapshot() as connection:
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
        with self._files.snapshot() as connection:
            view.open(connection, self._cache)
            found = {each.channel: each for each in view.buckets(known, start_us, end_us, most)}
        return [found[name] for name in channels]

    def counts(
        self, station: str, start_day: int, end_day: int, *, taken: bool = False
    ) -> dict[tuple[str, int], int]:
        """See `SeriesStore.counts`."""
        with self._memory:
            streams = [s for s in self._streams.by_key.values() if s.station == station]
            held = [(stream, tuple(stream.hot)) for stream in streams]
        with self._files.snapshot() as connection:
            return counted(connection, held, start_day, end_day, taken)

    def absent(self, station: str, spans: Sequence[Span]) -> list[Span]:
        """See `SeriesStore.absent`."""
        nothing = Ranges()
        with self._memory:
            ranges = self._books.ranges
            return [
                (boot, low, high)
                for boot, first, last in spans
                for low, high in ranges.get((station, boot), nothing).absent(first, last)
            ]

    # --- sealing ---

    def seal_now(self) -> None:
        """Seal everything that has been received by now. Raises StoreError."""
        with self._sealing:
            self._heal()
            with self._memory:
                books, streams = self._books, self._streams
                warm = [stream for stream in streams.by_key.values() if stream.hot]
                work = [(stream, tuple(stream.hot)) for stream in warm]
                through = books.last_upload
                self._waiting = [0, 0]
            self._current = streams
            Round(self, through).run(work)
            self._copy_log()

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

    # --- what sealing uses; see `seal.Writer` ---

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The writer inside a transaction; memory follows once it is committed."""
        with self._files.writing:
            self._after_commit = []
            with self._files.transaction() as connection:
                yield connection
            self._follow(self._after_commit)

    @contextmanager
    def reading(self) -> Iterator[Pieces]:
        """A snapshot of the segments."""
        with self._files.snapshot() as connection:
            yield Pieces(connection, self._cache)

    def new_segment(self) -> int:
        """A segment number that was never used."""
        self._segment += 1
        return self._segment

    def sealed(self, done: Iterable[Done]) -> None:
        """What the transaction makes true when it is committed."""
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

    def _copy_log(self) -> None:
        self._log_long = False
        self._files.copy_log()

    # --- begin and end ---

    def _start(self) -> None:
        connection = self._files.writer
        with told(self._files.path):
            self._books, self._streams = load(connection)
            last = connection.execute(
                "SELECT max((SELECT coalesce(max(id), 0) FROM segment),"
                " (SELECT coalesce(max(id), 0) / ? FROM piece))",
                (STRIDE,),
            ).fetchone()[0]
        self._segment = max(int(last), self._segment)

    def _heal(self) -> None:
        """After a failed write: fresh connections, and memory as the file has it."""
        with self._files.writing:
            if self._files.failed:
                with self._memory:
                    self._files.reopen()
                    self._start()
                self._files.failed = False

    def close(self) -> None:
        """See `SeriesStore.close`. What is not sealed stays in the inbox."""
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()
        with self._sealing:
            self._files.close()


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
