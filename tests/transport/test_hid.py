"""HID bridges: real descriptors that carry reports, and a copy of sysfs."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fieldstation.errors import LinkBusy, LinkError, LinkLost, LinkNotFound
from fieldstation.model import Outgoing, SerialLine
from fieldstation.testing.echo import RESYNC, EchoTwin, number
from fieldstation.transport import Runner, open_link, parse_address
from fieldstation.transport.address import HidPort
from fieldstation.transport.hid import HidLink, open_hid, open_node, pieces
from fieldstation.transport.host import pty_host

AXPERT = HidPort(0x0665, 0x5161)


@asynccontextmanager
async def bridge() -> AsyncIterator[tuple[HidLink, socket.socket]]:
    """A link and the far end of its report descriptor, one message per report."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setblocking(False)
    far.setblocking(False)
    link = HidLink("hid:0665:5161", near.detach())
    async with asyncio.timeout(5):
        yield link, far
    await link.aclose()
    far.close()


async def report(far: socket.socket) -> bytes:
    return await asyncio.get_running_loop().sock_recv(far, 64)


def plug(root: Path, node: str, *, serial: str = "", usb: str = "0000:00:14.0-2") -> None:
    device = root / "sys/class/hidraw" / node / "device"
    device.mkdir(parents=True)
    (device / "uevent").write_text(
        "DRIVER=hid-generic\nHID_ID=0003:00000665:00005161\nHID_NAME=Cypress USB to Serial\n"
        f"HID_PHYS=usb-{usb}/input0\nHID_UNIQ={serial}\n"
    )


async def test_hid_request_goes_out_in_padded_pieces() -> None:
    async with bridge() as (link, far):
        loop = asyncio.get_running_loop()
        started = loop.time()
        await link.write(b"QPIGS2\x68\x2d\r")
        assert await report(far) == b"QPIGS2\x68\x2d"
        assert await report(far) == b"\r\0\0\0\0\0\0\0"
        assert loop.time() - started >= 0.099


def test_hid_piece_that_begins_with_nul_keeps_it() -> None:
    assert pieces(b"PBDV27.5\x00\xc6\r") == [b"PBDV27.5", b"\0\x00\xc6\r\0\0\0\0\0"]


async def test_hid_reports_are_joined_with_their_nuls() -> None:
    async with bridge() as (link, far):
        for sent in (b"(ACK\x00\x20\r\0", b"12345678"):
            far.send(sent)
        heard = b""
        while len(heard) < 16:
            heard += await link.read()
        assert heard == b"(ACK\x00\x20\r\x0012345678"


async def test_hid_request_is_finished_when_its_caller_gives_up() -> None:
    async with bridge() as (link, far):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.06):
                await link.write(b"123456789")
        await link.write(b"next")
        found = [await report(far) for _ in range(3)]
        assert found == [b"12345678", b"9\0\0\0\0\0\0\0", b"next\0\0\0\0"]


async def test_hid_bridge_that_goes_away_is_lost() -> None:
    async with bridge() as (link, far):
        waiting = asyncio.ensure_future(link.read())
        await asyncio.sleep(0)
        far.close()
        with pytest.raises(LinkLost, match="hid:0665:5161 is gone"):
            await waiting
        with pytest.raises(LinkLost):
            await link.write(b"QPI")


async def test_hid_bridge_that_breaks_while_writing_is_lost() -> None:
    async with bridge() as (link, far):
        far.shutdown(socket.SHUT_RD)
        with pytest.raises(LinkLost):
            await link.write(b"QPI")


async def test_hid_device_is_found_by_vendor_and_product(tmp_path: Path) -> None:
    plug(tmp_path, "hidraw4", serial="A1")
    dev = tmp_path / "dev"
    dev.mkdir()
    async with pty_host(EchoTwin(), lambda: 0.0) as pty, asyncio.timeout(5):
        (dev / "hidraw4").symlink_to(pty)
        link = await open_hid(AXPERT, dev=dev, sys=tmp_path / "sys")
        with pytest.raises(LinkBusy):
            await open_node(str(dev / "hidraw4"))
        await link.write(b"who\n")
        heard = b""
        while not heard.endswith(b"\n"):
            heard += await link.read()
        assert heard.startswith(b"echo ")
        await link.aclose()


async def test_conversation_over_reports() -> None:
    class Padded(EchoTwin):
        """An echo behind a bridge that drops the padding of requests."""

        def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
            return super().receive(data.replace(b"\0", b""), utc_s)

    async with pty_host(Padded(), lambda: 0.0) as pty, asyncio.timeout(10):
        link = await open_node(pty)
        runner = Runner(link, resync=RESYNC)
        assert [await runner.converse(number(asked)) for asked in (1, 22222222)] == [1, 22222222]
        await link.aclose()


async def test_hid_two_devices_that_fit_are_an_error(tmp_path: Path) -> None:
    plug(tmp_path, "hidraw0", usb="1-2")
    plug(tmp_path, "hidraw1", usb="1-3")
    with pytest.raises(LinkError) as caught:
        await open_hid(AXPERT, sys=tmp_path / "sys")
    assert str(caught.value) == (
        "hid:0665:5161 fits 2 devices; name the USB socket: "
        "hid:0665:5161:usb-1-2 or hid:0665:5161:usb-1-3"
    )
    named = parse_address("hid:0665:5161:usb-1-3")
    assert isinstance(named, HidPort)
    with pytest.raises(LinkNotFound, match="hidraw1 is not there"):
        await open_hid(named, dev=tmp_path, sys=tmp_path / "sys")


async def test_hid_device_that_is_not_plugged_in_is_a_sentence(tmp_path: Path) -> None:
    plug(tmp_path, "hidraw0", serial="A1")
    with pytest.raises(LinkNotFound, match="no such USB device"):
        await open_hid(HidPort(0x0665, 0x5161, "B2"), sys=tmp_path / "sys")
    with pytest.raises(LinkNotFound, match="no such USB device"):
        await open_hid(HidPort(0x1234, 0x5161), sys=tmp_path / "sys")


async def test_link_to_a_hidraw_node_is_opened_as_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hidraw0")
    (tmp_path / "axpert").symlink_to(tmp_path / "hidraw0")
    link = await open_link(str(tmp_path / "axpert"), SerialLine())
    assert isinstance(link, HidLink)
    await link.aclose()
