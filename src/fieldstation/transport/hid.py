"""USB HID devices through hidraw: a serial line cut into reports of eight bytes, or reports with a
meaning of their own (`HidLine`).

1. A request goes out in pieces of eight bytes, the last one filled with NUL, 50 ms before each
   (PI30 sheet, section 2.2). `test_hid_request_goes_out_in_padded_pieces`
2. A piece that begins with NUL is sent behind a report number of its own, because the system takes
   a leading NUL for that number and swallows it. `test_hid_piece_that_begins_with_nul_keeps_it`
3. Reports are joined as they come; NULs stay, since a checksum byte may be one.
   `test_hid_reports_are_joined_with_their_nuls`
4. A request that was begun is sent to its end even when the caller gives up, so that the bridge
   never holds half a request. `test_hid_request_is_finished_when_its_caller_gives_up`
5. A device is chosen by vendor and product, never by its number, which changes at every replug; two
   that fit are an error, not a guess. `test_hid_two_devices_that_fit_are_an_error`
6. Pieces that the line names go out as feature reports, in their place among the others, and short
   input reports are filled up. `test_hid_feature_reports_go_their_own_way_in_order`
7. A socket in place of a node is a stand-in: a message is a report, a feature report one behind
   FEATURE_TAG. `test_twin_is_read_through_a_stand_in_of_its_node`
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from fieldstation.errors import LinkError, LinkNotFound
from fieldstation.model import HidLine
from fieldstation.transport.address import HidPort
from fieldstation.transport.link import refusal
from fieldstation.transport.locate import DEV, SYS, hid_devices
from fieldstation.transport.mailbox import Mailbox

REPORT_BYTES = 8
PIECE_PAUSE_S = 0.05
PLAIN = HidLine()
ACCESS = "add a udev rule that gives the node to a group of this user, such as plugdev"


async def open_hid(
    port: HidPort, line: HidLine = PLAIN, *, dev: Path = DEV, sys: Path = SYS
) -> HidLink:
    """The one device that fits `port`. Raises LinkNotFound, LinkError when several fit, and what
    `open_node` raises.
    """
    fitting = [device for device in hid_devices(sys) if device.fits(port)]
    if not fitting:
        raise LinkNotFound(f"{port}: no such USB device; check that the cable is plugged in")
    if len(fitting) > 1:
        names = " or ".join(str(device.by_socket) for device in fitting)
        raise LinkError(f"{port} fits {len(fitting)} devices; name the USB socket: {names}")
    return await open_node(str(dev / fitting[0].node), line, name=str(port))


async def open_node(path: str, line: HidLine = PLAIN, *, name: str = "") -> HidLink:
    """The hidraw node at `path`, locked against a second opener. Raises LinkNotFound, LinkDenied,
    LinkBusy.
    """
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            return HidLink(name or path, _connected(path), line, feature=send_tagged)
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise refusal(path, error.errno, str(error), access=ACCESS) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise refusal(path, error.errno, str(error), access=ACCESS) from error
    return HidLink(name or path, descriptor, line)


# HIDIOCSFEATURE(8) of linux/hidraw.h: write, 8 bytes, 'H', 6.
SET_FEATURE = 3 << 30 | REPORT_BYTES << 16 | ord("H") << 8 | 6

Send = Callable[[int, bytes], object]


def send_feature(descriptor: int, piece: bytes) -> None:
    """Send a feature report. Raises OSError."""
    fcntl.ioctl(descriptor, SET_FEATURE, piece)


FEATURE_TAG = b"F"


def send_tagged(descriptor: int, piece: bytes) -> None:
    """Send a feature report to a stand-in. Raises OSError."""
    os.write(descriptor, FEATURE_TAG + piece)


def _connected(path: str) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stand_in:
        stand_in.setblocking(False)
        stand_in.connect(path)
        return stand_in.detach()


class HidLink:
    """An open report descriptor, which the link owns from now on and closes. `feature` sends a
    feature report.
    """

    def __init__(
        self, name: str, descriptor: int, line: HidLine = PLAIN, *, feature: Send = send_feature
    ) -> None:
        self._mailbox = Mailbox(name)
        self._line = line
        self._feature = feature
        self._descriptor = descriptor
        self._sending = asyncio.Lock()
        self.read = self._mailbox.read
        self.drain = self._mailbox.drain
        asyncio.get_running_loop().add_reader(descriptor, self._receive)

    async def write(self, data: bytes) -> None:
        """Send `data` in pieces; see rules 1, 2 and 4."""
        self._mailbox.check()
        await asyncio.shield(asyncio.ensure_future(self._send(data)))
        self._mailbox.check()

    async def aclose(self) -> None:
        """Give the node back, after the request that is on its way."""
        async with self._sending:
            self._hang_up(None)

    async def _send(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        async with self._sending:
            for piece in pieces(data):
                await asyncio.sleep(PIECE_PAUSE_S)
                if self._descriptor < 0:
                    return
                try:
                    # The system sends a report while the caller waits, up to seconds when the
                    # bridge is stuck, hence not in the loop's thread.
                    send = self._feature if piece[0] in self._line.features else os.write
                    await loop.run_in_executor(None, send, self._descriptor, piece)
                except OSError as error:
                    self._hang_up(error)

    def _receive(self) -> None:
        try:
            report = os.read(self._descriptor, 64)
        except BlockingIOError:
            return
        except OSError as error:
            self._hang_up(error)
            return
        if report:
            self._mailbox.data_received(report.ljust(self._line.input_bytes, b"\0"))
        else:
            self._hang_up(None)

    def _hang_up(self, cause: Exception | None) -> None:
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        self._mailbox.connection_lost(cause)


def pieces(data: bytes) -> list[bytes]:
    """`data` as it is written to the node: rules 1 and 2."""
    starts = range(0, len(data), REPORT_BYTES)
    padded = [data[start : start + REPORT_BYTES].ljust(REPORT_BYTES, b"\0") for start in starts]
    return [b"\0" + piece if piece.startswith(b"\0") else piece for piece in padded]
