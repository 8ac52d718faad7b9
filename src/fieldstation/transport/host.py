"""A twin at the end of a real line: a pty or a TCP port that programs open like an instrument."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

from fieldstation.model import Twin
from fieldstation.transport.address import TcpPort
from fieldstation.transport.pace import Outbox, Voice

READ_BYTES = 4096

Wall = Callable[[], float]
"""UTC time in seconds since 1970, as the twin is to see it."""


@asynccontextmanager
async def pty_host(twin: Twin, wall: Wall, *, speed: float = 1.0) -> AsyncIterator[str]:
    """Serve `twin` on a new pty until the block ends; gives the path to open. Programs may open
    and close it any number of times. `speed` divides the twin's delays.
    """
    # Our own hold on the far side keeps the pty alive while no program has it open.
    master, far_side = os.openpty()
    loop = asyncio.get_running_loop()
    outbox = Outbox(lambda data: _put(master, data), speed)

    def receive() -> None:
        with suppress(BlockingIOError):
            outbox.put(twin.receive(os.read(master, READ_BYTES), wall()))

    voice = Voice(twin, wall, outbox, speed)
    try:
        tty.setraw(far_side)
        os.set_blocking(master, False)
        loop.add_reader(master, receive)
        yield os.ttyname(far_side)
    finally:
        voice.close()
        loop.remove_reader(master)
        outbox.close()
        os.close(master)
        os.close(far_side)


def _put(master: int, data: bytes) -> None:
    # A UART does not wait for a listener either: what finds the buffer full is lost.
    with suppress(BlockingIOError):
        os.write(master, data)


@asynccontextmanager
async def tcp_host(
    twin: Twin,
    wall: Wall,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    speed: float = 1.0,
    hang_up: bool = False,
) -> AsyncIterator[TcpPort]:
    """Serve `twin` on a TCP port until the block ends; gives the address to open. Port 0 takes a
    free one. The newest connection has the line. `hang_up` closes it after each piece sent, as
    some instruments do.
    """
    line = _SharedLine(twin, wall, speed, hang_up)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(line), host, port)
    try:
        name, number = server.sockets[0].getsockname()[:2]
        yield TcpPort(name, number)
    finally:
        server.close()
        line.close()
        await server.wait_closed()


class _SharedLine:
    """The twin's side of a TCP port, whoever is connected."""

    def __init__(self, twin: Twin, wall: Wall, speed: float, hang_up: bool) -> None:
        self._twin = twin
        self._wall = wall
        self._hang_up = hang_up
        self._owner: asyncio.Transport | None = None
        self._outbox = Outbox(self._send, speed)
        self._voice = Voice(twin, wall, self._outbox, speed)

    def take_over(self, transport: asyncio.Transport) -> None:
        if self._owner is not None:
            self._owner.abort()
        self._owner = transport

    def leave(self, transport: asyncio.Transport) -> None:
        if self._owner is transport:
            self._owner = None

    def receive(self, data: bytes) -> None:
        self._outbox.put(self._twin.receive(data, self._wall()))

    def close(self) -> None:
        self._voice.close()
        self._outbox.close()
        if self._owner is not None:
            self._owner.abort()

    def _send(self, data: bytes) -> None:
        if self._owner is not None:
            self._owner.write(data)
            if self._hang_up:
                self._owner.close()


class _Connection(asyncio.Protocol):
    def __init__(self, line: _SharedLine) -> None:
        self._line = line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._line.take_over(self._transport)

    def data_received(self, data: bytes) -> None:
        self._line.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.leave(self._transport)
