"""One instrument at work: open its port, learn who answers, poll on the grid, start over after a
failure.

1. The main reading decides: when it fails, the unit is asked again who it is before the next one,
   since another unit may have been plugged in. The other readings of the plan fail for themselves.
   `test_a_swapped_unit_is_noticed`
2. On a shared port a lost unit is asked again only when a reading of it is due: that time is its
   own. `test_a_dead_and_a_babbling_unit_cost_the_others_nothing`
3. "lost" and "back" are logged once for each outage. Each due reading that is not taken is counted
   in a hole with its cause. `test_an_outage_is_one_hole_and_two_lines_in_the_log`
4. A seldom reading is due only when the main one is taken, so holes of the main one have no layout.
   `test_a_full_queue_is_a_hole_of_the_main_reading`
5. The first reading of a run does not wait for others to share its commit: whoever started the
   station sees at once that it works. `test_the_first_reading_of_a_run_is_written_at_once`
6. A farewell is said to a unit that was met, whatever became of it since: one that is being started
   or answered badly would run on. Another unit in its place hears none.
   `test_a_farewell_is_said_in_any_state`, `test_a_wrong_unit_hears_no_farewell`
7. A unit that must not be left alone is spoken to while no reading is due.
   `test_a_counter_is_never_left_alone_however_seldom_readings_are`
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fieldstation.batch.facts import Cause
from fieldstation.batch.model import Announcement
from fieldstation.errors import (
    CodecError,
    FieldstationError,
    InstrumentRefused,
    LinkError,
    LinkTimeout,
)
from fieldstation.model import Driver, Identity, Poll, Reading, Trust
from fieldstation.model.talk import FAREWELL_S, IDLE_S, Exploring, farewell, idle
from fieldstation.sinks.backoff import Backoff
from fieldstation.station.causes import WrongUnit, cause_of, not_taken
from fieldstation.station.clock import Clock
from fieldstation.station.collector import Collector
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.ledger import WHOLE, Ledger
from fieldstation.station.port import Port
from fieldstation.station.schedule import Grid, Passed, Tick, Turns
from fieldstation.station.units import Unit
from fieldstation.station.values import fit
from fieldstation.transport.converse import Runner
from fieldstation.transport.link import Link

log = logging.getLogger(__name__)

TELL_S = 5.0
MOST_WORDS = 500

_ANSWERED_BADLY = (LinkTimeout, CodecError, InstrumentRefused)
_NOT_HERE = (LinkError, CodecError, InstrumentRefused, WrongUnit)


@dataclass(slots=True)
class InstrumentState:
    """What `status` tells about an instrument. `state` is starting, good or lost."""

    state: str = "starting"
    cause: str = ""
    error: str = ""
    serial: str = ""
    model: str = ""
    readings: int = 0
    polls: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    unfit: dict[str, int] = field(default_factory=dict)
    last_utc_us: int = 0


class Instrument:
    """The instrument of `settings`, run in a task of its own, talking through `port`."""

    def __init__(
        self,
        settings: InstrumentSettings,
        driver: Driver,
        clock: Clock,
        collector: Collector,
        *,
        port: Port,
        phase_us: int = 0,
    ) -> None:
        self.state = InstrumentState()
        self.settings = settings
        self._driver = driver
        self._clock = clock
        self._collector = collector
        self._port = port
        self._unit = Unit(settings, collector)
        self.every_us = round(settings.every_s * 1e6)
        now = clock.now()
        self._grid = Grid(self.every_us, now, phase_us)
        self.first = self._grid.next
        """The first due time of this run."""
        self.resumed = 0
        """Readings that were due between earlier runs and this one."""
        self.ledger = Ledger(collector, settings.name, now.boot)
        self.ledger.dated = now.trust is Trust.SYNCED
        self._link: Link | None = None
        self._runner: Runner | None = None
        self._met = False
        self._astray = False

    async def visit(self, backoff: Backoff) -> None:
        """Poll until something fails, which is raised. Resets `backoff` when a reading is there."""
        if self._astray and self._port.shared:
            self._count_passed(Cause(self.state.cause))
            await self._wait_due()
        identity, plan = await self._meet()
        self.state.serial, self.state.model = identity.serial, identity.model
        await self._announce(identity, plan)
        tick = await self._next_tick()
        await self._main(plan[0], tick)
        backoff.reset()
        plan = await self._explored(identity, plan)
        turns = Turns([poll.every for poll in plan])
        due = turns.take(tick.index)[1:]
        while True:
            for line in due:
                await self._other(plan[line], tick)
            tick = await self._next_tick()
            due = turns.take(tick.index)
            if 0 in due:
                due.remove(0)
                await self._main(plan[0], tick)

    @property
    def due(self) -> int:
        """How many readings were due so far: each was taken, or is counted in a hole."""
        return self._grid.next.index + self.resumed

    @property
    def behind_s(self) -> float:
        """For how long a due reading has been neither taken nor counted."""
        now = self._clock.now()
        return max(0, now.mono_us - self._grid.next.due_mono_us) / 1e6

    def lost(self, error: Exception) -> None:
        """Note that the visit ended with `error`."""
        cause, state = cause_of(error), self.state
        if state.state != "lost":
            log.warning(
                "instrument lost",
                extra={"instrument": self.settings.name, "cause": cause, "reason": str(error)},
            )
        if cause == Cause.WRONG_UNIT != state.cause:
            self._tell("swapped", str(error))
        state.state, state.cause, state.error = "lost", cause, str(error)
        state.failures[cause] = state.failures.get(cause, 0) + 1
        self._count_passed(cause)

    async def recover(self, error: Exception) -> None:
        """Let the port be closed if it, or the units behind it, need that."""
        self._astray = True
        await self._port.failed(self._link, error)

    async def leave(self) -> None:
        """Say what the driver has to say at the end, and give the port back."""
        words = farewell(self._driver)
        if words is not None and self._met:
            with suppress(FieldstationError, TimeoutError):
                async with asyncio.timeout(FAREWELL_S), self._port.turn():
                    await (await self._connected()).converse(words)
        await self._port.leave()
        self.ledger.finish()

    @property
    def summary(self) -> dict[str, Any]:
        """The instrument's part of the status."""
        return {
            "kind": self.settings.kind,
            "port": self.settings.port,
            "every_s": self.settings.every_s,
            **{name: getattr(self.state, name) for name in self.state.__slots__},
            "due": self.due,
            "missed": dict(self.ledger.missed_by_cause),
            "holes": [
                {
                    "layout": hole.layout,
                    "cause": hole.cause,
                    "since_utc_us": hole.first_utc_us,
                    "count": hole.count,
                }
                for hole in self.ledger.open_holes
            ],
        }

    # --- talking ---

    async def _meet(self) -> tuple[Identity, Sequence[Poll]]:
        """The right unit and its plan, looked for wherever its port may be."""
        while True:
            try:
                identity = await self._identify()
                plan = self._driver.plan(identity)
                self._met = False
                await self._unit.check(identity, plan[0].layout)
            except _NOT_HERE as error:
                # Who is met next may be another unit.
                self._met = self._met and not self._port.followed
                await self._port.elsewhere(error)
            else:
                self._met = True
                return identity, plan

    async def _identify(self) -> Identity:
        async with self._port.turn():
            return await (await self._connected()).converse(self._driver.identify())

    async def _connected(self) -> Runner:
        """The runner on the open port; a new one when the port was opened anew."""
        link = await self._port.open()
        if self._runner is None or link is not self._link:
            self._link = link
            self._runner = self._port.runner(link, self._driver.resync, self.settings.every_s)
        return self._runner

    async def _explored(self, identity: Identity, plan: Sequence[Poll]) -> Sequence[Poll]:
        """The plan for all that the unit can tell, once its first reading is there."""
        if not isinstance(self._driver, Exploring):
            return plan
        assert self._runner is not None
        async with self._port.turn():
            known = await self._runner.converse(self._driver.explore(identity))
        plan = self._driver.plan(known)
        await self._announce(known, plan)
        return plan

    async def _announce(self, identity: Identity, plan: Sequence[Poll]) -> None:
        news = [
            Announcement(
                self.settings.name,
                poll.layout,
                self.every_us * poll.every,
                identity.serial,
                identity.model,
            )
            for poll in plan
        ]
        self._collector.soon(lambda journal: journal.announce(news), 0.0)

    async def _main(self, poll: Poll, tick: Tick) -> None:
        try:
            taken = await self._take(poll)
        except Exception as error:
            self._missed(cause_of(error), tick, WHOLE)
            raise
        self._astray = False
        self._port.worked()
        if taken:
            self.ledger.kept()
        else:
            self._missed(not_taken(self._collector.state.full), tick, WHOLE)
        if self.state.state != "good":
            log.info(
                "instrument is back" if self.state.state == "lost" else "instrument is there",
                extra={"instrument": self.settings.name, "serial": self.state.serial},
            )
        self.state.state, self.state.cause, self.state.error = "good", "", ""

    async def _other(self, poll: Poll, tick: Tick) -> None:
        """One of the seldom readings; only a broken port concerns the others as well."""
        try:
            taken = await self._take(poll)
        except _ANSWERED_BADLY as error:
            cause = cause_of(error)
            self.state.failures[cause] = self.state.failures.get(cause, 0) + 1
            self._missed(cause, tick, poll.layout.name)
            return
        if taken:
            self.ledger.kept(poll.layout.name)
        else:
            self._missed(not_taken(self._collector.state.full), tick, poll.layout.name)

    async def _take(self, poll: Poll) -> bool:
        """Bring a reading to the journal; False when that takes none."""
        assert self._runner is not None
        self.state.polls += 1
        async with self._port.turn():
            values = await self._runner.converse(poll.converse())
        instant = self._clock.now()
        row, unfit = fit(poll.layout, values)
        for name in unfit:
            self.state.unfit[name] = self.state.unfit.get(name, 0) + 1
        if not self._collector.offer(Reading(self.settings.name, poll.layout, instant, row)):
            return False
        if not self.state.readings:
            self._collector.hurry()
        self.state.readings += 1
        self.state.last_utc_us = instant.utc_us
        return True

    def _tell(self, what: str, text: str) -> None:
        """Keep an event."""
        now = self._clock.now()
        words = "".join(letter if letter.isprintable() else "?" for letter in text)[:MOST_WORDS]
        self._collector.soon(lambda journal: journal.tell(now, what, words), TELL_S)

    # --- time ---

    async def _next_tick(self) -> Tick:
        """Wait for the next due time; those that a slow poll ran over are a hole."""
        while self._wait_s > IDLE_S and (words := idle(self._driver)) is not None:
            await asyncio.sleep(IDLE_S)
            async with self._port.turn():
                await (await self._connected()).converse(words)
        await self._wait_due()
        tick, passed = self._grid.take(self._clock.now())
        if passed is not None and self.state.state == "lost":
            self.ledger.missed(Cause(self.state.cause), passed)
        elif passed is not None:
            self.ledger.lapse(Cause.OVERRUN, passed)
        return tick

    async def _wait_due(self) -> None:
        """Wait for the next due time."""
        while True:
            wait_s = self._wait_s
            if wait_s <= 0:
                return
            await asyncio.sleep(wait_s)

    @property
    def _wait_s(self) -> float:
        return (self._grid.next.due_mono_us - self._clock.now().mono_us) / 1e6

    def _count_passed(self, cause: Cause) -> None:
        """Count the due times up to now, while nothing could be read."""
        if self._grid.next.due_mono_us > self._clock.now().mono_us:
            return
        tick, passed = self._grid.take(self._clock.now())
        first_us = passed.first_utc_us if passed else tick.utc_us
        count = 1 + (passed.count if passed else 0)
        self.ledger.missed(cause, Passed(count, first_us, tick.utc_us, tick.offset_us))

    def _missed(self, cause: Cause, tick: Tick, layout: str) -> None:
        self.ledger.missed(cause, Passed(1, tick.utc_us, tick.utc_us, tick.offset_us), layout)
