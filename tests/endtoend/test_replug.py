"""Units that are unplugged, come back elsewhere and change places: names stay with their units."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest
from tests.station.meter import LoopClock, MeterDriver, MeterTwin, collecting, end, settings

from fieldstation.batch.facts import Cause
from fieldstation.errors import LinkBusy, LinkNotFound
from fieldstation.instruments import registry
from fieldstation.journal import Reader
from fieldstation.model import Reading, SerialLine, Twin
from fieldstation.sinks.backoff import Backoff
from fieldstation.station import port as port_module
from fieldstation.station.clock import SystemClock
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.instrument import Instrument
from fieldstation.station.port import Bus, Port
from fieldstation.station.supervisor import LOOK_S, instruments, supervise
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport.address import Address, DevicePath
from fieldstation.transport.link import Link
from fieldstation.transport.loopback import LoopLink
from fieldstation.transport.plug import PtyPort

PERMUTATIONS = 100
SERIALS = ("A1", "B2", "C3", "D4")
# A meter counts its readings from here on, so a value says which unit it comes from.
UNIT_STEP = 1_000_000


class Socket:
    """A port in memory into which any unit can be plugged."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._unit: Twin | None = None
        self._links: list[LoopLink] = []

    async def plug(self, unit: Twin | None) -> None:
        """Pull out what is there, which hangs up, and put `unit` in."""
        self._unit = unit
        links, self._links = self._links, []
        for link in links:
            await link.aclose()

    def open(self) -> Link:
        """As `open_link`."""
        if self._unit is None:
            raise LinkNotFound("nothing is plugged in")
        self._links.append(LoopLink(self._unit, lambda: self._clock.now().utc_us / 1e6))
        return self._links[-1]


def _unit(number: int) -> MeterTwin:
    twin = MeterTwin(SERIALS[number])
    twin.count = number * UNIT_STEP
    return twin


@contextmanager
def _readings(folder: Path) -> Iterator[list[Reading]]:
    reader = Reader(folder / "journal.sqlite3")
    yield [kept.reading for kept in reader.after(0, 10**6)]
    reader.close()


@in_virtual_time
async def _permute(folder: Path, seed: int) -> tuple[list[Instrument], int]:
    """Plug four units into four ports in 100 orders; how often a unit was where it belongs."""
    chance, clock = random.Random(seed), LoopClock()
    units, sockets = [_unit(n) for n in range(4)], [Socket(clock) for _ in SERIALS]
    at_home = 0
    async with collecting(folder, clock) as collector:
        made = []
        for number, socket in enumerate(sockets):
            # Two are configured, two are remembered.
            one = settings(f"m{number}", serial=SERIALS[number] if number % 2 else "")
            port = Port(Bus(), one.port, one.line, loop_link=socket.open)
            made.append(Instrument(one, MeterDriver(), clock, collector, port=port))
        order: Sequence[int] = range(4)
        tasks: list[asyncio.Task[None]] = []
        for _ in range(PERMUTATIONS):
            for socket, number in zip(sockets, order, strict=True):
                await socket.plug(units[number])
            tasks = tasks or [asyncio.create_task(supervise(one)) for one in made]
            await asyncio.sleep(chance.uniform(5, 90))
            at_home += sum(place == number for place, number in enumerate(order))
            if chance.random() < 0.3:
                await sockets[chance.randrange(4)].plug(None)
                await asyncio.sleep(chance.uniform(0, 30))
            order = chance.sample(range(4), 4)
        for socket, unit in zip(sockets, units, strict=True):
            await socket.plug(unit)
        await asyncio.sleep(120)
        await end(*tasks)
    return made, at_home


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_permutations_store_nothing_under_the_wrong_name(
    tmp_path: Path, seed: int
) -> None:
    made, at_home = _permute(tmp_path, seed)
    assert at_home > PERMUTATIONS / 2
    assert [one.state.state for one in made] == ["good"] * 4
    assert all(one.ledger.missed_by_cause[Cause.WRONG_UNIT] > PERMUTATIONS / 2 for one in made)
    with _readings(tmp_path) as readings:
        assert len(readings) > PERMUTATIONS
        for reading in readings:
            (value,) = reading.values
            assert isinstance(value, int | float)
            assert f"m{int(value) // UNIT_STEP}" == reading.instrument


class SoleLink(LoopLink):
    """A link that says when it is closed."""

    closed = False

    async def aclose(self) -> None:
        self.closed = True
        await super().aclose()


class Adapter(Socket):
    """A socket that is opened by one at a time, as every serial port is."""

    def open(self) -> Link:
        """As `open_link`."""
        if self._unit is None:
            raise LinkNotFound("nothing is plugged in")
        if any(isinstance(one, SoleLink) and not one.closed for one in self._links):
            raise LinkBusy("another instrument has it")
        self._links.append(SoleLink(self._unit, lambda: self._clock.now().utc_us / 1e6))
        return self._links[-1]


@in_virtual_time
async def _follow(folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Plug four units into six equal adapters in 100 orders; for each order the seconds until all
    were read again.
    """
    chance, clock = random.Random(seed), LoopClock()
    units = [_unit(n) for n in range(4)]
    adapters = {DevicePath(f"/dev/ttyUSB{n}"): Adapter(clock) for n in range(6)}
    present: list[DevicePath] = []

    async def opened(place: Address, _line: SerialLine, **_: object) -> Link:
        if not isinstance(place, DevicePath):
            raise LinkNotFound("no such adapter")
        return adapters[place].open()

    monkeypatch.setattr(port_module, "whereabouts", lambda _address: sorted(present, key=str))
    monkeypatch.setattr(port_module, "open_link", opened)
    took_s = []
    now = asyncio.get_running_loop().time
    async with collecting(folder, clock) as collector:
        wanted = [
            settings(f"m{n}", port="usb:1a86:7523", every_s=1, serial=serial)
            for n, serial in enumerate(SERIALS)
        ]
        made = instruments(wanted, clock, collector, lambda _kind: MeterDriver())
        tasks = [asyncio.create_task(supervise(one)) for one in made]
        for _ in range(PERMUTATIONS):
            before = [one.state.readings for one in made]
            for adapter in adapters.values():
                await adapter.plug(None)
            present.clear()
            await asyncio.sleep(chance.uniform(0, 30))
            present += chance.sample(list(adapters), 4)
            for place, unit in zip(present, units, strict=True):
                await adapters[place].plug(unit)
            begun_s = now()
            async with asyncio.timeout(60):
                while any(one.state.readings <= n for one, n in zip(made, before, strict=True)):  # noqa: ASYNC110 - the state has no event
                    await asyncio.sleep(0.01)
            took_s.append(now() - begun_s)
            await asyncio.sleep(chance.uniform(0, 10))
        await end(*tasks)
    return took_s


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_unit_is_followed_through_a_hundred_permutations_of_ports(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    took_s = _follow(tmp_path, seed, monkeypatch)
    assert len(took_s) == PERMUTATIONS
    assert max(took_s) < 10
    with _readings(tmp_path) as readings:
        assert len(readings) > 4 * PERMUTATIONS
        for reading in readings:
            (value,) = reading.values
            assert isinstance(value, int | float)
            assert f"m{int(value) // UNIT_STEP}" == reading.instrument


@in_virtual_time
async def _long_away(folder: Path) -> float:
    """Seconds from plugging in, after an hour without, to the first reading."""
    clock = LoopClock()
    socket, unit = Socket(clock), _unit(0)
    async with collecting(folder, clock) as collector:
        one = settings("m0", every_s=1)
        port = Port(Bus(), one.port, one.line, loop_link=socket.open)
        made = Instrument(one, MeterDriver(), clock, collector, port=port)
        task = asyncio.create_task(supervise(made))
        await asyncio.sleep(3600)
        before, since_s = made.state.readings, asyncio.get_running_loop().time()
        await socket.plug(unit)
        while made.state.readings == before:  # noqa: ASYNC110 - the state has no event
            await asyncio.sleep(0.01)
        took_s = asyncio.get_running_loop().time() - since_s
        await end(task)
    return took_s


def test_an_instrument_is_back_soon_after_a_long_time_unplugged(tmp_path: Path) -> None:
    assert _long_away(tmp_path) < LOOK_S + 2


@pytest.mark.slow
async def test_inverters_that_come_back_under_other_nodes_keep_their_names(tmp_path: Path) -> None:
    profiles = registry.profiles("axpert")[:3]
    clock, line = SystemClock(), SerialLine(2400)
    async with AsyncExitStack() as stack:
        ports = []
        for number, profile in enumerate(profiles):
            twin = registry.twin("axpert", profile, number, fast=True)
            ports.append(PtyPort(twin, tmp_path / "dev", f"S{number}", time.time))
            await ports[-1].plug(number)
            stack.push_async_callback(ports[-1].unplug)
        wanted = [
            InstrumentSettings(f"inverter-{n}", "axpert", str(port.by_id), 0.2, line)
            for n, port in enumerate(ports)
        ]
        collector = await stack.enter_async_context(collecting(tmp_path, clock))
        made = [one for one in instruments(wanted, clock, collector) if isinstance(one, Instrument)]
        tasks = [asyncio.create_task(supervise(one, Backoff(0.05, 0.1))) for one in made]
        await _all_read(made)
        serials = [one.state.serial for one in made]
        assert len(set(serials)) == len(serials)
        for order in ([1, 2, 0], [2, 0, 1], [1, 0, 2]):
            for port in ports:
                await port.unplug()
            for port, number in zip(ports, order, strict=True):
                await port.plug(number)
            await _all_read(made)
            assert [one.state.serial for one in made] == serials
        await end(*tasks)


async def _all_read(made: list[Instrument]) -> None:
    """Return when each has two more readings."""
    before = [one.state.readings for one in made]
    async with asyncio.timeout(20):
        while any(one.state.readings < n + 2 for one, n in zip(made, before, strict=True)):  # noqa: ASYNC110 - the state has no event
            await asyncio.sleep(0.01)
