"""Where an instrument is reached: one string per port in the configuration, parsed once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from fieldstation.errors import ConfigError

FORMS = (
    "/dev/serial/by-id/..., usb:VENDOR:PRODUCT, hid:VENDOR:PRODUCT[:SERIAL], "
    "tcp://HOST:PORT[?redial], "
    "mqtt[s]://HOST[:PORT], spi:BUS.SELECT, i2c:BUS[:ADDRESS], "
    "usb-iss:/dev/serial/by-id/...[?i2c=ADDRESS] or loop:"
)

SPI = re.compile(r"spi:(\d{1,3})\.(\d{1,3})\Z")
I2C = re.compile(r"i2c:(\d{1,3})(?::(0x[0-9a-fA-F]{1,2}))?\Z")
USB_ISS = re.compile(r"usb-iss:(/[^?\0]*[^/?\0])(?:\?i2c=(0x[0-9a-fA-F]{1,2}))?\Z")
# Addresses outside are reserved by the I2C specification (UM10204, section 3.1.12).
I2C_ADDRESSES = range(0x08, 0x78)

USB = re.compile(r"usb:([0-9a-fA-F]{4}):([0-9a-fA-F]{4})\Z")
HID = re.compile(r"hid:([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?::(.+))?\Z")


@dataclass(frozen=True, slots=True)
class DevicePath:
    """A node below /dev (or a link to one): a serial port, or a hidraw node."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class UsbPort:
    """Any USB serial adapter of this vendor and product number: the one behind which the unit is
    found.
    """

    vendor: int
    product: int

    def __str__(self) -> str:
        return f"usb:{self.vendor:04x}:{self.product:04x}"


@dataclass(frozen=True, slots=True)
class HidPort:
    """A USB HID device by vendor and product number. `which` tells equal ones apart: the serial
    number, or the USB socket (`usb-0000:00:14.0-2`) for devices that have none.
    """

    vendor: int
    product: int
    which: str = ""

    def __str__(self) -> str:
        return f"hid:{self.vendor:04x}:{self.product:04x}" + (
            f":{self.which}" if self.which else ""
        )


@dataclass(frozen=True, slots=True)
class TcpPort:
    """A serial line behind a server that passes bytes through (ser2net, Ethernet adapters), or an
    instrument on the network. `redial` is for those that hang up after each reply.
    """

    host: str
    port: int
    redial: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}" + ("?redial" if self.redial else "")


@dataclass(frozen=True, slots=True)
class MqttPort:
    """A broker; `tls` encrypts."""

    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SpiPort:
    """A select line of an SPI bus of the machine: /dev/spidevBUS.SELECT."""

    bus: int
    select: int

    def __str__(self) -> str:
        return f"spi:{self.bus}.{self.select}"


@dataclass(frozen=True, slots=True)
class I2cPort:
    """An I2C bus of the machine, /dev/i2c-BUS. `address` None: the chip's usual one."""

    bus: int
    address: int | None = None

    def __str__(self) -> str:
        return f"i2c:{self.bus}" + ("" if self.address is None else f":0x{self.address:02x}")


@dataclass(frozen=True, slots=True)
class UsbIssPort:
    """A USB-ISS adapter at the serial port `path`. `address` is a chip's on its I2C bus; None: the
    chip's usual one, or the adapter serves SPI.
    """

    path: str
    address: int | None = None

    def __str__(self) -> str:
        chip = "" if self.address is None else f"?i2c=0x{self.address:02x}"
        return f"usb-iss:{self.path}{chip}"


@dataclass(frozen=True, slots=True)
class LoopPort:
    """The instrument's twin in memory."""

    def __str__(self) -> str:
        return "loop:"


Address = (
    DevicePath | UsbPort | HidPort | TcpPort | MqttPort | SpiPort | I2cPort | UsbIssPort | LoopPort
)


def parse_address(text: str) -> Address:
    """The address written `text`. Raises ConfigError with one sentence when it is none."""
    if text == "loop:":
        return LoopPort()
    if text.startswith("tcp:"):
        return _tcp(text)
    if text.startswith(("mqtt:", "mqtts:")):
        return _mqtt(text)
    if text.startswith("usb:"):
        return _usb(text)
    if text.startswith("hid:"):
        return _hid(text)
    if text.startswith(("spi:", "i2c:", "usb-iss:")):
        return _bus(text)
    if text.startswith("/") and not text.endswith("/") and "\0" not in text:
        return DevicePath(text)
    raise ConfigError(f"port {text!r} is no address; write {FORMS}")


def _tcp(text: str) -> TcpPort:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"port {text!r}: {error}; write tcp://HOST:PORT") from error
    extra = parts.path.strip("/") or parts.fragment or parts.username
    if not host or not port or extra or parts.query not in ("", "redial"):
        raise ConfigError(
            f"port {text!r} needs a host and a port number only: tcp://HOST:PORT[?redial]"
        )
    return TcpPort(host, port, parts.query == "redial")


def _mqtt(text: str) -> MqttPort:
    form = "mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"port {text!r}: {error}; write {form}") from error
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None
    if not host or port == 0 or extra:
        raise ConfigError(
            f"port {text!r} needs a host only: {form}; user and password_file are settings of their"
            " own"
        )
    tls = parts.scheme == "mqtts"
    return MqttPort(host, port or (8883 if tls else 1883), tls)


def _usb(text: str) -> UsbPort:
    match = USB.match(text)
    if match is None:
        raise ConfigError(
            f"port {text!r} needs two numbers of four hexadecimal digits: usb:0403:6001"
        )
    return UsbPort(*(int(number, 16) for number in match.groups()))


def _hid(text: str) -> HidPort:
    match = HID.match(text)
    if match is None:
        raise ConfigError(
            f"port {text!r} needs two numbers of four hexadecimal digits: hid:0665:5161"
        )
    vendor, product, which = match.groups(default="")
    return HidPort(int(vendor, 16), int(product, 16), which)


def _bus(text: str) -> SpiPort | I2cPort | UsbIssPort:
    if match := SPI.match(text):
        return SpiPort(int(match[1]), int(match[2]))
    if match := I2C.match(text):
        return I2cPort(int(match[1]), _chip(text, match[2]))
    if match := USB_ISS.match(text):
        return UsbIssPort(match[1], _chip(text, match[2]))
    raise ConfigError(
        f"port {text!r} must look like spi:0.0, i2c:1, i2c:1:0x39, usb-iss:/dev/serial/by-id/... "
        "or usb-iss:/dev/serial/by-id/...?i2c=0x39"
    )


def _chip(text: str, address: str | None) -> int | None:
    if address is None:
        return None
    number = int(address, 16)
    if number not in I2C_ADDRESSES:
        raise ConfigError(f"port {text!r}: chips have I2C addresses from 0x08 to 0x77")
    return number
