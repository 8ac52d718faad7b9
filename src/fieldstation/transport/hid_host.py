"""A twin as a USB HID device: a socket in place of its node, reached through the code that opens
nodes (`hid`, rule 7).
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fieldstation.model import HidLine, Twin
from fieldstation.transport.hid import FEATURE_TAG, REPORT_BYTES
from fieldstation.transport.host import Wall
from fieldstation.transport.pace import Outbox


@asynccontextmanager
async def hid_host(
    twin: Twin, wall: Wall, line: HidLine, *, speed: float = 1.0
) -> AsyncIterator[str]:
    """Serve `twin` as a USB HID device until the block ends; gives the path of the socket to open
    in place of its node. One program has it at a time, others are hung up on.
    """
    device = _HidDevice(twin, wall, line, speed)
    with tempfile.TemporaryDirectory(prefix="fieldstation-twin-") as folder:
        path = f"{folder}/hidraw0"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
            server.bind(path)
            server.listen()
            server.setblocking(False)
            loop = asyncio.get_running_loop()
            loop.add_reader(server, lambda: device.plug(server.accept()[0]))
            try:
                yield path
            finally:
                loop.remove_reader(server)
                device.unplug()


class _HidDevice:
    """The twin's side of a stand-in, whoever has it open."""

    def __init__(self, twin: Twin, wall: Wall, line: HidLine, speed: float) -> None:
        self._twin = twin
        self._wall = wall
        self._line = line
        self._outbox = Outbox(self._send, speed)
        self._far: socket.socket | None = None

    def plug(self, far: socket.socket) -> None:
        """Somebody opened it."""
        if self._far is not None and not _hung_up(self._far):
            far.close()
            return
        self.unplug()
        far.setblocking(False)
        self._far = far
        asyncio.get_running_loop().add_reader(far, self._receive)

    def unplug(self) -> None:
        """Hang up."""
        self._outbox.close()
        if self._far is not None:
            asyncio.get_running_loop().remove_reader(self._far)
            self._far.close()
            self._far = None

    def _receive(self) -> None:
        message = b""
        with suppress(OSError):
            message = self._far.recv(2 * REPORT_BYTES) if self._far else b""
        if not message:
            self.unplug()
            return
        piece = message[-REPORT_BYTES:]
        feature = message == FEATURE_TAG + piece
        # A device takes a report of the other kind for nothing.
        if feature == (piece[0] in self._line.features):
            self._outbox.put(self._twin.receive(piece, self._wall()))

    def _send(self, data: bytes) -> None:
        size = self._line.input_bytes or REPORT_BYTES
        for at in range(0, len(data), size):
            with suppress(OSError):
                if self._far is not None:
                    self._far.send(data[at : at + size])


def _hung_up(far: socket.socket) -> bool:
    try:
        return not far.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
