"""The station's log. What it accepted is on the disk.

1. `append` returns after the commit, which is after fsync. Nothing moves earlier.
   `test_nothing_accepted_is_lost_when_the_writer_is_killed`
2. Sequences grow by one and are never given twice.
   `test_sequences_go_on_after_a_restart_and_after_everything_was_pruned`
3. A sealed range stays as it is until it is settled.
   `test_a_sealed_batch_is_the_same_after_a_restart`
4. Only what every required sink has settled is deleted, and nothing by age while the clock is not
   trusted. `test_only_settled_readings_are_pruned`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fieldstation.batch.facts import Hole
from fieldstation.batch.model import Announcement
from fieldstation.errors import StoreDamaged, StoreFull
from fieldstation.journal.aside import set_aside
from fieldstation.journal.cursors import Cursor, Cursors, Sealed
from fieldstation.journal.faults import in_our_words
from fieldstation.journal.holes import close_left_open, write_hole
from fieldstation.journal.rows import pack
from fieldstation.journal.writer import Writer
from fieldstation.model import Instant, Kept, Reading, Trust

_INSERT = (
    "INSERT INTO reading (sequence, stream, boot, utc_us, mono_us, trust, body, digest)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_PRUNE_ROWS = 2000  # deleted in one transaction, so that an append never waits long


class Journal(Writer):
    """The journal and everything that may be done with it.

    `utc_us` tells the wall time for notes. `most_bytes` is a limit that the file never outgrows (0:
    none). A new journal gives sequences above `floor`. Every method raises StoreFull,
    StoreUnavailable or StoreDamaged, and has then accepted nothing.
    """

    def __init__(
        self, path: Path, *, utc_us: Callable[[], int], most_bytes: int = 0, floor: int = 0
    ) -> None:
        self._utc_us = utc_us
        super().__init__(path, most_bytes)
        if floor > self._last:
            self.transact(lambda: self._start_above(floor))

    # --- readings ---

    def append(self, readings: Sequence[Reading]) -> list[Kept]:
        """Keep readings; when this returns they are durable and numbered in the order given."""
        return self.transact(lambda: self._append(readings))

    def announce(self, announcements: Sequence[Announcement]) -> None:
        """Remember what the hub has to know about streams, for the batches to come."""

        def work() -> None:
            for announcement in announcements:
                self._catalogue.announce(announcement)

        if any(self.announcements.get((a.instrument, a.layout.id)) != a for a in announcements):
            self.transact(work)

    def begin(self, instant: Instant, kernel: str) -> None:
        """Note that a run of the station starts, and close the holes that earlier runs left
        open.
        """

        def work() -> None:
            self._catalogue.boot_of(instant.boot, kernel, instant.utc_us)
            close_left_open(self._db, instant.boot)

        self.transact(work)

    # --- sinks ---

    def cursor(self, sink: str) -> Cursor:
        """How far the sink has come."""
        return self._cursors[sink]

    def seal(self, sink: str, most: int) -> Sealed | None:
        """The batch to send now: the one in flight, else the next of up to `most` rows of one boot,
        recorded before this returns. None when there is nothing.
        """
        cursor = self._cursors[sink]
        if cursor.last:
            return _sealed(cursor, self._scan(cursor.first - 1, cursor.last - cursor.first + 1))
        rows = self._scan(cursor.settled, most)
        if not rows:
            return None
        boot = next((kept.reading.instant.boot for _, kept in rows if kept), cursor.boot)
        last = cursor.settled
        for sequence, kept in rows:
            if kept is not None and kept.reading.instant.boot != boot:
                break
            last = sequence
        number = cursor.number + 1 if boot == cursor.boot else 1
        sealed = Cursor(sink, cursor.settled, boot, number, cursor.settled + 1, last)
        self.transact(lambda: self._cursors.put(sealed))
        return _sealed(sealed, rows)

    def shorten(self, sink: str, last: int) -> Sealed | None:
        """The batch in flight cut to end at `last`, for a hub that finds it too large."""
        cursor = self._cursors[sink]
        if not cursor.first <= last < cursor.last:
            return self.seal(sink, 1)
        self.transact(lambda: self._cursors.put(replace(cursor, last=last)))
        return self.seal(sink, 1)

    def settle(self, sink: str, last: int) -> None:
        """The sink has everything up to `last`. Reaches the file with the next transaction, which
        is early enough: a cursor that is behind costs one harmless resend.
        """
        self._cursors.settle(sink, last)

    def rewind(self, sink: str, first: int, last: int, boot: bytes) -> bool:
        """Send again from `first` on, when readings of `boot` up to `last` are still here. False
        when they are not.
        """
        cursor = self._cursors[sink]
        here = [k for k in self.after(first - 1, 1) if k.sequence <= min(last, cursor.settled)]
        if not here or here[0].reading.instant.boot != boot:
            return False
        back = replace(cursor, settled=here[0].sequence - 1, first=0, last=0)
        self.transact(lambda: self._cursors.put(back))
        return True

    def quarantine(self, sink: str, first: int, last: int, code: str, message: str) -> None:
        """Give up sending `first` to `last` to the sink, with the reason; the readings stay
        here.
        """

        def work() -> None:
            self._note(sink, first, last, code, message)
            self._cursors.settle(sink, last)

        self.transact(work)

    # --- holes ---

    @property
    def newest_hole(self) -> int:
        """The highest number that a hole has, 0 when there is none."""
        with in_our_words(self.path):
            return int(self._db.execute("SELECT max(number) FROM hole").fetchone()[0] or 0)

    def write_hole(self, hole: Hole) -> None:
        """Write a hole, new or changed; its number tells which."""
        self.transact(lambda: write_hole(self._db, hole))

    # --- room ---

    def prune(self, required: Sequence[str], *, now: Instant, keep_us: int, keep_bytes: int) -> int:
        """Delete readings older than `keep_us`, or the oldest while the file holds more than
        `keep_bytes`; never one that a sink of `required` has not settled. One step; how many went.
        """
        settled = min((self._cursors[name].settled for name in required), default=self._last)
        rows = [row for row in self._oldest() if row[0] <= settled]
        last = 0
        if self.size_bytes > keep_bytes:
            last = max((row[0] for row in rows), default=0)
        elif now.trust is Trust.SYNCED:
            old = now.utc_us - keep_us
            last = max((row[0] for row in rows if row[2] and row[1] < old), default=0)
        if not last:
            return 0

        def work() -> int:
            self._raise_floor()
            return self._db.execute("DELETE FROM reading WHERE sequence <= ?", (last,)).rowcount

        return self.transact(work)

    def _oldest(self) -> list[tuple[int, int, int]]:
        with in_our_words(self.path):
            return self._db.execute(
                "SELECT sequence, utc_us, trust FROM reading ORDER BY sequence LIMIT ?",
                (_PRUNE_ROWS,),
            ).fetchall()

    # --- within a transaction ---

    def _append(self, readings: Sequence[Reading]) -> list[Kept]:
        kept = [Kept(self._last + 1 + index, reading) for index, reading in enumerate(readings)]
        rows = []
        for one in kept:
            reading = one.reading
            stream = self._catalogue.stream_of(reading.instrument, reading.layout)
            boot = self._catalogue.boot_of(reading.instant.boot)
            rows.append(pack(one.sequence, stream, boot, reading))
        self._db.executemany(_INSERT, rows)
        self._last += len(rows)
        return kept

    def _raise_floor(self) -> None:
        self._db.execute("UPDATE floor SET sequence = ?", (self._last,))

    def _start_above(self, floor: int) -> None:
        self._db.execute("UPDATE floor SET sequence = ?, origin = ?", (floor, floor))
        self._cursors = Cursors(self._db, floor)
        self._last = floor

    def _note(self, sink: str, first: int, last: int, code: str, message: str) -> None:
        self._db.execute(
            "INSERT INTO quarantine (sink, first, last, code, message, found_utc_us)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (sink, first, last, code, message, self._utc_us()),
        )

    def on_damage(self, sequences: Sequence[int]) -> None:
        """Note damaged rows once each."""
        known = {entry.first for entry in self.quarantined() if not entry.sink}
        fresh = [number for number in sequences if number not in known]

        def work() -> None:
            for number in fresh:
                self._note("", number, number, "damaged", "the row does not fit its digest")

        if fresh:
            with suppress(StoreFull):  # noted the next time it is read
                self.transact(work)


def _sealed(cursor: Cursor, rows: Sequence[tuple[int, Kept | None]]) -> Sealed:
    kept = tuple(one for number, one in rows if one is not None and number <= cursor.last)
    return Sealed(cursor.boot, cursor.number, cursor.first, cursor.last, kept)


def open_journal(
    path: Path,
    *,
    utc_us: Callable[[], int],
    most_bytes: int = 0,
    floor: int = 0,
    damaged: bool = False,
) -> tuple[Journal, Path | None]:
    """The journal at `path`, ready to write. One that is damaged, or known to be (`damaged`), is
    put aside first, and a new one starts at once above `floor`; the second value is then where the
    old one lies.
    """
    aside = set_aside(path, utc_us()) if damaged or path.is_dir() else None
    try:
        journal = Journal(path, utc_us=utc_us, most_bytes=most_bytes, floor=floor)
    except StoreDamaged:
        aside = set_aside(path, utc_us())
        journal = Journal(path, utc_us=utc_us, most_bytes=most_bytes, floor=floor)
    return journal, aside
