"""One string per port."""

from __future__ import annotations

import pytest

from fieldstation.errors import ConfigError
from fieldstation.model import SerialLine
from fieldstation.testing.echo import EchoTwin
from fieldstation.transport import open_link, parse_address
from fieldstation.transport.address import DevicePath, HidPort, LoopPort, TcpPort, UsbPort
from fieldstation.transport.loopback import LoopLink

BY_PATH = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("/dev/ttyUSB0", DevicePath("/dev/ttyUSB0")),
        (BY_PATH, DevicePath(BY_PATH)),
        ("usb:1a86:7523", UsbPort(0x1A86, 0x7523)),
        ("hid:0665:5161", HidPort(0x0665, 0x5161)),
        ("hid:0665:5161:A1", HidPort(0x0665, 0x5161, "A1")),
        ("hid:0665:5161:usb-0000:00:14.0-2", HidPort(0x0665, 0x5161, "usb-0000:00:14.0-2")),
        ("tcp://10.0.0.7:8899", TcpPort("10.0.0.7", 8899)),
        ("tcp://[fe80::1]:23", TcpPort("fe80::1", 23)),
        ("tcp://10.0.0.7:502?redial", TcpPort("10.0.0.7", 502, redial=True)),
        ("loop:", LoopPort()),
    ],
)
def test_address_is_read_and_written_alike(text: str, address: object) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "is no address; write /dev/serial/by-id/"),
        ("ttyUSB0", "is no address"),
        ("/dev/", "is no address"),
        ("/dev/tty\0", "is no address"),
        ("usb:1a86", "four hexadecimal digits"),
        ("hid:665:5161", "four hexadecimal digits"),
        ("hid:0665", "four hexadecimal digits"),
        ("tcp://host", "host and a port number"),
        ("tcp://:80", "host and a port number"),
        ("tcp://host:80/path", "host and a port number"),
        ("tcp://host:80?redail", "host and a port number"),
        ("tcp://host:99999", "write tcp://HOST:PORT"),
        ("tcp://[::1:80", "write tcp://HOST:PORT"),
        ("loop", "is no address"),
    ],
)
def test_wrong_address_is_one_sentence_with_the_right_form(text: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(text)
    (problem,) = caught.value.problems
    assert repr(text) in problem
    assert advice in problem


async def test_loop_address_takes_the_link_that_the_caller_makes() -> None:
    link = LoopLink(EchoTwin(), lambda: 0.0)
    assert await open_link("loop:", SerialLine(), loop=lambda: link) is link
    with pytest.raises(ConfigError, match="none was given"):
        await open_link("loop:", SerialLine())
