"""SPI buses of the machine through spidev, by the kernel's own calls.

Structures and numbers are those of linux/spi/spidev.h.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fieldstation.errors import LinkLost, LinkNotFound
from fieldstation.model import SpiLine
from fieldstation.transport.address import SpiPort
from fieldstation.transport.link import refusal
from fieldstation.transport.locate import DEV

ACCESS = "add the user to the group spi (usermod -aG spi NAME) and log in again"
ENABLE = "check the number, and that the bus is switched on (dtparam=spi=on on a Raspberry Pi)"

SET_MODE = 0x40016B01
SET_WORD_BITS = 0x40016B03
SET_HZ = 0x40046B04
# The size field of a call has 14 bits and a transfer 32 bytes.
MOST_PIECES = 511

Ioctl = Callable[[int, int, Any], object]


class Piece(ctypes.Structure):
    """struct spi_ioc_transfer: one piece of a message."""

    _fields_ = (
        ("tx_buf", ctypes.c_uint64),
        ("rx_buf", ctypes.c_uint64),
        ("len", ctypes.c_uint32),
        ("speed_hz", ctypes.c_uint32),
        ("delay_usecs", ctypes.c_uint16),
        ("bits_per_word", ctypes.c_uint8),
        ("cs_change", ctypes.c_uint8),
        ("tx_nbits", ctypes.c_uint8),
        ("rx_nbits", ctypes.c_uint8),
        ("word_delay_usecs", ctypes.c_uint8),
        ("pad", ctypes.c_uint8),
    )


def message_call(pieces: int) -> int:
    """The call that sends a message of so many pieces: SPI_IOC_MESSAGE(n)."""
    return 0x40006B00 | (pieces * ctypes.sizeof(Piece)) << 16


async def open_spi(
    port: SpiPort, line: SpiLine, *, dev: Path = DEV, ioctl: Ioctl = fcntl.ioctl
) -> SpiDevice:
    """The select line at `port`. Raises LinkNotFound, LinkDenied, LinkBusy, LinkError."""
    path = str(dev / f"spidev{port.bus}.{port.select}")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise LinkNotFound(f"{path} is not there; {ENABLE}") from error
    except OSError as error:
        raise refusal(path, error.errno, str(error), access=ACCESS) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ioctl(descriptor, SET_MODE, ctypes.c_uint8(line.mode))
        ioctl(descriptor, SET_WORD_BITS, ctypes.c_uint8(8))
        ioctl(descriptor, SET_HZ, ctypes.c_uint32(line.hz))
    except OSError as error:
        os.close(descriptor)
        raise refusal(path, error.errno, str(error), access=ACCESS) from error
    return SpiDevice(path, descriptor, line, ioctl)


class SpiDevice:
    """An open spidev node, which the device owns."""

    def __init__(self, path: str, descriptor: int, line: SpiLine, ioctl: Ioctl) -> None:
        self._path = path
        self._descriptor = descriptor
        self._line = line
        self._ioctl = ioctl

    async def transfer(self, data: bytes) -> bytes:
        """Clock `data` out and give as many bytes clocked in. Raises LinkLost."""
        # The call lasts as long as the transfer, hence not in the loop's thread.
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(None, self._clock, data)
        except OSError as error:
            raise LinkLost(f"{self._path}: the transfer failed ({error.strerror})") from error

    async def aclose(self) -> None:
        """Give the node back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _clock(self, data: bytes) -> bytes:
        heard = bytearray()
        for start in range(0, len(data), MOST_PIECES):
            heard += self._message(data[start : start + MOST_PIECES])
        return bytes(heard)

    def _message(self, data: bytes) -> bytes:
        size = len(data)
        out = (ctypes.c_uint8 * size).from_buffer_copy(data)
        heard = (ctypes.c_uint8 * size)()
        step = 1 if self._line.pause_us else size
        pieces = (Piece * (size // step))()
        for number, piece in enumerate(pieces):
            piece.tx_buf = ctypes.addressof(out) + number * step
            piece.rx_buf = ctypes.addressof(heard) + number * step
            piece.len = step
            piece.delay_usecs = self._line.pause_us
            # Set on the last piece it would mean the opposite: keep the line selected.
            piece.cs_change = number < len(pieces) - 1
        self._ioctl(self._descriptor, message_call(len(pieces)), pieces)
        return bytes(heard)
