"""One visit to a unit that may be behind any of several equal adapters."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

import pytest

from fieldstation.cli.visit import visit
from fieldstation.errors import LinkNotFound
from fieldstation.instruments import registry
from fieldstation.model import SerialLine
from fieldstation.station.config import InstrumentSettings
from fieldstation.transport import locate
from fieldstation.transport.address import DevicePath
from fieldstation.transport.host import pty_host

pytestmark = pytest.mark.slow


async def test_a_unit_is_found_behind_one_of_several_equal_adapters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with AsyncExitStack() as stack:
        places = []
        for profile in registry.profiles("axpert")[:3]:
            unit = registry.twin("axpert", profile, fast=True)
            places.append(DevicePath(await stack.enter_async_context(pty_host(unit, time.time))))
        monkeypatch.setattr(locate, "whereabouts", lambda _address: places)
        numbers = [await _number(str(place)) for place in places]
        assert len(set(numbers)) == 3
        for number in numbers:
            assert await _number("usb:1a86:7523", number) == number
        with pytest.raises(LinkNotFound, match="the unit 111 is behind none of the 3 that fit"):
            await _number("usb:1a86:7523", "111")


async def _number(port: str, wanted: str = "") -> str:
    """The number of the unit that a visit meets."""
    settings = InstrumentSettings("unit", "axpert", port, 5.0, SerialLine(2400), wanted)
    async with visit(settings) as (driver, runner):
        return (await runner.converse(driver.identify())).serial
