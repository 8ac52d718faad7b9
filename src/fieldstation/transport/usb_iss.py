"""SPI and I2C through a Devantech USB-ISS adapter on a serial port.

1. One command at a time, each in one write, and its reply read to its end before the next.
   `test_chips_of_one_adapter_share_it`
2. Several chips share an adapter in I2C mode; an SPI instrument has one alone.
   `test_adapter_in_spi_mode_has_one_owner`
3. An adapter that lost its mode (it was unplugged or lost power) refuses; the mode is then set
   again and the command repeated, once. `test_adapter_that_forgot_its_mode_is_set_again`
4. A reply that stays away or cannot be read breaks the adapter for all its users; the next one to
   open it starts anew. `test_silent_adapter_breaks_the_link_and_opens_again`
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeVar

from fieldstation.errors import CodecError, ConfigError, LinkBusy, LinkLost
from fieldstation.model import I2cLine, SerialLine, SpiLine
from fieldstation.model.talk import FrameEnd
from fieldstation.protocol import usb_iss as iss
from fieldstation.protocol.i2c import Requests, Status, Transaction, encode_reply
from fieldstation.transport.address import UsbIssPort
from fieldstation.transport.link import Link

T = TypeVar("T")

# The adapter is a USB device and ignores the rate; a high one shortens the wait for the last byte.
LINE = SerialLine(115_200)
REPLY_S = 1.0
# Oldest firmware whose SPI modes can be relied on (USB-ISS documentation, SPI part).
OLDEST_FIRMWARE = 4


async def open_usb_iss(port: UsbIssPort, line: SpiLine | I2cLine) -> SpiBehindIss | ChipBehindIss:
    """An instrument behind the adapter at `port`. Raises what opening its serial port raises,
    LinkBusy when the adapter serves another bus, ConfigError for a clock that it cannot make.
    """
    if isinstance(line, I2cLine):
        adapter = await Adapter.shared(port.path, iss.encode_i2c_mode(), alone=False)
        return ChipBehindIss(adapter, line.address if port.address is None else port.address)
    try:
        mode = iss.encode_spi_mode(line.mode, line.hz)
    except ValueError as error:
        raise ConfigError(f"port {str(port)!r}: {error}") from error
    return SpiBehindIss(await Adapter.shared(port.path, mode, alone=True), line)


class SpiBehindIss:
    """The SPI bus of an adapter."""

    def __init__(self, adapter: Adapter, line: SpiLine) -> None:
        self._adapter = adapter
        # The adapter clocks the bytes of a frame without a pause, so a pause takes a frame each.
        self._piece = 1 if line.pause_us else iss.MOST_SPI_BYTES

    async def transfer(self, data: bytes) -> bytes:
        """Clock `data` out and give as many bytes clocked in. Raises LinkLost."""
        heard = bytearray()
        for start in range(0, len(data), self._piece):
            piece = data[start : start + self._piece]
            reply = await self._adapter.command(
                iss.encode_spi(piece), iss.spi_end(len(piece)), iss.decode_spi
            )
            if isinstance(reply, iss.Refusal):
                raise self._adapter.broken(f"refused an SPI frame ({reply.word})")
            heard += reply
        return bytes(heard)

    async def aclose(self) -> None:
        """Leave the adapter."""
        await self._adapter.leave()


class ChipBehindIss:
    """One chip on the I2C bus of an adapter."""

    def __init__(self, adapter: Adapter, address: int) -> None:
        self._adapter = adapter
        self._address = address
        self._requests = Requests()

    async def transfer(self, data: bytes) -> bytes:
        """Do the transactions that `data` completes and give their replies. Raises LinkLost."""
        replies = bytearray()
        for transaction in self._requests.feed(data):
            replies += await self._transact(transaction)
        return bytes(replies)

    async def aclose(self) -> None:
        """Leave the adapter to the other chips."""
        await self._adapter.leave()

    async def _transact(self, transaction: Transaction) -> bytes:
        frame = iss.encode_i2c(self._address, transaction.write, transaction.read)
        reply = await self._adapter.command(frame, iss.i2c_end, iss.decode_i2c)
        if not isinstance(reply, iss.Refusal):
            return encode_reply(Status.OK, reply)
        return encode_reply(Status.ABSENT if reply.reason == iss.NO_CHIP else Status.STUCK)


class Adapter:
    """An open adapter and how many instruments use it. `mode` is the command that sets its mode."""

    _open: dict[str, Adapter] = {}

    def __init__(self, path: str, mode: bytes, alone: bool) -> None:
        self._path = path
        self._place = _place(path)
        self._mode = mode
        self._alone = alone
        self._users = 0
        self._link: Link | None = None
        self._fault = ""
        self._turn = asyncio.Lock()

    @classmethod
    async def shared(cls, path: str, mode: bytes, *, alone: bool) -> Adapter:
        """The adapter at `path`, opened or already open, in `mode`. Raises LinkBusy when it is in
        another mode, or already has the one user that `alone` allows.
        """
        place = _place(path)
        adapter = cls._open.get(place)
        if adapter is None:
            adapter = cls._open[place] = cls(path, mode, alone)
        elif alone or adapter._mode != mode:
            raise LinkBusy(
                f"the adapter at {path} serves another instrument; it takes several I2C chips or"
                " one SPI instrument"
            )
        await adapter._join()
        return adapter

    async def command(
        self, frame: bytes, end: FrameEnd, decode: Callable[[bytes], T | iss.Refusal]
    ) -> T | iss.Refusal:
        """The decoded reply to `frame`. Raises LinkLost."""
        async with self._turn:
            reply = await self._ask(frame, end, decode)
            if isinstance(reply, iss.Refusal) and reply.reason != iss.NO_CHIP:
                await self._set_mode()
                reply = await self._ask(frame, end, decode)
            return reply

    async def leave(self) -> None:
        """One user less; the last one gives the port back."""
        self._users -= 1
        if self._users == 0:
            await self._close()

    def broken(self, how: str) -> LinkLost:
        """The error for an adapter that failed; from now on every user is told so."""
        self._fault = f"the USB-ISS adapter at {self._path} {how}; it is opened again"
        self._forget()
        return LinkLost(self._fault)

    async def _join(self) -> None:
        self._users += 1
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.leave)
            async with self._turn:
                if self._link is None:
                    await self._begin()
            undo.pop_all()

    async def _begin(self) -> None:
        from fieldstation.transport.serial import open_serial

        self._link = await open_serial(self._path, LINE)
        version = await self._ask(iss.VERSION, iss.version_end, iss.decode_version)
        if version.firmware < OLDEST_FIRMWARE:
            raise self.broken(f"has firmware {version.firmware}, too old; 4 is needed")
        await self._set_mode()

    async def _set_mode(self) -> None:
        refusal = await self._ask(self._mode, iss.mode_end, iss.decode_mode)
        if refusal is not None:
            raise self.broken(f"refused its mode ({refusal.word})")

    async def _ask(self, frame: bytes, end: FrameEnd, decode: Callable[[bytes], T]) -> T:
        if self._fault or self._link is None:
            raise LinkLost(self._fault or f"the USB-ISS adapter at {self._path} is closed")
        heard = bytearray()
        try:
            await self._link.drain()
            await self._link.write(frame)
            async with asyncio.timeout(REPLY_S):
                while not heard or end(bytes(heard)) is None:
                    heard += await self._link.read()
            return decode(bytes(heard[: end(bytes(heard))]))
        except TimeoutError as error:
            raise self.broken(f"did not answer {frame[:2].hex(' ')}") from error
        except (CodecError, LinkLost) as error:
            raise self.broken(f"failed ({error})") from error

    def _forget(self) -> None:
        if self._open.get(self._place) is self:
            del self._open[self._place]

    async def _close(self) -> None:
        self._forget()
        if self._link is not None:
            link, self._link = self._link, None
            await link.aclose()


def _place(path: str) -> str:
    """One spelling for all names of a port."""
    return os.path.realpath(path)
