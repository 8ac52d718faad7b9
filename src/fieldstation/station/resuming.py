"""What was due while no station ran: between the end of earlier accounts and the first due time of
this run. Done beside the work, so that it delays no reading.

1. Within one run of the machine, monotonic time says how long that was, whatever the wall clock did
   meanwhile. `test_a_restart_under_a_jumped_clock_counts_what_passed`
2. Otherwise UTC says it, where it is known at both ends; for an untrusted clock as soon as its
   machine run is dated. `test_a_power_cut_without_a_clock_is_counted_when_the_time_is_known`
3. Where it cannot be known, the hole has the cause `clock` and counts nothing.
   `test_what_cannot_be_known_counts_nothing_and_says_so`
4. While the run before still took other readings, an instrument in a hole stayed in it: that part
   keeps its cause. `test_a_dead_instrument_stays_dead_until_the_station_stopped`
5. A damaged journal may hold more readings: the account waits until they are back. A hole with the
   cause `damaged` that counts nothing marks its place, so that a later run takes it over when this
   one is killed first. `test_a_station_killed_before_the_salvage_is_done_counts_once`
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from fieldstation.batch.facts import Cause, Hole, State
from fieldstation.errors import StoreError
from fieldstation.journal import Journal
from fieldstation.journal.facts import is_mark
from fieldstation.model import Trust
from fieldstation.station.clock import Clock
from fieldstation.station.collector import Collector
from fieldstation.station.instrument import Instrument
from fieldstation.station.ledger import WHOLE
from fieldstation.station.past import MOST_FACTS, Moment, Past, Reached
from fieldstation.station.schedule import Passed
from fieldstation.station.timekeeper import Timekeeper

# A due time lies that share of an interval off where a grid found back to the wall clock.
SLACK = 0.1
WAIT_S = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Numbers of the holes to come, drawn before the run has any, so that they are in order."""

    before: int
    stopped: int


@dataclass(frozen=True, slots=True)
class _Span:
    """Between the end of an account and the first due time `begin` of a run: `stopped` due times
    of a station that did not run, and those of `whole` before them that ended otherwise.
    """

    begin: Moment
    every_us: int
    stopped: int
    whole: int

    def passed(self, after: int, until: int) -> Passed:
        """The due times before the first one, counted backwards: those above `after`, up to
        `until`.
        """
        begin, every_us = self.begin, self.every_us
        utc_us = begin.told_utc_us if begin.utc_us is None else begin.utc_us
        span = (utc_us - until * every_us, utc_us - (after + 1) * every_us)
        return Passed(until - after, *span, utc_us - begin.mono_us)


class Resuming:
    """Accounts for `instruments` up to their first due times."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        clock: Clock,
        collector: Collector,
        timekeeper: Timekeeper,
    ) -> None:
        self._clock = clock
        self._collector = collector
        self._timekeeper = timekeeper
        self._instruments = {one.settings.name: one for one in instruments}
        self._numbers = {
            name: _Numbers(collector.hole_number(), collector.hole_number())
            for name in self._instruments
        }

    async def run(self) -> None:
        """Account for everything, which may have to wait until the journal is whole again, and
        until the time is known.
        """
        marked = not self._collector.whole.is_set()
        if marked:
            self._mark(self._instruments, State.OPEN)
        now = self._clock.now()
        if now.trust is Trust.SYNCED:
            await self._timekeeper.known.wait()
        await self._take_over()
        past = await self._past(self._instruments)
        late = [name for name, one in past.reached.items() if not self._account(name, one, marked)]
        if marked:
            self._mark(self._instruments.keys() - past.reached.keys(), State.LOST)
        if late:
            await self._timekeeper.known.wait()
            for name in late:
                self._account(name, past.reached[name], marked)

    async def _past(self, names: Iterable[str], boot: bytes | None = None) -> Past:
        """What the runs before this one, or before `boot`, reached."""
        while True:
            await self._collector.whole.wait()
            past = Past(names, self._clock.now(), boot)
            while not await self._ask(past.step):
                pass
            if self._collector.whole.is_set():
                return past

    async def _ask(self, work: Callable[[Journal], T]) -> T:
        while True:
            try:
                return await self._collector.ask(work)
            except StoreError:
                await asyncio.sleep(WAIT_S)

    # --- this run ---

    def _mark(self, names: Iterable[str], state: State) -> None:
        """Say that readings may have been due before this run, and nobody knows (yet)."""
        for name in names:
            one, number = self._instruments[name], self._numbers[name].stopped
            one.ledger.unknown(one.first.utc_us, number, state, Cause.DAMAGED)

    def _account(self, name: str, reached: Reached, marked: bool) -> bool:
        """Write the holes of one instrument; False when that has to wait for the time."""
        one, numbers = self._instruments[name], self._numbers[name]
        first, offset_us = one.first, self._timekeeper.offset_us
        utc_us = None if offset_us is None else first.due_mono_us + offset_us
        begin = Moment(self._clock.kernel, first.due_mono_us, utc_us, first.utc_us)
        span = _span(begin, reached, one.every_us)
        if span is None:
            at, last = reached.at, reached.alive or reached.at
            waits = last.utc_us is not None and not self._timekeeper.known.is_set()
            at_us = at.told_utc_us if at.utc_us is None else at.utc_us
            since_us = max(0, at_us) + one.every_us
            one.ledger.unknown(since_us, numbers.stopped, State.OPEN if waits else State.LOST)
            return not waits
        if span.whole > span.stopped:
            before = span.passed(span.stopped, span.whole)
            one.ledger.lapse(Cause(reached.cause), before, number=numbers.before)
        if span.stopped:
            one.ledger.lapse(Cause.STOPPED, span.passed(0, span.stopped), number=numbers.stopped)
        elif marked:
            self._mark([name], State.RECOVERED)
        one.resumed += span.whole
        return True

    # --- runs that were killed before a damaged journal was back ---

    async def _take_over(self) -> None:
        await self._collector.whole.wait()
        for mark in await self._ask(partial(_marks, boot=self._clock.now().boot)):
            holes = [replace(mark, state=State.LOST)]
            if mark.instrument in self._instruments:
                past = await self._past([mark.instrument], mark.boot)
                begin = await self._ask(partial(past.end_of, hole=mark))
                every_us = self._instruments[mark.instrument].every_us
                reached = past.reached.get(mark.instrument)
                if reached is not None:
                    holes = _in_place(mark, _span(begin, reached, every_us), reached)
            await self._ask(partial(_write, holes=holes))


def _marks(journal: Journal, boot: bytes) -> list[Hole]:
    """The marks of earlier runs, oldest first."""
    order = journal.order_of_runs
    marks = [
        hole
        for hole in journal.holes(MOST_FACTS)
        if is_mark(hole) and hole.boot in order and hole.boot != boot
    ]
    return sorted(marks, key=lambda hole: (order.index(hole.boot), hole.number))


def _in_place(mark: Hole, span: _Span | None, reached: Reached) -> list[Hole]:
    """The holes of which only the mark was known."""
    if span is None:
        return [replace(mark, cause=Cause.CLOCK, state=State.LOST)]
    holes = [replace(mark, state=State.RECOVERED)]
    if span.stopped:
        holes = [_hole(mark, mark.number, Cause.STOPPED, span.passed(0, span.stopped))]
    if span.whole > span.stopped:
        before = span.passed(span.stopped, span.whole)
        holes.append(_hole(mark, mark.number - 1, Cause(reached.cause), before))
    return holes


def _hole(mark: Hole, number: int, cause: Cause, passed: Passed) -> Hole:
    span = (passed.first_utc_us, passed.last_utc_us, passed.count)
    return Hole(number, mark.instrument, WHOLE, cause, mark.boot, *span, State.LOST)


def _write(journal: Journal, holes: Sequence[Hole]) -> None:
    def work() -> None:
        for hole in holes:
            journal.write_hole(hole)

    journal.transact(work)


# --- how long it was ---


def _span(begin: Moment, reached: Reached, every_us: int) -> _Span | None:
    """What was due between; None when nobody knows (yet)."""
    stopped_us = _since_us(begin, reached.alive or reached.at)
    whole_us = _since_us(begin, reached.at)
    if stopped_us is None or whole_us is None:
        return None
    return _Span(begin, every_us, _due(stopped_us, every_us), _due(whole_us, every_us))


def _since_us(begin: Moment, then: Moment) -> int | None:
    """How long before `begin` that was; None when nobody knows (yet)."""
    if then.kernel and then.kernel == begin.kernel:
        return begin.mono_us - then.mono_us
    if then.utc_us is None or begin.utc_us is None:
        return None
    since_us = begin.utc_us - then.utc_us
    return since_us if since_us >= 0 else None


def _due(since_us: int, every_us: int) -> int:
    """How many readings were due in so long, both ends left out."""
    return max(0, -(-(since_us - round(SLACK * every_us)) // every_us) - 1)
