"""A machine with clocks, power and one meter: it runs the station's parts over restarts, in virtual
time, and knows the truth.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fieldstation.batch.facts import ClockFact, Event, Hole, State
from fieldstation.errors import LinkLost
from fieldstation.journal import Reader
from fieldstation.model import Instant, Kept, Trust
from fieldstation.station.collector import Collector
from fieldstation.station.instrument import Instrument
from fieldstation.station.resuming import Resuming
from fieldstation.station.runs import tell_start
from fieldstation.station.supervisor import supervise
from fieldstation.station.timekeeper import Timekeeper
from fieldstation.testing.virtualtime import run_virtual

from .meter import START_US, MeterDriver, MeterTwin, end, instrument, settings

Script = Sequence[tuple[str, float]]


class WorldClock:
    """The machine's clocks; `boot` names one run of the station."""

    error_us = 1000

    def __init__(self, world: World, boot: bytes) -> None:
        self._world, self.boot = world, boot
        self._loop = asyncio.get_running_loop()

    @property
    def kernel(self) -> str:
        return f"kernel-{self._world.starts}"

    def now(self) -> Instant:
        world = self._world
        since_us = world.passed_us + round(self._loop.time() * 1e6)
        trust = Trust.SYNCED if world.trusted else Trust.UNSYNCED
        utc_us = START_US + since_us + world.wrong_us
        return Instant(utc_us, since_us - world.started_us, self.boot, trust)


class World:
    """`passed_us` is the true time since START_US, `wrong_us` by how much the wall clock lies."""

    def __init__(self, folder: Path, every_s: float = 10.0, names: Sequence[str] = ("meter",)):
        self.folder = folder
        self.every_s = every_s
        self.names = names
        self.every: dict[str, float] = {}
        """Intervals of single instruments."""
        self.passed_us = self.started_us = self.wrong_us = 0
        self.trusted = True
        self.starts = self.runs = 0
        self.hub_us: int | None = None
        self.meters: dict[str, Instrument] = {}
        self.keeper: Timekeeper

    def run(self, script: Script, ending: str = "stop") -> None:
        """One run of the station through modes and their seconds. `ending`: stop or kill."""
        run_virtual(self._run(script, ending))

    def off(self, seconds: float, *, power: bool = False) -> None:
        """The station does not run; with `power` the machine does not either."""
        self.passed_us += round(seconds * 1e6)
        if power:
            self.starts, self.started_us = self.starts + 1, self.passed_us

    async def _run(self, script: Script, ending: str) -> None:
        self.runs += 1
        clock = WorldClock(self, self.runs.to_bytes(16))
        twins = {name: MeterTwin() for name in self.names}
        drivers = {name: MeterDriver() for name in self.names}
        async with Collector(self.folder / "journal.sqlite3", clock) as collector:
            await collector.ask(partial(tell_start, now=clock.now()))
            meters = [
                instrument(settings(name, every_s=self.every.get(name, self.every_s)), twins[name],
                           clock, collector, drivers[name])
                for name in self.names
            ]  # fmt: skip
            self.meters = {one.settings.name: one for one in meters}
            self.keeper = Timekeeper(clock, collector, self._date)
            resuming = Resuming(meters, clock, collector, self.keeper)
            writer = asyncio.create_task(collector.run())
            beside = [asyncio.create_task(one) for one in (self.keeper.run(), resuming.run())]
            asked = [asyncio.create_task(supervise(one)) for one in meters]
            for mode, seconds in script:
                self._turn(mode, twins, drivers)
                if mode == "hub":
                    await collector.ask(partial(self._hub_tells, clock=clock))
                await asyncio.sleep(seconds)
            await _over(collector, writer, [*beside, *asked], ending, clock)
        assert all(task.cancelled() or task.exception() is None for task in beside)
        self.passed_us += round(asyncio.get_running_loop().time() * 1e6)

    def _date(self, offset_us: int, lasting: bool) -> None:
        for one in self.meters.values():
            one.ledger.date(offset_us, lasting=lasting)

    def _turn(
        self, mode: str, twins: dict[str, MeterTwin], drivers: dict[str, MeterDriver]
    ) -> None:
        word, _, value = mode.partition(" ")
        name, twin = self.names[0], twins[self.names[0]]
        match word:
            case "jump":
                self.wrong_us += round(float(value) * 1e6)
            case "trust":
                self.wrong_us, self.trusted = 0, True
            case "distrust":
                self.trusted = False
            case "hub":
                pass
            case _:
                drivers[name].crash = None
                twin.serial, twin.delay_s, twin.mode = "A1", 0.0, "good"
                if word == "unit":
                    twin.serial = "B2"
                    drivers[name].crash = LinkLost("swapped")  # what makes it ask who is there
                elif word == "slow":
                    twin.delay_s = float(value)
                elif word == "crash":
                    drivers[name].crash = RuntimeError("a defect")
                elif word == "unplugged":
                    drivers[name].crash = LinkLost("the cable is out")
                else:
                    twin.mode = word

    def _hub_tells(self, journal, clock) -> None:  # type: ignore[no-untyped-def]
        now = clock.now()
        true_us = now.utc_us - self.wrong_us
        fact = ClockFact(now.boot, 0, clock.kernel, now.mono_us, true_us, 1000, "hub")  # type: ignore[arg-type]
        journal.write_fact(fact)

    # --- what the journal says ---

    def kept(self, name: str = "meter") -> list[Kept]:
        return [
            one
            for one in self._read(lambda reader: reader.after(0, 10**6))
            if (one.reading.instrument, one.reading.layout.name) == (name, "status")
        ]

    def holes(self, name: str = "meter") -> list[Hole]:
        found = self._read(lambda reader: reader.holes())
        mine = [hole for hole in found if (hole.instrument, hole.layout) == (name, "")]
        return sorted(mine, key=lambda hole: hole.number)

    def events(self, what: str) -> list[Event]:
        found = self._read(lambda reader: reader.events())
        return [event for event in reversed(found) if event.what == what]

    def clocks(self) -> list[ClockFact]:
        found = self._read(lambda reader: reader.facts_after(0, 10**6))
        return [fact for _, fact in found if isinstance(fact, ClockFact)]

    def missed(self, name: str = "meter") -> Counter[str]:
        counts: Counter[str] = Counter()
        for hole in self.holes(name):
            if hole.state is not State.RECOVERED:
                counts[hole.cause] += hole.count
        return counts

    def due(self) -> float:
        """How many readings were due, by the true time."""
        return self.passed_us / self.every_s / 1e6

    def _read(self, ask):  # type: ignore[no-untyped-def]
        reader = Reader(self.folder / "journal.sqlite3")
        try:
            return ask(reader)
        finally:
            reader.close()


async def _over(
    collector: Collector,
    writer: asyncio.Task[None],
    tasks: Sequence[asyncio.Task[None]],
    ending: str,
    clock: WorldClock,
) -> None:
    if ending == "kill":  # nothing more reaches the disk
        await end(writer, *tasks)
        return
    await end(*tasks)
    now = clock.now()
    collector.soon(lambda journal: journal.tell(now, "stopped", "told"), 0.0)
    collector.finish()
    await writer
