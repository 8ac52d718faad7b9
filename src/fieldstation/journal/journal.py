"""The station's log. What it accepted is on the disk.

1. `append` returns after the commit, which is after fsync. Nothing moves earlier.
   `test_nothing_accepted_is_lost_when_the_writer_is_killed`
2. Sequences grow by one and are never given twice.
   `test_sequences_go_on_after_a_restart_and_after_everything_was_pruned`
3. A sealed range stays as it is until it is settled.
   `test_a_sealed_batch_is_the_same_after_a_restart`
4. Only what every required sink has settled is deleted, and nothing by age while the clock is not
   trusted. `test_only_settled_readings_are_pruned`
5. A row that turns out to be damaged leaves its tally and becomes a hole, so that the account of
   its day still adds up. `test_a_damaged_reading_becomes_a_hole_and_leaves_its_tally`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from fieldstation.batch.facts import Event, Fact, Hole, State
from fieldstation.batch.model import Announcement
from fieldstation.batch.packed import Packed
from fieldstation.batch.ranges import Range
from fieldstation.errors import StoreDamaged
from fieldstation.journal.about import new_identity
from fieldstation.journal.aside import headless, interrupted, set_aside
from fieldstation.journal.cursors import MOST_ISLANDS, Cursor, Cursors, Sealed
from fieldstation.journal.facts import is_mark
from fieldstation.journal.faults import in_our_words
from fieldstation.journal.migrate import bring_up
from fieldstation.journal.packing import Packing
from fieldstation.journal.quarantine import Quarantined, given_up, set_apart
from fieldstation.journal.rows import pack
from fieldstation.journal.salvage import highest, waiting
from fieldstation.journal.sealing import Numbered, Ready, Stretch, newest
from fieldstation.journal.tallies import key_of
from fieldstation.model import Instant, Kept, Reading, Trust

_INSERT = (
    "INSERT INTO reading (sequence, stream, boot, utc_us, mono_us, trust, body, digest)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_PRUNE_ROWS = 2000  # deleted in one transaction, so that an append never waits long
_PRUNE_PACKS = 20


class Journal(Packing):
    """The journal and everything that may be done with it.

    `utc_us` tells the wall time for notes. `most_bytes` is a limit that the file never outgrows (0:
    none). A new journal gives sequences above `floor`. Every method raises StoreFull,
    StoreUnavailable or StoreDamaged, and has then accepted nothing.
    """

    def __init__(
        self, path: Path, *, utc_us: Callable[[], int], most_bytes: int = 0, floor: int = 0
    ) -> None:
        self._utc_us = utc_us
        self.keep_all = False
        """Nothing is deleted, because rows are being put back that look settled until it is done.
        """
        self._now = Instant(0, 0, bytes(16))
        super().__init__(path, most_bytes)
        self.start_above(floor)

    def start_above(self, floor: int) -> None:
        """Give no sequence up to `floor`."""
        if floor > self._last:
            self.transact(lambda: self._start_above(floor))

    @property
    def fresh(self) -> bool:
        """Whether it never kept a reading: then it may have been cut off before it was told above
        which sequence it starts.
        """
        return self._last == self.origin

    @property
    def origin(self) -> int:
        """The sequence after which this journal began."""
        return self._about.origin

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
            self._catalogue.mend()
            self._catalogue.boot_of(instant.boot, kernel, instant.utc_us)
            for hole in self._facts.of(Hole):
                if hole.open and hole.boot != instant.boot and not is_mark(hole):
                    self._facts.write(replace(hole, state=State.LOST))

        self.transact(work)
        self._now = instant

    # --- facts ---

    def write_fact(self, fact: Fact) -> int:
        """Keep a fact, new or with more to say; its revision."""
        return self.transact(lambda: self._facts.write(fact))

    def write_hole(self, hole: Hole) -> None:
        """Keep a hole, new or changed; its run and number tell which."""
        self.write_fact(hole)

    def tell(self, now: Instant, what: str, text: str) -> Event:
        """Keep an event of this moment, numbered within its run."""

        def work() -> Event:
            number = self._facts.newest_number(Event, now.boot) + 1
            event = Event(now.boot, number, now.utc_us, now.mono_us, what, text)
            self._facts.write(event)
            return event

        return self.transact(work)

    def fork(self) -> None:
        """Take a new identity, because another copy of this journal went on without it."""

        def work() -> None:
            old, new = self._about.identity, new_identity()
            self._state(replace(self._about, identity=new))
            text = f"another copy of journal {old} went on; this one is {new} from now on"
            self.tell(replace(self._now, utc_us=self._utc_us()), "restored", text)

        self.transact(work)

    def count_in(self, boot: bytes, instrument: str, day: int, count: int) -> None:
        """Correct what was stored by `count` readings, for rows that were added or lost otherwise
        than by `append`.
        """

        def work() -> None:
            self._tallies.add((boot, instrument, day), count)
            self._write_tallies()

        self.transact(work)

    # --- sinks ---

    def seal(
        self,
        sink: str,
        most: int,
        *,
        fresh: bool = False,
        ready: Ready | None = None,
        packed: bool = False,
    ) -> Sealed | None:
        """The batch to send now: the one in flight, else the next of up to `most` rows of one run,
        recorded before this returns. None when there is nothing.

        `fresh` takes the newest, as far as the sink has nothing above them; else the oldest go
        first. Readings that are not `ready` stay, with what lies behind them in their run. What is
        `packed` comes as it is, when that is wanted.
        """
        cursor = self._cursors[sink]
        if cursor.last:
            whole = self._in_flight(cursor.first, cursor.last) if packed else None
            rows = [] if whole else self._rows(cursor.first, cursor.last, cursor.last)
            return _sealed(cursor, rows, whole)
        stretch = self._stretch(cursor, most, fresh, ready, packed)
        if stretch is None:
            return None
        boots = [kept.reading.instant.boot for _, kept in stretch.rows if kept]
        boots += [stretch.packed.boot] if stretch.packed else []
        cursor = self._cursors[sink]
        flight = replace(
            cursor, boot=boots[0] if boots else cursor.boot, number=cursor.number + 1,
            first=stretch.first, last=stretch.last,
        )  # fmt: skip
        self.transact(lambda: self._cursors.put(flight))
        return _sealed(flight, stretch.rows, stretch.packed)

    def shorten(self, sink: str, last: int) -> Sealed | None:
        """The batch in flight cut to end at `last`, for a hub that finds it too large."""
        cursor = self._cursors[sink]
        if cursor.first <= last < cursor.last:
            self.transact(lambda: self._cursors.put(replace(cursor, last=last)))
        return self.seal(sink, 1)

    def settle(self, sink: str, first: int, last: int) -> None:
        """The sink has `first` to `last`. Reaches the file with the next transaction, which is
        early enough: a cursor that is behind costs one harmless resend.
        """
        self._cursors.settle(sink, first, last)

    def resend(self, sink: str, boot: bytes, first: int, last: int) -> bool:
        """Take `first` to `last` of `boot` out of what the sink has, as far as the readings are
        here and were not given up. False when nothing of it can go again, or too much else goes
        again just now: then the sink has to ask once more.
        """
        cursor = self._cursors[sink]
        ranges = cursor.ranges
        for low, high in self._here(sink, boot, first, last):
            ranges.remove(low, high)
        if ranges.pairs == cursor.ranges.pairs or len(ranges.pairs) > MOST_ISLANDS + 1:
            return False
        self.transact(lambda: self._cursors.put(cursor.having(ranges)))
        return True

    def quarantine(self, sink: str, first: int, last: int, code: str, message: str) -> None:
        """Give up sending `first` to `last` to the sink, with the reason; the readings stay
        here.
        """

        def work() -> None:
            rows = self._rows(first, last, last - first + 1)
            counts = Counter(key_of(kept.reading)[1:] for _, kept in rows if kept)
            entry = Quarantined(sink, first, last, code, message, self._utc_us())
            set_apart(self._db, entry, counts)
            self._cursors.settle(sink, first, last)

        self.transact(work)

    def note_sent(self, day: int, count: int) -> None:
        """`count` more bytes were sent on `day` (since 1970-01-01). Reaches the file with the next
        transaction.
        """
        self._meter.add(day, count)

    # --- room ---

    def prune(self, required: Sequence[str], *, now: Instant, keep_us: int, keep_bytes: int) -> int:
        """Delete readings older than `keep_us`, or the oldest while the file holds more than
        `keep_bytes`; never one that a sink of `required` has not settled. One step; how many went.
        """
        if self.keep_all:
            return 0
        settled = min((self._cursors[name].settled for name in required), default=self._last)
        rows = [row for row in self._first_rows() if row[0] <= settled]
        last = 0
        if self.size_bytes > keep_bytes:
            last = max((row[0] for row in rows), default=0)
        elif now.trust is Trust.SYNCED:
            old = now.utc_us - keep_us
            last = max((row[0] for row in rows if row[2] and row[1] < old), default=0)
        if not last:
            return 0

        def work() -> int:
            self._write_tallies()
            self._state(replace(self._about, floor=self._last))
            self._facts.forget()
            packs = self._packs.forget(last)
            gone = self._db.execute("DELETE FROM reading WHERE sequence <= ?", (last,)).rowcount
            return gone + packs

        return self.transact(work)

    def _first_rows(self) -> list[tuple[int, int, int]]:
        """Last number, newest time and trust of the oldest rows and packs."""
        with in_our_words(self.path):
            rows: list[tuple[int, int, int]] = self._db.execute(
                "SELECT sequence, utc_us, trust FROM reading ORDER BY sequence LIMIT ?",
                (_PRUNE_ROWS,),
            ).fetchall()
            up_to = rows[-1][0] if len(rows) == _PRUNE_ROWS else self._last
            packs = islice(self._packs.upwards(0, up_to), _PRUNE_PACKS)
            rows += [(each.last, each.newest_utc_us, int(each.synced)) for each in packs]
            return sorted(rows)

    # --- within a transaction ---

    def _append(self, readings: Sequence[Reading]) -> list[Kept]:
        kept = [Kept(self._last + 1 + index, reading) for index, reading in enumerate(readings)]
        rows = []
        for one in kept:
            reading = one.reading
            stream = self._catalogue.stream_of(reading.instrument, reading.layout)
            boot = self._catalogue.boot_of(reading.instant.boot)
            rows.append(pack(one.sequence, stream, boot, reading))
            self._runs.append(one.sequence, boot)
        self._db.executemany(_INSERT, rows)
        self._last += len(rows)
        self._tallies.count(readings)
        if kept:
            self._now = readings[-1].instant
            if self._tallies.due(self._last, self._now.mono_us):
                self._write_tallies()
        return kept

    def _start_above(self, floor: int) -> None:
        self._state(replace(self._about, floor=floor, origin=floor, tallied=floor))
        self._cursors = Cursors(self._db, floor)
        self._last = self._tallies.tallied = floor

    def _stretch(
        self, cursor: Cursor, most: int, fresh: bool, ready: Ready | None, packed: bool
    ) -> Stretch | None:
        """What to seal."""
        gaps = cursor.ranges.absent(0, self._last)
        if fresh:
            if not gaps or gaps[-1][1] < self._last:
                return None
            stretch = newest(gaps[-1], self._rows, most, ready)
            beside = stretch is None or stretch.first == gaps[-1][0]
            if beside or len(cursor.islands) < MOST_ISLANDS:
                return stretch
        for gap in gaps:
            stretch = self._oldest(cursor.name, gap, most, ready, whole=packed)
            if stretch is not None:
                return stretch
        return None

    def _here(self, sink: str, boot: bytes, first: int, last: int) -> list[Range]:
        """The parts of `first` to `last` whose readings are of this boot, here, and not given
        up.
        """
        number = next((n for n, known in self._catalogue.boots.items() if known == boot), None)
        with in_our_words(self.path):
            ends = self._db.execute(
                "SELECT min(sequence), max(sequence) FROM reading"
                " WHERE sequence BETWEEN ? AND ? AND boot = ?",
                (first, last, number),
            ).fetchone()
            here = [end for end in ends if end is not None]
            for whole in self._packs.upwards(first, last):
                if whole.boot == number:
                    here += max(first, whole.first), min(last, whole.last)
            return given_up(self._db, sink).absent(min(here), max(here)) if here else []


def _sealed(cursor: Cursor, rows: Sequence[Numbered], packed: Packed | None) -> Sealed:
    kept = tuple(one for number, one in rows if one is not None and number <= cursor.last)
    whole = replace(packed, number=cursor.number) if packed else None
    return Sealed(cursor.boot, cursor.number, cursor.first, cursor.last, kept, whole)


def open_journal(
    path: Path,
    *,
    utc_us: Callable[[], int],
    most_bytes: int = 0,
    floor: int = 0,
    damaged: bool = False,
) -> tuple[Journal, Path | None]:
    """The journal at `path`, ready to write. One that is damaged, or known to be (`damaged`), is
    put aside first, and a new one starts at once above `floor` and above all that lies aside can
    hold; the second value is then where the old one lies. One of an older form is brought to this
    form first.
    """
    gone = damaged or path.is_dir() or headless(path) or interrupted(path) is not None
    aside = set_aside(path, utc_us()) if gone else None
    try:
        bring_up(path, utc_us)
        journal = Journal(path, utc_us=utc_us, most_bytes=most_bytes, floor=floor)
    except StoreDamaged:
        aside = set_aside(path, utc_us())
        journal = Journal(path, utc_us=utc_us, most_bytes=most_bytes, floor=floor)
    if journal.fresh:
        journal.start_above(max((floor, *map(highest, waiting(path)))))
    return journal, aside
