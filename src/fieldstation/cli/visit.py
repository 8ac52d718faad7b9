"""One visit to a configured instrument, outside a station: open, talk, say farewell, close."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fieldstation.errors import FieldstationError

if TYPE_CHECKING:
    from fieldstation.model import Driver
    from fieldstation.station.config import InstrumentSettings
    from fieldstation.transport.converse import Runner
    from fieldstation.transport.link import Link


@asynccontextmanager
async def visit(
    settings: InstrumentSettings, wrap: Callable[[Link], Link] | None = None
) -> AsyncIterator[tuple[Driver, Runner]]:
    """The instrument's driver and a runner on its open port, through `wrap` where it is given; the
    farewell is said at the end, whatever happened. Raises what opening the port raises.
    """
    from fieldstation.instruments import registry
    from fieldstation.model import configured
    from fieldstation.transport.converse import Runner, silence_s

    driver = configured(registry.driver(settings.kind), settings.options)
    link = await _opened(settings, driver)
    if wrap is not None:
        link = wrap(link)
    runner = Runner(link, resync=driver.resync, silence_s=silence_s(settings.line))
    try:
        yield driver, runner
    finally:
        await _leave(driver, runner)
        await link.aclose()


async def _opened(settings: InstrumentSettings, driver: Driver) -> Link:
    """The open port; where the address fits several, the one behind which the unit is that has the
    configured number. Raises as `open_link`, and LinkNotFound when the unit is behind none.
    """
    from fieldstation.errors import LinkNotFound
    from fieldstation.transport.address import parse_address
    from fieldstation.transport.locate import whereabouts
    from fieldstation.transport.opening import open_link
    from fieldstation.transport.scan import serial_at

    places = whereabouts(parse_address(settings.port))
    if len(places) < 2 or not settings.serial_number:
        return await open_link(settings.port, settings.line)
    for place in places:
        if await serial_at(place, settings.line, driver) == settings.serial_number:
            return await open_link(place, settings.line)
    raise LinkNotFound(
        f"{settings.port}: the unit {settings.serial_number} is behind none of the {len(places)}"
        " that fit; check that it is plugged in and switched on, and that no station runs"
    )


async def _leave(driver: Driver, runner: Runner) -> None:
    """Say what the driver has to say at the end; a unit that does not listen is left all the
    same.
    """
    from fieldstation.model.talk import FAREWELL_S, farewell

    words = farewell(driver)
    if words is not None:
        with suppress(FieldstationError, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await runner.converse(words)
