"""The OPC-N3 on a line: behind an adapter on a pty, on a bare pty, and with damage on the way."""

from __future__ import annotations

import asyncio
import time

import pytest

from fieldstation.errors import CodecError, LinkTimeout
from fieldstation.instruments import registry
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.opc_n3.simulator import OpcN3Twin, twin
from fieldstation.model import Twin, farewell
from fieldstation.protocol.usb_iss_twin import UsbIssTwin
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner, open_link
from fieldstation.transport.host import pty_host
from fieldstation.transport.loopback import LoopLink

DRIVER = registry.driver("opc_n3")
NOON_S = 1_779_969_600.0


def _running() -> OpcN3Twin:
    """A unit that somebody left running."""
    unit = twin("", 1, FaultPlan())
    for command in (b"\x03\x03\x03", b"\x03\x03\x07", b"\x30" * 88):
        unit.receive(command, time.time())
    return unit


@pytest.mark.slow
async def test_unit_is_identified_and_left_behind_an_adapter() -> None:
    unit = _running()
    async with pty_host(UsbIssTwin(unit), time.time) as path, asyncio.timeout(20):
        link = await open_link(f"usb-iss:{path}", DRIVER.line)
        runner = Runner(link, silence_s=0.0)
        identity = await runner.converse(DRIVER.identify())
        assert identity.serial == "177700019"
        goodbye = farewell(DRIVER)
        assert goodbye is not None
        await runner.converse(goodbye)
        assert (unit.power["fan_on"], unit.power["laser_switch"]) == (0, 0)
        await link.aclose()


@pytest.mark.slow
async def test_histogram_is_read_byte_by_byte_behind_an_adapter() -> None:
    async with pty_host(UsbIssTwin(_running()), time.time) as path, asyncio.timeout(30):
        link = await open_link(f"usb-iss:{path}", DRIVER.line)
        runner = Runner(link, silence_s=0.0)
        plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
        values = await runner.converse(plan[0].converse())
        assert values["sampling_period"] == pytest.approx(3, abs=1)
        assert not values["nothing_counted"]
        await link.aclose()


async def test_bare_pty_carries_the_same_conversation() -> None:
    async with pty_host(_running(), time.time) as path, asyncio.timeout(20):
        link = await open_link(path, DRIVER.line)
        identity = await Runner(link, silence_s=0.0).converse(DRIVER.identify())
        assert identity.model == "OPC-N3"
        await link.aclose()


@pytest.mark.parametrize("fault", ["flip:0.02", "lose_byte:0.01", "duplicate:0.01", "garbage:0.01"])
@in_virtual_time
async def test_damage_on_the_line_never_reaches_a_reading(fault: str) -> None:
    loop = asyncio.get_running_loop()
    unit = registry.twin("opc_n3", seed=2)
    plan = DRIVER.plan(await _runner(unit).converse(DRIVER.identify()))
    damaged = registry.twin("opc_n3", seed=2, faults=[fault])
    runner = _runner(damaged)
    good = 0
    for _ in range(40):
        await asyncio.sleep(10 - loop.time() % 10)
        try:
            values = await runner.converse(plan[0].converse())
        except (CodecError, LinkTimeout):
            continue
        good += 1
        flow, status = values["sample_flow_rate"], values["laser_status"]
        assert isinstance(flow, float)
        assert isinstance(status, int)
        assert 4.5 <= flow <= 4.7
        assert 606 <= status <= 614
    assert good > 20


def _runner(unit: Twin) -> Runner:
    loop = asyncio.get_running_loop()
    return Runner(LoopLink(unit, lambda: NOON_S + loop.time()))
