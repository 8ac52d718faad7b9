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
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fieldstation.batch.facts import Cause, State
from fieldstation.errors import StoreError
from fieldstation.model import Trust
from fieldstation.station.clock import Clock
from fieldstation.station.collector import Collector
from fieldstation.station.instrument import Instrument
from fieldstation.station.past import Moment, Past, Reached
from fieldstation.station.schedule import Passed, Tick
from fieldstation.station.timekeeper import Timekeeper

# A due time lies that share of an interval off where a grid found back to the wall clock.
SLACK = 0.1
WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Numbers of the holes to come, drawn before the run has any, so that they are in order."""

    before: int
    stopped: int


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
        """Account for everything, which may have to wait until the time is known."""
        now = self._clock.now()
        if now.trust is Trust.SYNCED:
            await self._timekeeper.known.wait()
        past = Past(self._instruments, now)
        while not await self._asked(past):
            pass
        late = [name for name, one in past.reached.items() if not self._account(name, one)]
        if late:
            await self._timekeeper.known.wait()
            for name in late:
                self._account(name, past.reached[name])

    async def _asked(self, past: Past) -> bool:
        try:
            return await self._collector.ask(past.step)
        except StoreError:
            await asyncio.sleep(WAIT_S)
            return False

    def _account(self, name: str, reached: Reached) -> bool:
        """Write the holes of one instrument; False when that has to wait for the time."""
        numbers, ledger = self._numbers[name], self._instruments[name].ledger
        first, every_us = self._instruments[name].first, self._instruments[name].every_us
        last = reached.alive or reached.at
        stopped_us, whole_us = self._since_us(first, last), self._since_us(first, reached.at)
        if stopped_us is None or whole_us is None:
            waits = last.utc_us is not None and not self._timekeeper.known.is_set()
            at_us = reached.at.told_utc_us if reached.at.utc_us is None else reached.at.utc_us
            since_us = max(0, at_us) + every_us
            ledger.unknown(since_us, numbers.stopped, State.OPEN if waits else State.LOST)
            return not waits
        stopped, whole = _due(stopped_us, every_us), _due(whole_us, every_us)
        if whole > stopped:
            before = self._passed(first, stopped, whole, every_us)
            ledger.lapse(Cause(reached.cause), before, number=numbers.before)
        if stopped:
            since = self._passed(first, 0, stopped, every_us)
            ledger.lapse(Cause.STOPPED, since, number=numbers.stopped)
        self._instruments[name].resumed += whole
        return True

    def _since_us(self, first: Tick, then: Moment) -> int | None:
        """How long before the first due time that was; None when nobody knows (yet)."""
        if then.kernel and then.kernel == self._clock.kernel:
            return first.due_mono_us - then.mono_us
        offset_us = self._timekeeper.offset_us
        if then.utc_us is None or offset_us is None:
            return None
        since_us = first.due_mono_us + offset_us - then.utc_us
        return since_us if since_us >= 0 else None

    def _passed(self, first: Tick, after: int, until: int, every_us: int) -> Passed:
        """The due times before the first one, counted backwards: those above `after`, up to
        `until`.
        """
        offset_us = self._timekeeper.offset_us
        if offset_us is None:
            offset_us = first.offset_us
        utc_us = first.due_mono_us + offset_us
        span = (utc_us - until * every_us, utc_us - (after + 1) * every_us)
        return Passed(until - after, *span, offset_us)


def _due(since_us: int, every_us: int) -> int:
    """How many readings were due in so long, both ends left out."""
    return max(0, -(-(since_us - round(SLACK * every_us)) // every_us) - 1)
