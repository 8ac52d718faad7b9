"""Units on one port: who may share it, and the link that they share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from fieldstation.errors import ConfigError, LinkLost, LinkTimeout
from fieldstation.model import Identity, Outgoing, SerialLine
from fieldstation.station.config import load_config
from fieldstation.station.port import (
    CLOSE_AFTER,
    LEAST_SHARE_S,
    LEAST_WAIT_S,
    Bus,
    Port,
    rest_s,
)
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport.loopback import LoopLink

from .meter import MeterDriver, MeterTwin

LINE = SerialLine(9600)


def _problems(folder: Path, *sections: str) -> list[str]:
    """What is wrong with instruments a, b, ... of these settings on one port."""
    text = '[station]\ndata = "data"\n'
    for name, section in zip("abc", sections, strict=False):
        text += f'[instrument.{name}]\nport = "/dev/ttyUSB0"\n{section}\n'
    file = folder / "site.toml"
    file.write_text(text)
    try:
        load_config(file)
    except ConfigError as error:
        return [problem.partition(": ")[2] for problem in error.problems]
    return []


TRISTAR = 'kind = "tristar_mppt"\n'


def test_units_with_numbers_of_their_own_share_a_port(tmp_path: Path) -> None:
    assert _problems(tmp_path, TRISTAR, TRISTAR + "unit = 2", TRISTAR + "unit = 247") == []


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (TRISTAR, "and its unit number 1; each unit on a bus needs one of its own"),
        (TRISTAR + "unit = 1", "and its unit number 1; each unit on a bus needs one of its own"),
        (TRISTAR + "unit = 2\nbaud = 19200", "and other line settings; baud, parity and bits"),
        ('kind = "axpert"', "; a port belongs to one instrument"),
    ],
)
def test_whoever_else_wants_the_port_is_refused(tmp_path: Path, second: str, words: str) -> None:
    (problem,) = _problems(tmp_path, TRISTAR, second)
    assert problem.startswith("[instrument.b] has the port of [instrument.a]")
    assert words in problem


def test_a_third_unit_is_held_against_all_before_it(tmp_path: Path) -> None:
    three = [TRISTAR, TRISTAR + "unit = 2", TRISTAR + "unit = 2"]
    (problem,) = _problems(tmp_path, *three)
    assert problem.startswith("[instrument.c] has the port of [instrument.b] and its unit number 2")


# --- the link ---


def _port(users: int) -> Port:
    return Port(Bus(), "loop:", LINE, users=users, loop_link=lambda: LoopLink(MeterTwin(), _noon))


def _noon() -> float:
    return 1.7e9


async def test_all_units_have_one_link_until_the_last_leaves() -> None:
    port = _port(2)
    link = await port.open()
    assert await port.open() is link
    await port.leave()
    await link.write(b"who\n")
    await port.leave()
    with pytest.raises(LinkLost):
        await link.write(b"who\n")


async def test_a_line_on_which_nobody_answers_is_opened_anew() -> None:
    port = _port(2)
    link = await port.open()
    for _ in range(2 * CLOSE_AFTER - 1):
        await port.failed(link, LinkTimeout("silent"))
    assert await port.open() is link
    port.worked()
    for _ in range(2 * CLOSE_AFTER):
        await port.failed(link, LinkTimeout("silent"))
    assert await port.open() is not link
    await port.leave()
    await port.leave()


async def test_a_broken_link_is_given_up_once() -> None:
    port = _port(2)
    link = await port.open()
    await port.failed(link, LinkLost("gone"))
    other = await port.open()
    await port.failed(link, LinkLost("gone"))
    assert other is not link
    assert await port.open() is other
    await port.leave()
    await port.leave()


class _Deaf:
    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        return ()


@pytest.mark.parametrize(("users", "waited_s"), [(1, 2.0), (2, 0.5), (4, 0.25), (40, LEAST_WAIT_S)])
def test_a_dead_unit_is_waited_for_within_half_of_its_share(users: int, waited_s: float) -> None:
    @in_virtual_time
    async def silence_s() -> float:
        loop = asyncio.get_running_loop()
        port = Port(Bus(), "loop:", LINE, users=users, loop_link=lambda: LoopLink(_Deaf(), _noon))
        link, driver = await port.open(), MeterDriver()
        with pytest.raises(LinkTimeout):
            await port.runner(link, driver.resync, 2.0).converse(driver.identify())
        await link.aclose()
        return loop.time()

    assert silence_s() == pytest.approx(waited_s, abs=0.1)


class _Dying:
    """Answers who it is and falls silent."""

    def __init__(self) -> None:
        self._meter = MeterTwin()

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        replies = self._meter.receive(data, utc_s)
        self._meter.mode = "silent"
        return replies


@pytest.mark.parametrize(("users", "share_s"), [(2, 1.0), (4, 0.5), (40, LEAST_SHARE_S)])
def test_a_unit_that_falls_silent_costs_its_own_share(users: int, share_s: float) -> None:
    @in_virtual_time
    async def spent_s() -> float:
        loop = asyncio.get_running_loop()
        port = Port(Bus(), "loop:", LINE, users=users, loop_link=lambda: LoopLink(_Dying(), _noon))
        link, driver = await port.open(), MeterDriver()
        runner = port.runner(link, driver.resync, 2.0)
        [main, _seldom] = driver.plan(Identity("meter"))
        with pytest.raises(LinkTimeout):
            await runner.converse(main.converse())
        await link.aclose()
        return loop.time()

    assert spent_s() == pytest.approx(share_s)


def test_the_bus_rests_between_two_turns() -> None:
    @in_virtual_time
    async def between_s() -> float:
        bus, loop = Bus(0.25), asyncio.get_running_loop()
        async with bus.turn():
            await asyncio.sleep(1)
        async with bus.turn():
            return loop.time()

    assert between_s() == pytest.approx(1.25)
    assert rest_s(SerialLine(9600)) == pytest.approx(0.004, abs=0.0002)
    assert rest_s(SerialLine(115_200)) == 0.00175
