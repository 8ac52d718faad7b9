"""Serial lines behind a TCP server that passes bytes through."""

from __future__ import annotations

import asyncio
import socket

from fieldstation.errors import LinkNotFound
from fieldstation.transport.address import TcpPort
from fieldstation.transport.mailbox import Mailbox

OPEN_S = 10.0

# A peer that lost power sends no farewell: probes after 10 s of silence notice it within 25 s, and
# unacknowledged requests break the link after 15 s.
TCP_OPTIONS = {
    "TCP_KEEPIDLE": 10,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 15_000,
}


async def open_tcp(port: TcpPort) -> TcpLink:
    """A connection to `port`. Raises LinkNotFound when nobody answers there within 10 s."""
    mailbox = Mailbox(str(port))
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(OPEN_S):
            transport, _ = await loop.create_connection(lambda: mailbox, port.host, port.port)
    except TimeoutError as error:
        raise LinkNotFound(
            f"{port} did not answer within {OPEN_S:g} s; check the address and the network"
        ) from error
    except (OSError, UnicodeError) as error:
        raise LinkNotFound(
            f"{port} cannot be reached ({error}); check the address and that the server runs"
        ) from error
    _watch(transport)
    return TcpLink(transport, mailbox)


class TcpLink:
    """An open connection."""

    def __init__(self, transport: asyncio.Transport, mailbox: Mailbox) -> None:
        self._transport = transport
        self._mailbox = mailbox
        self.read = mailbox.read
        self.drain = mailbox.drain

    async def write(self, data: bytes) -> None:
        """Hand `data` to the network."""
        self._mailbox.check()
        self._transport.write(data)

    async def aclose(self) -> None:
        """Close at once; bytes that still wait to be sent are dropped."""
        self._transport.abort()
        await self._mailbox.closed()


def _watch(transport: asyncio.Transport) -> None:
    peer: socket.socket = transport.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in TCP_OPTIONS.items():
        # Not every system has every option; without one the link only notices later.
        if (option := getattr(socket, name, None)) is not None:
            peer.setsockopt(socket.IPPROTO_TCP, option, value)
