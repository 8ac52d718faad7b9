"""Watches the wall clock against the time since the machine started.

1. A step of more than STEP_US between two looks is an event, `clock_jump`: from, to, how much, and
   whether the clock is trusted now. `test_a_step_of_the_clock_is_an_event`
2. What smaller steps add up to within an hour is drift; above DRIFT_PPM it is an event, once until
   it is below half of that. The kernel slews both clocks alike, so one that is disciplined without
   steps shows none. `test_drift_is_told_once`
3. When the clock becomes trusted, the machine's run gets a clock fact, from which the UTC of every
   earlier reading of it follows; so it does in the first run of the station that finds the clock
   trusted. `test_trust_that_comes_late_dates_the_run`
4. Nothing waits for the clock except what cannot be known without it (`known`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from fieldstation.batch.facts import ClockFact, Source
from fieldstation.errors import StoreError
from fieldstation.journal import Journal
from fieldstation.model import Instant, Trust
from fieldstation.station.clock import Clock, utc_text
from fieldstation.station.collector import Collector
from fieldstation.station.schedule import STEP_US

log = logging.getLogger(__name__)

LOOK_S = 1.0
# The most that the kernel lets a clock run fast or slow; it counts where looks are far apart.
SLEW_PPM = 500
HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
DRIFT_PPM = 100.0
# Between looks for a time that the hub told.
ASK_S = 5.0

Dated = Callable[[int, bool], None]
"""Told UTC minus monotonic time, and whether the wall clock stays wrong."""


@dataclass(slots=True)
class ClockState:
    """What `status` tells about the clock. `source` says who told the true time: system, hub, or
    nobody yet.
    """

    trusted: bool = False
    source: str = ""
    jumps: int = 0
    last_jump_s: float = 0.0
    last_jump_utc_us: int = 0
    drift_ppm: float = 0.0


class Watch:
    """The wall clock as it was seen so far. Pure."""

    def __init__(self, now: Instant) -> None:
        self._last = now
        self._slow_us = 0  # what changed without a jump
        self._past = deque([(now.mono_us, 0)])
        self._told = False

    def look(self, now: Instant) -> int:
        """The microseconds by which the clock was set since the last look; 0: it was not."""
        passed_us = now.mono_us - self._last.mono_us
        change_us = now.utc_us - self._last.utc_us - passed_us
        self._last = now
        if abs(change_us) > max(STEP_US, passed_us * SLEW_PPM // 10**6):
            return change_us
        self._slow_us += change_us
        if now.mono_us - self._past[-1][0] >= MINUTE_US:
            self._past.append((now.mono_us, self._slow_us))
        while now.mono_us - self._past[0][0] > HOUR_US and len(self._past) > 1:
            self._past.popleft()
        return 0

    @property
    def drift_ppm(self) -> float:
        """How fast the clock runs against monotonic time, over the last hour at most."""
        since_us, before_us = self._past[0]
        passed_us = self._last.mono_us - since_us
        return (self._slow_us - before_us) / passed_us * 1e6 if passed_us >= MINUTE_US else 0.0

    def drifts(self) -> bool:
        """Whether drift over a whole hour is to be told now."""
        whole = self._last.mono_us - self._past[0][0] >= HOUR_US - 2 * MINUTE_US
        drift_ppm = abs(self.drift_ppm)
        if self._told:
            self._told = drift_ppm > DRIFT_PPM / 2
            return False
        self._told = whole and drift_ppm > DRIFT_PPM
        return self._told


class Timekeeper:
    """The watch of a station. `dated` is called when the true time becomes known."""

    def __init__(self, clock: Clock, collector: Collector, dated: Dated) -> None:
        self.known = asyncio.Event()
        """Set once UTC is known for this run of the machine."""
        self.offset_us: int | None = None
        """UTC minus monotonic time, as far as that is known."""
        now = clock.now()
        self.state = ClockState(now.trust is Trust.SYNCED)
        self._clock = clock
        self._collector = collector
        self._dated = dated
        self._watch = Watch(now)
        self._told = False  # whether it is known in the journal that the clock is trusted
        self._distrusted = False
        self._asked_us = now.mono_us

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self._look()
            except StoreError:
                log.debug("the clock's facts wait for the journal")
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        now = self._clock.now()
        self.state.trusted = trusted = now.trust is Trust.SYNCED
        if change_us := self._watch.look(now):
            self._jumped(now, change_us)
        self.state.drift_ppm = round(self._watch.drift_ppm, 1)
        if self._watch.drifts():
            text = f"the wall clock drifts by {self._watch.drift_ppm:.0f} ppm"
            self._collector.soon(lambda journal: journal.tell(now, "clock_drift", text), 5.0)
            log.warning("clock drift", extra={"ppm": round(self._watch.drift_ppm)})
        if not trusted:
            self._told, self._distrusted = False, True
            if not self.known.is_set() and now.mono_us >= self._asked_us:
                await self._ask_journal(now)
        elif not self._told:
            await self._trust(now)

    def _jumped(self, now: Instant, change_us: int) -> None:
        state = self.state
        state.jumps += 1
        state.last_jump_s, state.last_jump_utc_us = change_us / 1e6, now.utc_us
        trust = "trusted" if now.trust is Trust.SYNCED else "not trusted"
        text = (
            f"the wall clock was set by {change_us / 1e6:+.3f} s, from"
            f" {utc_text(now.utc_us - change_us)} to {utc_text(now.utc_us)}; it is {trust}"
        )
        self._collector.soon(lambda journal: journal.tell(now, "clock_jump", text), 5.0)
        log.warning("clock jump", extra={"seconds": f"{change_us / 1e6:+.3f}", "clock": trust})

    async def _trust(self, now: Instant) -> None:
        """The system's clock is trusted from now on."""
        kernel = self._clock.kernel
        fact = ClockFact(
            now.boot, 0, kernel, now.mono_us, now.utc_us, self._clock.error_us, Source.SYSTEM
        )
        if kernel:
            await self._collector.ask(lambda journal: _learn(journal, fact, self._distrusted))
        self._told = True
        self._know(fact)

    async def _ask_journal(self, now: Instant) -> None:
        """Look whether the time is known from elsewhere."""
        self._asked_us = now.mono_us + round(ASK_S * 1e6)
        fact = await self._collector.ask(lambda journal: journal.clock_of(now.boot))
        if fact is not None:
            self._know(fact)

    def _know(self, fact: ClockFact) -> None:
        self.state.source, self.offset_us = fact.source, fact.offset_us
        self._dated(fact.offset_us, not self.state.trusted)
        self.known.set()


def _learn(journal: Journal, fact: ClockFact, anew: bool) -> None:
    """Keep what the system's clock says, when it came to be trusted or nothing as good is known."""
    known = journal.clock_of(fact.boot)
    if anew or known is None or known.source is not Source.SYSTEM:
        number = journal.newest_number(ClockFact, fact.boot) + 1
        journal.write_fact(replace(fact, number=number))
