"""What happens to a site in one scenario: drawn from a seed, then calm.

Faults are kept as rows with the true span in which they held and the causes that a hole made by
them may have, so that the checker can ask whether the site said what was wrong.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from fieldstation.batch.facts import Cause
from fieldstation.journal import Journal
from proof.scenario import wire as weather
from proof.scenario.hubs import Hub
from proof.scenario.machine import UNSET_US, Machine
from proof.scenario.meter import GARBLED, GOOD, SILENT, UNPLUGGED
from proof.scenario.wire import Wire

EVENTS = 24
# After a curable fault ends, back-off may last 15 minutes with its jitter.
CALM_S, CALM_MOST_S, QUIET_STEP_S = 1800.0, 4 * 3600.0, 60.0
MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was done: `meter` "" concerns all of the machine. Times are true
    microseconds.
    """

    word: str
    machine: str
    meter: str
    first_us: int
    last_us: int
    causes: frozenset[str]


class Script:
    """One scenario on machines, a hub and the wire between them."""

    def __init__(
        self,
        seed: int,
        machines: list[Machine],
        hub: Hub,
        wire: Wire,
        true_us: Callable[[], int],
        folder: Path,
    ) -> None:
        self.faults: list[Fault] = []
        self.counts: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._machines = machines
        self._hub = hub
        self._wire = wire
        self._true_us = true_us
        self._folder = folder
        self._images = 0
        self._acts: list[tuple[int, Callable[[Machine], Awaitable[None]]]] = [
            (6, self._meter_fault),
            (4, self._kill),
            (3, self._power_cut),
            (2, self._stop_and_start),
            (3, self._disk_full),
            (4, self._weather),
            (3, self._harm),
            (2, self._clock_step),
            (1, self._new_key),
            (1, self._hub_restart),
            (1, self._hub_backup),
            (1, self._hub_restored),
            (1, self._image),
            (1, self._from_image),
        ]

    async def run(self) -> None:
        """The storm."""
        for machine in self._machines:
            machine.start()
        await asyncio.sleep(300)
        weights = [weight for weight, _ in self._acts]
        for _ in range(EVENTS):
            _, act = self._rng.choices(self._acts, weights)[0]
            machine = self._rng.choice(self._machines)
            self.counts[act.__name__.strip("_")] += 1
            await act(machine)
            await asyncio.sleep(self._rng.uniform(10, 400))

    async def calm(self) -> bool:
        """End all faults and wait until nothing is left to do; whether that came in time."""
        self._wire.mode, self._wire.harm = weather.GOOD, 0.0
        for machine in self._machines:
            machine.clock.error_us, machine.clock.trusted = 0, True
            self._set(machine, GOOD)
            if machine.station is None:
                machine.start()
        await asyncio.sleep(CALM_S)
        for machine in self._machines:
            self._set(machine, SILENT)  # so that there is a last reading
        waited_s = 0.0
        while waited_s < CALM_MOST_S:
            await asyncio.sleep(QUIET_STEP_S)
            waited_s += QUIET_STEP_S
            if all([await _settled(machine) for machine in self._machines]):
                await asyncio.sleep(5 * QUIET_STEP_S)  # for the facts
                return True
        return False

    def _set(self, machine: Machine, mode: str) -> None:
        for twin in machine.twins.values():
            twin.mode = mode

    def _note(
        self, word: str, machine: Machine, first_us: int, *causes: str, meter: str = ""
    ) -> None:
        last_us = self._true_us()
        self.faults.append(Fault(word, machine.name, meter, first_us, last_us, frozenset(causes)))

    # --- at the instrument ---

    async def _meter_fault(self, machine: Machine) -> None:
        mode = self._rng.choice((SILENT, GARBLED, UNPLUGGED))
        name = self._rng.choice(sorted(machine.twins))
        first_us = self._true_us()
        machine.twins[name].mode = mode
        await asyncio.sleep(self._rng.uniform(5, 1200))
        machine.twins[name].mode = GOOD
        # An open port whose unit went silent shows only that; so does one that was unplugged.
        causes = {UNPLUGGED: {Cause.UNPLUGGED, Cause.SILENT}}.get(mode, {Cause(mode)})
        self._note(mode, machine, first_us, *causes, meter=name)

    # --- at the machine ---

    async def _kill(self, machine: Machine) -> None:
        first_us = self._true_us()
        await machine.kill()
        await asyncio.sleep(self._rng.choice((0.5, 3, 40, 600)))
        machine.start()
        self._note("kill", machine, first_us, Cause.STOPPED)

    async def _power_cut(self, machine: Machine) -> None:
        first_us = self._true_us()
        await machine.kill()
        await asyncio.sleep(self._rng.choice((30, 300, 3600)))
        error_us, trusted = 0, True
        if self._rng.random() < 0.5:
            behind_us = UNSET_US - self._true_us() if self._rng.random() < 0.5 else -3600 * 10**6
            error_us, trusted = behind_us, False
        machine.clock.reboot(error_us, trusted=trusted)
        machine.start()
        causes = (Cause.STOPPED, Cause.CLOCK)
        if trusted:
            self._note("power cut", machine, first_us, *causes)
            return
        machine.doubts.append("no clock at the start")
        self._note("power cut, no clock", machine, first_us, *causes)
        await asyncio.sleep(self._rng.uniform(60, 1800))
        machine.clock.error_us, machine.clock.trusted = 0, True

    async def _stop_and_start(self, machine: Machine) -> None:
        first_us = self._true_us()
        await machine.stop()
        await asyncio.sleep(self._rng.choice((1, 60, 900)))
        machine.start()
        self._note("stop", machine, first_us, Cause.STOPPED)

    async def _disk_full(self, machine: Machine) -> None:
        station, first_us = machine.station, self._true_us()
        if station is None:
            return
        # A full disk gives up what the hub has; see `_from_image` for why no backup may be older.
        await self._hub.forget_backup()
        await station.collector.ask(_fill)
        # Readings wait in memory for room, so a short time without loses nothing.
        await asyncio.sleep(self._rng.uniform(30, 900))
        if machine.station is station:
            await station.collector.ask(_free)
        self._note("disk full", machine, first_us)

    async def _clock_step(self, machine: Machine) -> None:
        first_us = self._true_us()
        steps = (-10, -1, 1, 10, 60)
        machine.clock.error_us += self._rng.choice(steps) * MINUTE_US
        machine.clock.trusted = self._rng.random() < 0.5
        machine.steps += 1
        await asyncio.sleep(self._rng.uniform(60, 1200))
        machine.clock.error_us, machine.clock.trusted = 0, True
        machine.steps += 1
        self._note("clock step", machine, first_us)

    async def _image(self, machine: Machine) -> None:
        if machine.station is not None:
            self._images += 1
            target = self._folder / f"image-{machine.name}-{self._images}"
            await machine.copy(machine.station, target)

    async def _from_image(self, machine: Machine) -> None:
        """The disk is replaced by an old copy of it, as after a restored SD card."""
        images = sorted(self._folder.glob(f"image-{machine.name}-*"))
        if not images or machine.station is None:
            return
        # What the hub has not yet is gone with the disk, and what is gone with the disk must not go
        # from the hub as well: no promise covers the loss of both copies.
        if not await _settled(machine):
            return
        await self._hub.forget_backup()
        first_us = self._true_us()
        await machine.kill(self._rng.choice(images))
        machine.start()
        machine.doubts.append("old image")
        self._note("old image", machine, first_us)

    # --- on the way and at the hub ---

    async def _weather(self, machine: Machine) -> None:
        self._wire.mode = self._rng.choice((weather.DOWN, weather.PORTAL, weather.BROKEN))
        await asyncio.sleep(self._rng.choice((60, 600, 3600)))
        self._wire.mode = weather.GOOD

    async def _harm(self, machine: Machine) -> None:
        self._wire.harm = self._rng.uniform(0.1, 0.6)
        await asyncio.sleep(self._rng.uniform(300, 1800))
        self._wire.harm = 0.0

    async def _new_key(self, machine: Machine) -> None:
        key = await self._hub.rekey(machine.name)
        await asyncio.sleep(self._rng.uniform(60, 900))
        machine.write_key(key)

    async def _hub_restart(self, machine: Machine) -> None:
        self._wire.reach(None)
        await self._hub.close()
        await asyncio.sleep(self._rng.uniform(1, 900))
        await self._hub.open()
        self._wire.reach(self._hub.transport)

    async def _hub_backup(self, machine: Machine) -> None:
        await self._hub.back_up()

    async def _hub_restored(self, machine: Machine) -> None:
        self._wire.reach(None)
        # Keys are part of a backup: stations may have newer ones than it knows.
        if await self._hub.restore():
            for each in self._machines:
                each.write_key(await self._hub.rekey(each.name))
        self._wire.reach(self._hub.transport)


def _fill(journal: Journal) -> None:
    """The journal may not grow any more."""
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages}").fetchall()


def _free(journal: Journal) -> None:
    """It may grow again."""
    journal._db.execute("PRAGMA max_page_count = 4000000").fetchall()


async def _settled(machine: Machine) -> bool:
    station = machine.station
    if station is None:
        return False
    return await station.collector.ask(lambda j: j.backlog(station.pump.name)) == 0
