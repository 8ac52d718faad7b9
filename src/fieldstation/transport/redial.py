"""TCP instruments that hang up after each reply: a connection of its own for each request.

1. Every request but the first goes out on a new connection, so no late reply can reach another
   request (test_each_request_has_its_own_connection).
2. A peer that hangs up is no error, only the end of what it had to say: who waits for more waits
   until his deadline (test_hanging_up_without_a_reply_is_silence).
"""

from __future__ import annotations

import asyncio

from fieldstation.errors import LinkLost
from fieldstation.transport.address import TcpPort
from fieldstation.transport.tcp import TcpLink, open_tcp


async def open_redial(port: TcpPort) -> RedialLink:
    """A link to `port`, which is dialled at once to see that somebody is there. Raises
    LinkNotFound.
    """
    return RedialLink(port, await open_tcp(port))


class RedialLink:
    """An open line; `write` raises LinkNotFound when nobody answers at the port any more."""

    def __init__(self, port: TcpPort, first: TcpLink) -> None:
        self._port = port
        self._link = first
        self._spent = False

    async def write(self, data: bytes) -> None:
        """Send `data` on a connection that carried no request yet."""
        if self._spent:
            await self._link.aclose()
            self._link = await open_tcp(self._port)
        self._spent = True
        await self._link.write(data)

    async def read(self) -> bytes:
        """What has come, at least one byte; waits for it, for ever once the peer hung up."""
        try:
            return await self._link.read()
        except LinkLost:
            never: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            return await never

    async def drain(self) -> bytes:
        """As `Link.drain`."""
        return await self._link.drain()

    async def aclose(self) -> None:
        """Hang up."""
        await self._link.aclose()
