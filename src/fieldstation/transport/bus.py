"""Buses on which the station makes the clock: a write is a transfer, and its reply is there when
the transfer ends.

1. What a transfer brought in is read like bytes of any line. `test_reply_of_a_transfer_is_read`
2. A transfer that was begun is ended even when its caller gives up, so that an instrument is never
   left with half a frame; `drain` waits for it. `test_cancelled_transfer_is_finished_and_drained`
3. A transfer that fails breaks the link. `test_broken_bus_breaks_the_link`
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from fieldstation.errors import ConfigError, LinkLost
from fieldstation.model import HidLine, I2cLine, Line, SerialLine, SpiLine
from fieldstation.transport.address import I2cPort, SpiPort, UsbIssPort
from fieldstation.transport.mailbox import Mailbox


class Device(Protocol):
    """The far end of a bus link."""

    async def transfer(self, data: bytes) -> bytes:
        """Carry `data` over the bus and give what came back. Raises LinkError, and the device is
        then done for.
        """
        ...

    async def aclose(self) -> None:
        """Give the bus back."""
        ...


class BusLink:
    """An open device, which the link owns from now on and closes."""

    def __init__(self, name: str, device: Device) -> None:
        self._mailbox = Mailbox(name)
        self._device = device
        self._turn = asyncio.Lock()
        self.read = self._mailbox.read

    async def write(self, data: bytes) -> None:
        """Transfer `data`; see rules 1 to 3. Raises LinkLost."""
        self._mailbox.check()
        await asyncio.shield(asyncio.ensure_future(self._transfer(data)))
        self._mailbox.check()

    async def drain(self) -> bytes:
        """As `Link.drain`, after the transfer under way."""
        async with self._turn:
            return await self._mailbox.drain()

    async def aclose(self) -> None:
        """Give the bus back, after the transfer under way."""
        async with self._turn:
            self._mailbox.connection_lost(None)
            await self._device.aclose()

    async def _transfer(self, data: bytes) -> None:
        async with self._turn:
            try:
                self._mailbox.check()
                self._mailbox.data_received(await self._device.transfer(data))
            except LinkLost as error:
                self._mailbox.connection_lost(error)


async def open_bus(port: SpiPort | I2cPort | UsbIssPort, line: Line) -> BusLink:
    """The bus at `port`. Raises LinkNotFound, LinkDenied, LinkBusy, LinkError, and ConfigError when
    the instrument is none of that bus.
    """
    match port, line:
        case SpiPort(), SpiLine():
            from fieldstation.transport.spi import open_spi

            return BusLink(str(port), await open_spi(port, line))
        case I2cPort(), I2cLine():
            from fieldstation.transport.i2c import open_i2c

            return BusLink(str(port), await open_i2c(port, line))
        case UsbIssPort(), SpiLine() | I2cLine():
            from fieldstation.transport.usb_iss import open_usb_iss

            return BusLink(str(port), await open_usb_iss(port, line))
        case _:
            raise ConfigError(
                f"port {str(port)!r} is none for this instrument, which has {_WIRES[type(line)]}"
            )


_WIRES = {SpiLine: "an SPI bus", I2cLine: "an I2C bus", SerialLine: "a serial line", HidLine: "USB"}
