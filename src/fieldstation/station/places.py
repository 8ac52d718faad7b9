"""Which instruments share a bus, and when two would sit on the same seat of it."""

from __future__ import annotations

import os

from fieldstation.model import I2cLine, Line, MqttLine
from fieldstation.transport.address import (
    Address,
    DevicePath,
    HidPort,
    I2cPort,
    MqttPort,
    SpiPort,
    UsbIssPort,
    UsbPort,
    parse_address,
)


def bus_of(port: str, serial: str = "") -> str:
    """One name for everything that takes turns on the same wires, however the port is spelled.
    `serial` is the number of the unit, by which it is found where the port may be several.
    """
    match parse_address(port):
        case DevicePath(path) | UsbIssPort(path):
            return os.path.realpath(path)
        case I2cPort(bus):
            return f"i2c:{bus}"
        case SpiPort(bus):
            return f"spi:{bus}"
        case UsbPort() | HidPort(which="") as address if serial:
            return f"{address}#{serial}"
        case address:
            return str(address)


def seat_of(port: str, line: Line, serial: str = "") -> str:
    """One name for the place of a single instrument."""
    address = parse_address(port)
    return f"{bus_of(port, serial)}{_part(address, line)}"


def _part(address: Address, line: Line) -> str:
    match address:
        case SpiPort(_, select):
            return f".{select}"
        case MqttPort() if isinstance(line, MqttLine):
            return f"#{line.client_id}"
        case I2cPort(_, chip) | UsbIssPort(_, chip) if isinstance(line, I2cLine):
            return f":{line.address if chip is None else chip:#x}"
        case _:
            return ""
