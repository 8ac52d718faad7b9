"""Holes: what was due and is not there, when and why, for one instrument.

1. A hole opens with the first missing reading and is written within WRITE_S; it grows in memory and
   is written again at most every GROW_S, so an outage does not wear the disk.
2. Another cause starts another hole, and so does a step of the wall clock: the times of one hole
   lie on one line. `test_a_hole_never_reaches_over_a_step_of_the_clock`
3. A reading that is kept closes the hole, in the commit that writes the reading.
4. A late reading leaves its hole: a hole that lost all of its readings so is recovered, another one
   shrinks or is cut in two. `test_late_readings_leave_their_hole`
5. Holes of a clock that was not trusted get their true times when these are known.
   `test_holes_of_an_untrusted_clock_get_their_true_times`
6. Silence is what is seen of several causes. Where the reading that ends it tells the true one, the
   hole gets that. `test_a_silence_that_is_explained_has_its_true_cause`
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fieldstation.batch.facts import Cause, Hole, State
from fieldstation.station.collector import Collector
from fieldstation.station.schedule import STEP_US, Passed

WRITE_S, GROW_S = 5.0, 60.0
# What came before those is neither dated nor recovered any more.
REMEMBERED = 1000

WHOLE = ""  # the layout of a hole that concerns all layouts of the instrument


@dataclass(slots=True)
class _Entry:
    """A hole of this run; `whole` is what it was before late readings left it, `offset_us` UTC
    minus monotonic time as its times were taken, `dated` whether that is true.
    """

    hole: Hole
    whole: Hole
    offset_us: int | None
    dated: bool
    written_utc_us: int | None = None

    def goes_on(self, cause: Cause, passed: Passed) -> bool:
        """Whether more readings belong to the hole."""
        if self.offset_us is None or passed.offset_us is None:
            return self.hole.cause == cause
        return self.hole.cause == cause and abs(passed.offset_us - self.offset_us) < STEP_US

    def grow(self, passed: Passed) -> None:
        """Take in more readings."""
        self.hole, self.whole = (
            replace(hole, last_utc_us=passed.last_utc_us, count=hole.count + passed.count)
            for hole in (self.hole, self.whole)
        )

    def move(self, offset_us: int) -> bool:
        """Give the hole its true times. Whether they differ."""
        shift_us = 0 if self.offset_us is None else offset_us - self.offset_us
        self.hole, self.whole = (
            replace(
                hole,
                first_utc_us=hole.first_utc_us + shift_us,
                last_utc_us=hole.last_utc_us + shift_us,
            )
            for hole in (self.hole, self.whole)
        )
        self.offset_us, self.dated = offset_us, True
        return abs(shift_us) > STEP_US


class Ledger:
    """The holes of `instrument` in this run, which is `boot`."""

    def __init__(self, collector: Collector, instrument: str, boot: bytes) -> None:
        self._collector = collector
        self._instrument = instrument
        self._boot = boot
        self._open: dict[str, _Entry] = {}
        self._closed: deque[_Entry] = deque(maxlen=REMEMBERED)
        self._true_us: int | None = None
        self.dated = True
        """Whether the times of holes are true as they come."""
        self.missed_by_cause: dict[str, int] = {}

    @property
    def open_holes(self) -> list[Hole]:
        """The holes that readings keep falling into."""
        return [entry.hole for entry in self._open.values()]

    def missed(self, cause: Cause, passed: Passed, layout: str = WHOLE) -> None:
        """Readings of the layout were not taken."""
        passed = self._true(passed)
        entry = self._open.get(layout)
        if entry is not None and not entry.goes_on(cause, passed):
            self.kept(layout)
            entry = None
        if entry is None:
            entry = self._open[layout] = self._made(cause, passed, layout)
        else:
            entry.grow(passed)
        self._count(cause, passed.count)
        before_us = entry.written_utc_us
        if before_us is None or not 0 <= entry.hole.last_utc_us - before_us < GROW_S * 1e6:
            entry.written_utc_us = entry.hole.last_utc_us
            self._write(entry.hole)

    def kept(self, layout: str = WHOLE, explained: Cause | None = None) -> None:
        """A reading of the layout is taken: close its hole. `explained` is what it tells of a
        silence before it.
        """
        entry = self._open.pop(layout, None)
        if entry is None:
            return
        if explained is not None and entry.hole.cause == Cause.SILENT:
            self._count(Cause.SILENT, -entry.hole.count)
            self._count(explained, entry.hole.count)
            entry.hole = replace(entry.hole, cause=explained)
            entry.whole = replace(entry.whole, cause=explained)
        self._close(entry)

    def lapse(
        self, cause: Cause, passed: Passed, layout: str = WHOLE, number: int | None = None
    ) -> None:
        """Readings were not taken, and it is over already. An open hole stays open."""
        self._close(self._made(cause, self._true(passed), layout, number))
        self._count(cause, passed.count)

    def unknown(self, at_us: int, number: int, state: State, cause: Cause = Cause.CLOCK) -> None:
        """Readings may have been due about then; how many is not known, not yet if `state` is
        open.
        """
        span = (at_us, at_us, 0)
        self._write(Hole(number, self._instrument, WHOLE, cause, self._boot, *span, state))

    def late(self, utc_us: int, every_us: int, layout: str) -> None:
        """A reading that was due then came after all."""
        for entry in self._of(layout):
            hole = entry.hole
            place = round((utc_us - hole.first_utc_us) / every_us)
            if hole.count and 0 <= place < hole.count:
                self._count(Cause(hole.cause), -1)
                self._leave(entry, place, every_us)
                return

    def date(self, offset_us: int, *, lasting: bool) -> None:
        """UTC minus monotonic time is known; of all later holes as well if `lasting`."""
        for entry in [*self._closed, *self._open.values()]:
            if not entry.dated and entry.move(offset_us):
                self._write(entry.hole)
        self._true_us = offset_us if lasting else None
        self.dated = True

    def finish(self) -> None:
        """Write the open holes as they stand, still open: the next run closes them."""
        for entry in self._open.values():
            self._write(entry.hole)

    # --- within ---

    def _true(self, passed: Passed) -> Passed:
        if self._true_us is None or passed.offset_us is None:
            return passed
        shift_us = self._true_us - passed.offset_us
        first_us, last_us = passed.first_utc_us + shift_us, passed.last_utc_us + shift_us
        return Passed(passed.count, first_us, last_us, self._true_us)

    def _made(self, cause: Cause, passed: Passed, layout: str, number: int | None = None) -> _Entry:
        if number is None:
            number = self._collector.hole_number()
        span = (passed.first_utc_us, passed.last_utc_us, passed.count)
        hole = Hole(number, self._instrument, layout, cause, self._boot, *span)
        return _Entry(hole, hole, passed.offset_us, self.dated or passed.offset_us is None)

    def _of(self, layout: str) -> Iterator[_Entry]:
        if layout in self._open:
            yield self._open[layout]
        yield from (entry for entry in reversed(self._closed) if entry.hole.layout == layout)

    def _leave(self, entry: _Entry, place: int, every_us: int) -> None:
        """Take one reading out of a hole."""
        hole, last = entry.hole, entry.hole.count - 1
        at_us = hole.first_utc_us + place * every_us
        if not last:
            entry.hole = replace(hole, count=0)
            if self._open.get(hole.layout) is entry:
                del self._open[hole.layout]
            self._write(replace(entry.whole, state=State.RECOVERED))
            return
        if place == last:
            entry.hole = replace(hole, last_utc_us=at_us - every_us, count=last)
        else:
            entry.hole = replace(hole, first_utc_us=at_us + every_us, count=last - place)
        if 0 < place < last:
            entry.whole = entry.hole
            before = Passed(place, hole.first_utc_us, at_us - every_us, entry.offset_us)
            self._close(self._made(Cause(hole.cause), before, hole.layout))
        self._write(entry.hole)

    def _close(self, entry: _Entry) -> None:
        entry.hole = replace(entry.hole, state=State.LOST)
        self._closed.append(entry)
        self._write(entry.hole)

    def _count(self, cause: Cause, count: int) -> None:
        self.missed_by_cause[cause] = self.missed_by_cause.get(cause, 0) + count

    def _write(self, hole: Hole) -> None:
        self._collector.soon(lambda journal: journal.write_hole(hole), WRITE_S)
