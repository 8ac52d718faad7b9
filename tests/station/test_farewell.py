"""What is said to an instrument that should not stay as it runs, when its station stops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from fieldstation.errors import CodecError, LinkLost, LinkTimeout
from fieldstation.model import Conversation, Outgoing, ask
from fieldstation.station.supervisor import supervise
from fieldstation.testing.virtualtime import in_virtual_time

from .meter import (
    LoopClock,
    MeterDriver,
    MeterTwin,
    _exchange,
    collecting,
    end,
    instrument,
    settings,
)


class Fan(MeterTwin):
    """A meter that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        self.asked += data.split()
        return super().receive(data, utc_s)


class FanDriver(MeterDriver):
    """A driver whose instrument has something to be switched off."""

    def farewell(self) -> Conversation[None]:
        yield from ask(_exchange(b"off"))


@in_virtual_time
async def _run(
    folder: Path, fan: Fan, crash: Exception | None = None, *, swapped: bool = False
) -> None:
    """A station that works for half a minute, meets a fault for as long, and stops."""
    clock, driver = LoopClock(), FanDriver()
    async with collecting(folder, clock) as collector:
        made = instrument(settings(), fan, clock, collector, driver)
        task = asyncio.create_task(supervise(made))
        await asyncio.sleep(30)
        driver.crash = crash
        if swapped:
            fan.serial = "B2"
        await asyncio.sleep(30)
        await end(task)


@pytest.mark.parametrize(
    "crash", [None, LinkTimeout("silent"), CodecError("garbled", "noise"), RuntimeError("a defect")]
)
def test_a_farewell_is_said_in_any_state(tmp_path: Path, crash: Exception | None) -> None:
    fan = Fan()
    _run(tmp_path, fan, crash)
    assert fan.asked[-1] == b"off"
    assert fan.asked.count(b"off") == 1


def test_a_farewell_opens_a_port_that_was_given_up(tmp_path: Path) -> None:
    fan = Fan()
    _run(tmp_path, fan, LinkLost("the port broke"))
    assert fan.asked[-1] == b"off"


def test_a_farewell_is_said_to_a_unit_that_is_still_being_started(tmp_path: Path) -> None:
    @in_virtual_time
    async def stop_during_the_first_reading(fan: Fan) -> None:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            made = instrument(settings(), fan, clock, collector, FanDriver())
            task = asyncio.create_task(supervise(made))
            while b"read" not in fan.asked:
                fan.delay_s = 0.4
                await asyncio.sleep(0.1)
            await end(task)
        assert made.state.readings == 0

    fan = Fan()
    stop_during_the_first_reading(fan)
    assert fan.asked[-1] == b"off"


def test_a_wrong_unit_hears_no_farewell(tmp_path: Path) -> None:
    fan = Fan()
    _run(tmp_path, fan, LinkLost("swapped"), swapped=True)
    assert b"off" not in fan.asked


def test_a_unit_that_was_never_met_hears_no_farewell(tmp_path: Path) -> None:
    fan = Fan()
    fan.mode = "silent"
    _run(tmp_path, fan)
    assert set(fan.asked) == {b"who"}
