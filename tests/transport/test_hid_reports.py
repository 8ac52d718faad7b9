"""HID devices whose reports have a meaning of their own: features, and short input reports."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence

import pytest

from fieldstation.errors import LinkLost, LinkNotFound
from fieldstation.model import HidLine, Outgoing
from fieldstation.transport import open_link
from fieldstation.transport.hid import SET_FEATURE, HidLink
from fieldstation.transport.hid_host import hid_host

LINE = HidLine(features=b"\x43", input_bytes=32)


def as_feature(descriptor: int, piece: bytes) -> None:
    """A feature report on a socket, told apart by its length."""
    os.write(descriptor, b"feature " + piece)


async def test_hid_feature_reports_go_their_own_way_in_order() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setblocking(False)
    far.setblocking(False)
    loop = asyncio.get_running_loop()
    link = HidLink("hid:04d9:e000", near.detach(), LINE, feature=as_feature)
    async with asyncio.timeout(5):
        announce, command, fetch = (
            b"\x43\x01\x07" + bytes(5),
            b"\x07" + bytes(7),
            b"\x43\x04" + bytes(6),
        )
        await link.write(announce + command + fetch)
        sent = [await loop.sock_recv(far, 64) for _ in range(3)]
        assert sent == [b"feature " + announce, command, b"feature " + fetch]
        await loop.sock_sendall(far, b"\x02\x1c\x03")
        await loop.sock_sendall(far, b"\x01" * 32)
        stream = await link.read()
        while len(stream) < 64:
            stream += await link.read()
        assert stream == b"\x02\x1c\x03" + bytes(29) + b"\x01" * 32
    await link.aclose()
    far.close()


def test_the_feature_call_is_that_of_the_kernel_header() -> None:
    # _IOC(_IOC_WRITE|_IOC_READ, 'H', 0x06, 8) of linux/hidraw.h on Linux for x86 and ARM.
    assert SET_FEATURE == 0xC0084806


class Reporter:
    """A device that writes down its reports and answers each with a long one."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        self.heard.append(data)
        return [Outgoing(b"\x02ok".ljust(32, b"\0") + b"\x01!")]


async def test_twin_is_read_through_a_stand_in_of_its_node() -> None:
    device = Reporter()
    async with hid_host(device, lambda: 0.0, LINE) as path, asyncio.timeout(5):
        link = await open_link(path, LINE)
        announce, command, zero = b"\x43\x01" + bytes(6), b"\x07" + bytes(7), bytes(8)
        await link.write(announce + command + zero)
        stream = b""
        while len(stream) < 3 * 64:
            stream += await link.read()
        assert device.heard == [announce, command, zero]
        # Two reports each, the second one cut short and filled up again.
        assert stream == (b"\x02ok".ljust(32, b"\0") + b"\x01!".ljust(32, b"\0")) * 3
        await link.aclose()


async def test_stand_in_takes_a_report_of_the_wrong_kind_for_nothing() -> None:
    device = Reporter()
    async with hid_host(device, lambda: 0.0, LINE) as path, asyncio.timeout(5):
        plain = await open_link(path, HidLine(input_bytes=32))
        await plain.write(b"\x43\x01" + bytes(6))
        await plain.write(b"\x07" + bytes(7))
        await plain.read()
        assert device.heard == [b"\x07" + bytes(7)]
        await plain.aclose()


async def test_stand_in_has_one_owner_and_can_be_opened_again() -> None:
    async with hid_host(Reporter(), lambda: 0.0, LINE) as path, asyncio.timeout(5):
        first, second = await open_link(path, LINE), await open_link(path, LINE)
        with pytest.raises(LinkLost):
            await second.read()
        await second.aclose()
        await first.aclose()
        third = await open_link(path, LINE)
        await third.write(b"\x07" + bytes(7))
        assert (await third.read()).startswith(b"\x02ok")
        await third.aclose()
    with pytest.raises(LinkNotFound, match="hidraw0 is not there"):
        await open_link(path, LINE)
