"""The SE521 driver and its twin over links: in memory, on a pty, and through the HID link."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fieldstation.errors import CodecError, LinkLost, LinkTimeout
from fieldstation.instruments import registry
from fieldstation.instruments.se521.driver import DRIVER, HID
from fieldstation.model import Driver, Twin, Value, configured
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner
from fieldstation.transport.hid import HidLink
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


def as_feature(descriptor: int, piece: bytes) -> None:
    """A feature report on a socket, told apart by its length."""
    os.write(descriptor, b"feature" + piece)


@asynccontextmanager
async def plugged_in(twin: Twin) -> AsyncIterator[tuple[HidLink, socket.socket]]:
    """The twin at the far end of a report descriptor: one message per report."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setblocking(False)
    far.setblocking(False)
    loop = asyncio.get_running_loop()
    link = HidLink("hid:04d9:e000", near.detach(), HID, feature=as_feature)

    async def serve() -> None:
        while message := await loop.sock_recv(far, 64):
            feature = message.startswith(b"feature")
            piece = message.removeprefix(b"feature")
            assert len(piece) == 8
            assert feature is (piece[0] == 0x43)
            for outgoing in twin.receive(piece, time.time()):
                await loop.sock_sendall(far, outgoing.data)

    device = asyncio.create_task(serve())
    async with asyncio.timeout(10):
        yield link, far
    await link.aclose()
    await device
    far.close()


async def test_driver_reads_its_twin_through_the_hid_link() -> None:
    async with plugged_in(registry.twin("se521", fast=True)) as (link, _far):
        values = await read(Runner(link, silence_s=0.1))
        assert values["live"] is True
        assert isinstance(values["temperature_4"], float)


async def test_a_device_that_vanishes_is_a_lost_link() -> None:
    async with plugged_in(registry.twin("se521", fast=True)) as (link, far):
        runner = Runner(link, silence_s=0.1)
        (poll,) = DRIVER.plan(await runner.converse(DRIVER.identify()))
        far.shutdown(socket.SHUT_RDWR)
        with pytest.raises(LinkLost, match="04d9:e000"):
            await runner.converse(poll.converse())
