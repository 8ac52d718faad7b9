"""The TriStar MPPT over real lines: driver and twin on a pty and on TCP, and a foreign client."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient

from fieldstation.errors import CodecError, InstrumentRefused, LinkTimeout
from fieldstation.instruments import registry
from fieldstation.instruments.tristar_mppt.channels import LIVE, SETTINGS
from fieldstation.model import Driver, Value, configured
from fieldstation.testing.links import FaultyLink, random_faults
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner, open_link
from fieldstation.transport.host import pty_host, tcp_host
from fieldstation.transport.loopback import LoopLink

NOON_S = 1_779_969_600.0
RTU = registry.driver("tristar_mppt")
TCP = configured(RTU, {"wire": "tcp"})


def twin(*faults: str, fast: bool = True) -> Any:
    return registry.twin("tristar_mppt", "24v", 3, faults, fast=fast)


@asynccontextmanager
async def runner_on(address: str, driver: Driver) -> AsyncIterator[Runner]:
    link = await open_link(address, driver.line)
    try:
        yield Runner(link, resync=driver.resync)
    finally:
        await link.aclose()


async def read_all(runner: Runner, driver: Driver) -> dict[str, Value]:
    identity = await runner.converse(driver.identify())
    assert identity.serial == "14220077"
    values: dict[str, Value] = {}
    for poll in driver.plan(identity):
        values |= await runner.converse(poll.converse())
    return values


def check(values: dict[str, Value]) -> None:
    names = {name for layout in (*LIVE, SETTINGS) for name in layout.names}
    assert names <= values.keys()
    assert 24 < float(values["battery_voltage"] or 0) < 30
    assert values["absorption_voltage"] == 14.002
    assert values["dip_switches"] == "OFF OFF ON ON ON ON OFF ON"


async def test_driver_reads_the_twin_over_a_pty() -> None:
    async with pty_host(twin(), lambda: NOON_S) as path, runner_on(path, RTU) as runner:
        check(await read_all(runner, RTU))


@pytest.mark.parametrize("redial", ["", "?redial"])
async def test_driver_reads_the_twin_over_tcp(redial: str) -> None:
    async with (
        tcp_host(twin(), lambda: NOON_S, hang_up=bool(redial)) as port,
        runner_on(f"{port}{redial}", TCP) as runner,
    ):
        check(await read_all(runner, TCP))


async def test_rtu_passes_through_a_serial_server() -> None:
    async with tcp_host(twin(), lambda: NOON_S) as port, runner_on(str(port), RTU) as runner:
        check(await read_all(runner, RTU))


@in_virtual_time
async def test_real_latency_and_line_speed_are_within_the_deadlines() -> None:
    for driver in (RTU, TCP):
        link = LoopLink(twin(fast=False), lambda: NOON_S)
        check(await read_all(Runner(link, resync=driver.resync), driver))
        await link.aclose()


@in_virtual_time
async def test_unit_of_another_number_stays_silent() -> None:
    driver = configured(RTU, {"unit": 9})
    link = LoopLink(twin(), lambda: NOON_S)
    with pytest.raises(LinkTimeout):
        await Runner(link, resync=driver.resync).converse(driver.identify())
    await link.aclose()


@pytest.mark.parametrize("driver", [RTU, TCP], ids=["rtu", "tcp"])
@pytest.mark.parametrize("seed", range(4))
def test_bad_line_gives_right_values_or_errors_of_ours(driver: Driver, seed: int) -> None:
    bad_line(driver, seed)


@in_virtual_time
async def bad_line(driver: Driver, seed: int) -> None:
    unit = twin()
    now_s = [NOON_S]
    healthy = LoopLink(unit, lambda: now_s[0], speed=math.inf)
    identity = await Runner(healthy, resync=driver.resync).converse(driver.identify())
    await healthy.aclose()
    link = FaultyLink(LoopLink(unit, lambda: now_s[0], speed=math.inf), random_faults(seed))
    runner = Runner(link, resync=driver.resync)
    [main, *_] = driver.plan(identity)
    good = 0
    for minute in range(40):
        now_s[0] = NOON_S + 60 * minute
        try:
            values = await runner.converse(main.converse())
        except (CodecError, InstrumentRefused, LinkTimeout):
            continue
        unit.unit.live(now_s[0])
        truth = unit.unit.memory.value
        assert values["battery_voltage"] == round(truth("battery_voltage"), 3)
        assert values["battery_current"] == round(truth("battery_current"), 4)
        good += 1
    assert good > 10
    await link.aclose()


@pytest.mark.parametrize("framer", [FramerType.RTU, FramerType.SOCKET])
async def test_foreign_client_reads_and_writes_the_twin(framer: FramerType) -> None:
    async with tcp_host(twin(), lambda: NOON_S) as port:
        client = AsyncModbusTcpClient(port.host, port=port.port, framer=framer, timeout=5)
        assert await client.connect()
        try:
            live = (await client.read_input_registers(0, count=80)).registers
            assert live[:5] == [180, 0, 80, 0, 0x29]
            assert (await client.read_holding_registers(0, count=80)).registers == live
            assert (await client.read_input_registers(0x5B, count=2)).exception_code == 2
            assert not (await client.write_coil(0x0002, True)).isError()
            assert (await client.read_coils(0, count=3)).bits[:3] == [False, False, True]
            assert (await client.write_registers(0xE000, [1])).exception_code == 1
            page = await client.read_device_information(read_code=1)
            assert page.information[1] == b"TS-MPPT-60"
        finally:
            client.close()
