"""I2C buses of the machine through i2c-dev, by the kernel's own calls.

Structures and numbers are those of linux/i2c.h and linux/i2c-dev.h. The kernel lets one transaction
at a time on a bus, so several instruments share it, each with a link of its own.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fieldstation.errors import LinkLost, LinkNotFound
from fieldstation.model import I2cLine
from fieldstation.protocol.i2c import Requests, Status, Transaction, encode_reply
from fieldstation.transport.address import I2cPort
from fieldstation.transport.link import refusal
from fieldstation.transport.locate import DEV

ACCESS = "add the user to the group i2c (usermod -aG i2c NAME) and log in again"
ENABLE = "check the number, and that the bus is switched on (dtparam=i2c_arm=on on a Raspberry Pi)"

TRANSFER = 0x0707
READ_FLAG = 0x0001

# What adapters' drivers say when a chip does not acknowledge.
ABSENT = {errno.EREMOTEIO, errno.ENXIO}
STUCK = {errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.EIO}

Ioctl = Callable[[int, int, Any], object]


class Message(ctypes.Structure):
    """struct i2c_msg: one part of a transaction."""

    _fields_ = (
        ("addr", ctypes.c_uint16),
        ("flags", ctypes.c_uint16),
        ("len", ctypes.c_uint16),
        ("buf", ctypes.c_void_p),
    )


class Messages(ctypes.Structure):
    """struct i2c_rdwr_ioctl_data: a transaction, its parts joined by repeated starts."""

    _fields_ = (("msgs", ctypes.POINTER(Message)), ("nmsgs", ctypes.c_uint32))


async def open_i2c(
    port: I2cPort, line: I2cLine, *, dev: Path = DEV, ioctl: Ioctl = fcntl.ioctl
) -> I2cDevice:
    """A chip on the bus at `port`. Raises LinkNotFound, LinkDenied, LinkError."""
    path = str(dev / f"i2c-{port.bus}")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise LinkNotFound(f"{path} is not there; {ENABLE}") from error
    except OSError as error:
        raise refusal(path, error.errno, str(error), access=ACCESS) from error
    address = line.address if port.address is None else port.address
    return I2cDevice(path, descriptor, address, ioctl)


class I2cDevice:
    """An open bus and the address of one chip. The descriptor is the device's own."""

    def __init__(self, path: str, descriptor: int, address: int, ioctl: Ioctl) -> None:
        self._path = path
        self._descriptor = descriptor
        self._address = address
        self._ioctl = ioctl
        self._requests = Requests()

    async def transfer(self, data: bytes) -> bytes:
        """Do the transactions that `data` completes and give their replies. Raises LinkLost."""
        loop = asyncio.get_running_loop()
        replies = bytearray()
        for transaction in self._requests.feed(data):
            # The call lasts as long as the transaction, hence not in the loop's thread.
            replies += await loop.run_in_executor(None, self._transact, transaction)
        return bytes(replies)

    async def aclose(self) -> None:
        """Give the bus back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _transact(self, transaction: Transaction) -> bytes:
        out = (ctypes.c_uint8 * len(transaction.write)).from_buffer_copy(transaction.write)
        heard = (ctypes.c_uint8 * transaction.read)()
        parts = []
        if transaction.write or not transaction.read:
            parts.append(self._message(0, out))
        if transaction.read:
            parts.append(self._message(READ_FLAG, heard))
        messages = (Message * len(parts))(*parts)
        try:
            self._ioctl(self._descriptor, TRANSFER, Messages(messages, len(parts)))
        except OSError as error:
            return self._failed(error)
        return encode_reply(Status.OK, bytes(heard))

    def _message(self, flags: int, buffer: ctypes.Array[ctypes.c_uint8]) -> Message:
        return Message(self._address, flags, len(buffer), ctypes.addressof(buffer))

    def _failed(self, error: OSError) -> bytes:
        if error.errno in ABSENT:
            return encode_reply(Status.ABSENT)
        if error.errno in STUCK:
            return encode_reply(Status.STUCK)
        raise LinkLost(f"{self._path}: the transfer failed ({error.strerror})") from error
