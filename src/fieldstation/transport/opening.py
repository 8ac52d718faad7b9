"""From an address to an open link: the module that a kind of port needs is imported only then."""

from __future__ import annotations

import os
from collections.abc import Callable

from fieldstation.errors import ConfigError, LinkError, LinkNotFound
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
    UsbPort,
    parse_address,
)
from fieldstation.transport.link import Link
from fieldstation.transport.locate import whereabouts


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
        case UsbPort() as port:
            return await open_link(_only(port), line)
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


def _only(port: UsbPort) -> Address:
    """The one adapter that `port` means. Raises LinkNotFound, LinkError when there are several."""
    fitting = whereabouts(port)
    if not fitting:
        raise LinkNotFound(f"{port}: no such USB adapter; check that the cable is plugged in")
    if len(fitting) > 1:
        names = " or ".join(map(str, fitting))
        raise LinkError(f"{port} fits {len(fitting)} adapters; name the unit's serial_number, or"
                        f" the port: {names}")  # fmt: skip
    return fitting[0]


def hid_line(line: Line) -> HidLine:
    """How a HID device speaks: a serial line behind a plain bridge, unless `line` says more."""
    return line if isinstance(line, HidLine) else HidLine()


def _is_hidraw(path: str) -> bool:
    """True for /dev/hidraw3 and for a link to it, such as a udev rule makes."""
    return os.path.basename(os.path.realpath(path)).startswith("hidraw")
