"""The three I2C sensors on a line: together behind one adapter on a pty, and on bare ptys."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import pytest

from fieldstation.instruments import registry
from fieldstation.model import I2cLine, Identity, Value
from fieldstation.protocol.usb_iss_twin import UsbIssTwin
from fieldstation.transport import Runner, open_link
from fieldstation.transport.host import pty_host

KINDS = ("si7020", "veml7700", "bh1745")
NOON_S = 1_779_969_600.0
START_S = time.monotonic()


def _wall() -> float:
    return NOON_S + time.monotonic() - START_S


async def _visit(port: str, kind: str) -> tuple[Identity, dict[str, Value]]:
    driver = registry.driver(kind)
    link = await open_link(port, driver.line)
    runner = Runner(link, silence_s=0.0)
    identity = await runner.converse(driver.identify())
    values = await runner.converse(driver.plan(identity)[0].converse())
    await link.aclose()
    return identity, values


async def test_three_sensors_share_one_adapter() -> None:
    lines = {kind: cast(I2cLine, registry.driver(kind).line) for kind in KINDS}
    adapter = UsbIssTwin(i2c={line.address: registry.twin(kind) for kind, line in lines.items()})
    async with pty_host(adapter, _wall) as path, asyncio.timeout(30):
        visits = (_visit(f"usb-iss:{path}", kind) for kind in KINDS)
        (air, climate), (_, light), (_, colour) = await asyncio.gather(*visits)
    assert air.model == "Si7020"
    assert isinstance(climate["temperature"], float)
    assert 10 < climate["temperature"] < 30
    assert isinstance(light["illuminance"], float)
    assert isinstance(colour["illuminance"], float)
    # The colour sensor's twin stands in half the light of the other.
    assert colour["illuminance"] == pytest.approx(light["illuminance"] / 2, rel=0.3)


@pytest.mark.parametrize("kind", KINDS)
async def test_bare_pty_carries_the_same_conversation(kind: str) -> None:
    async with pty_host(registry.twin(kind), _wall) as path, asyncio.timeout(20):
        identity, values = await _visit(path, kind)
    assert identity.kind == kind
    assert values.keys() == set(registry.layouts(kind)[0].names)
