"""HID devices whose reports have a meaning of their own: features, and short input reports."""

from __future__ import annotations

import asyncio
import os
import socket

from fieldstation.model import HidLine
from fieldstation.transport.hid import SET_FEATURE, HidLink

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
