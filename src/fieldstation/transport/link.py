"""A link: bytes to an instrument and back, whatever carries them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Protocol

from fieldstation.errors import ConfigError, LinkBusy, LinkDenied, LinkError, LinkNotFound
from fieldstation.model import HidLine, Line, SerialLine
from fieldstation.transport.address import (
    Address,
    DevicePath,
    HidPort,
    I2cPort,
    LoopPort,
    MqttPort,
    SpiPort,
    TcpPort,
    UsbIssPort,
    parse_address,
)


class Link(Protocol):
    """One open line. One task uses it at a time; cancelling a call leaves the link usable."""

    async def write(self, data: bytes) -> None:
        """Send all of `data`; returns when its last byte should have left the line. Raises
        LinkLost.
        """
        ...

    async def read(self) -> bytes:
        """What has come, at least one byte; waits for it. Raises LinkLost once everything that
        came before the end was read. A cancelled read loses no byte.
        """
        ...

    async def drain(self) -> bytes:
        """Take what has come and was not read, the system's own buffers included; does not wait
        for more.
        """
        ...

    async def aclose(self) -> None:
        """Give the port back. Closing twice is fine."""
        ...


async def open_link(
    address: Address | str, line: Line, *, loop: Callable[[], Link] | None = None
) -> Link:
    """Open the port at `address`; `line` matters to serial ports, HID devices and buses. `loop`
    makes the link when the address is `loop:`.

    Raises LinkNotFound, LinkBusy, LinkDenied, LinkError, or ConfigError for an address that is
    none.
    """
    match parse_address(address) if isinstance(address, str) else address:
        case DevicePath(path) if _is_hidraw(path):
            from fieldstation.transport.hid import open_node

            return await open_node(path, hid_line(line))
        case DevicePath(path):
            from fieldstation.transport.serial import open_serial

            # The twin of a bus instrument on a pty has no line settings.
            return await open_serial(path, line if isinstance(line, SerialLine) else SerialLine())
        case HidPort() as port:
            from fieldstation.transport.hid import open_hid

            return await open_hid(port, hid_line(line))
        case TcpPort(redial=True) as port:
            from fieldstation.transport.redial import open_redial

            return await open_redial(port)
        case TcpPort() as port:
            from fieldstation.transport.tcp import open_tcp

            return await open_tcp(port)
        case SpiPort() | I2cPort() | UsbIssPort() as port:
            from fieldstation.transport.bus import open_bus

            return await open_bus(port, line)
        case MqttPort() as port:
            raise ConfigError(f"port '{port}' is a broker; instruments are heard there, not asked")
        case LoopPort():
            if loop is None:
                raise ConfigError("port 'loop:' is a twin in memory, and none was given here")
            return loop()


def hid_line(line: Line) -> HidLine:
    """How a HID device speaks: a serial line behind a plain bridge, unless `line` says more."""
    return line if isinstance(line, HidLine) else HidLine()


def _is_hidraw(path: str) -> bool:
    """True for /dev/hidraw3 and for a link to it, such as a udev rule makes."""
    return os.path.basename(os.path.realpath(path)).startswith("hidraw")


NOT_THERE = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.ENOTDIR}
DENIED = {errno.EACCES, errno.EPERM}
BUSY = {errno.EBUSY, errno.EAGAIN}


def refusal(path: str, number: int | None, reason: str, *, access: str) -> LinkError:
    """The error that says why `path` did not open. `number` is the system's errno, `access` the
    advice for a user without permission.
    """
    if number in NOT_THERE:
        return LinkNotFound(
            f"{path} is not there; check that the cable is plugged in and the name is right"
        )
    if number in DENIED:
        return LinkDenied(f"{path}: this user may not open it; {access}")
    if number in BUSY:
        return LinkBusy(f"{path} is in use by another program; stop that one, a port has one owner")
    return LinkError(f"{path} cannot be opened: {reason}")
