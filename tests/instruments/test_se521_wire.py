"""The SE521 driver and its twin over links: in memory, on a pty, and through the HID link."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from fieldstation.errors import CodecError, LinkLost, LinkTimeout
from fieldstation.instruments import registry
from fieldstation.instruments.se521.driver import DRIVER, HID
from fieldstation.model import Driver, Identity, Value, configured
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner
from fieldstation.transport.hid import HidLink
from fieldstation.transport.hid_host import hid_host
from fieldstation.transport.host import pty_host
from fieldstation.transport.loopback import LoopLink
from fieldstation.transport.opening import open_link

NOON_S = 1_779_969_600.0  # 2026-05-28 12:00 UTC


def wall() -> float:
    return NOON_S + asyncio.get_running_loop().time()


async def read(runner: Runner, driver: Driver = DRIVER) -> dict[str, Value]:
    (poll,) = driver.plan(await runner.converse(driver.identify()))
    return await runner.converse(poll.converse())


@in_virtual_time
async def test_twenty_samples_a_second_apart_are_one_reading() -> None:
    driver = configured(DRIVER, {"average": 20})
    link = LoopLink(registry.twin("se521"), wall)
    runner = Runner(link)
    (poll,) = driver.plan(await runner.converse(driver.identify()))
    started_s = wall()
    values = await runner.converse(poll.converse())
    assert values["samples"] == 20
    assert 19 <= wall() - started_s < 23
    await link.aclose()


@pytest.mark.parametrize(
    "fault",
    ["stale_report:0.3", "wrong_counter:0.3", "short_reply:0.3", "flip:0.3", "lose_byte:0.2",
     "duplicate:0.3", "late:0.2", "garbage:0.3", "silence:0.2"],
)  # fmt: skip
def test_faults_of_the_line_never_give_a_wrong_value(fault: str) -> None:
    _never_wrong(fault)


@in_virtual_time
async def _never_wrong(fault: str) -> None:
    clean = LoopLink(registry.twin("se521", fast=True), wall)
    (poll,) = DRIVER.plan(await Runner(clean).converse(DRIVER.identify()))
    truth = await Runner(clean).converse(poll.converse())
    link = LoopLink(registry.twin("se521", faults=[fault]), wall)
    runner = Runner(link)
    good = 0
    for _ in range(40):
        try:
            values = await runner.converse(poll.converse())
        except (LinkTimeout, CodecError):
            continue
        good += 1
        for name, value in truth.items():
            if isinstance(value, float):
                found = values[name]
                assert isinstance(found, float)
                assert abs(found - value) < 2.0, name
            else:
                assert values[name] == value, name
    assert good > 20
    await link.aclose()
    await clean.aclose()


async def test_driver_and_twin_talk_over_a_real_pty() -> None:
    driver = configured(DRIVER, {"wire": "serial"})
    async with pty_host(registry.twin("se521"), time.time) as path:
        link = await open_link(path, driver.line)
        try:
            values = await read(Runner(link, silence_s=0.1), driver)
        finally:
            await link.aclose()
    assert isinstance(values["temperature_1"], float)


async def test_driver_reads_its_twin_through_the_hid_link() -> None:
    twin = registry.twin("se521", fast=True)
    async with hid_host(twin, time.time, HID) as path, asyncio.timeout(10):
        link = await open_link(path, DRIVER.line)
        assert isinstance(link, HidLink)
        values = await read(Runner(link, silence_s=0.1))
        await link.aclose()
    assert values["live"] is True
    assert isinstance(values["temperature_4"], float)


@pytest.mark.slow
async def test_faults_of_reports_never_give_a_wrong_value() -> None:
    faults = ["stale_report:0.3", "short_reply:0.2", "duplicate:0.2", "flip:0.2"]
    async with hid_host(registry.twin("se521", seed=3, faults=faults), time.time, HID) as path:
        link = await open_link(path, DRIVER.line)
        runner = Runner(link, silence_s=0.1)
        (poll,) = DRIVER.plan(Identity("se521"))
        good = 0
        async with asyncio.timeout(60):
            while good < 5:
                with suppress(LinkTimeout, CodecError):
                    values = await runner.converse(poll.converse())
                    assert values["live"] is True
                    assert isinstance(values["temperature_1"], float)
                    assert 10 < values["temperature_1"] < 35
                    good += 1
        await link.aclose()


async def test_a_device_that_vanishes_is_a_lost_link() -> None:
    twin = registry.twin("se521", fast=True)
    async with hid_host(twin, time.time, HID) as path:
        link = await open_link(path, DRIVER.line)
        runner = Runner(link, silence_s=0.1)
        (poll,) = DRIVER.plan(await runner.converse(DRIVER.identify()))
    with pytest.raises(LinkLost, match="hidraw0 is gone"):
        await runner.converse(poll.converse())
    await link.aclose()
