"""What came off a line and was not read yet: the receiving half of every link."""

from __future__ import annotations

import asyncio
from typing import cast

from fieldstation.errors import LinkLost

# Far above any frame of any instrument. Beyond it nobody is reading, and old bytes are worthless.
MOST_BYTES = 65_536
# A sender that is faster than this many full buffers is not drained but babbling.
MOST_PASSES = 8


class Mailbox(asyncio.Protocol):
    """Collects received bytes for one reader, bounded to about MOST_BYTES. `name` is the port as
    messages call it.

    With a transport, reading pauses at the bound; without one the oldest bytes go.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._bytes = bytearray()
        self._news = asyncio.Event()
        self._transport: asyncio.ReadTransport | None = None
        self._paused = False
        self._lost = False
        self._cause: Exception | None = None
        self._hint = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is open; from now on it feeds this box."""
        self._transport = cast(asyncio.ReadTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Keep `data` behind what is here."""
        self._bytes += data
        if len(self._bytes) >= MOST_BYTES:
            self._overflow()
        self._news.set()

    def eof_received(self) -> None:
        """The far end of a connection hung up; the transport closes it."""
        self._hint = "; if the far end hangs up after each reply, write ?redial behind the port"

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come; `exc` says why."""
        self._lost, self._cause = True, exc
        self._transport = None
        self._news.set()

    def check(self) -> None:
        """Raises LinkLost when the line is gone."""
        if self._lost:
            reason = f" ({self._cause})" if self._cause else ""
            raise LinkLost(
                f"{self.name} is gone{reason}; it is opened again when it is back{self._hint}"
            ) from self._cause

    async def closed(self) -> None:
        """Wait until the line is gone."""
        while not self._lost:
            self._news.clear()
            await self._news.wait()

    async def read(self) -> bytes:
        """As `Link.read`."""
        while not self._bytes:
            self.check()
            self._news.clear()
            await self._news.wait()
        return self._take()

    async def drain(self) -> bytes:
        """As `Link.drain`."""
        thrown = bytearray()
        for _ in range(MOST_PASSES):
            # The first pass of the loop sees that a descriptor is readable and queues its callback,
            # the second comes after that callback: then the system's buffer is in ours.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if not self._bytes:
                break
            thrown += self._take()
        return bytes(thrown)

    def _take(self) -> bytes:
        taken = bytes(self._bytes)
        self._bytes.clear()
        if self._paused and self._transport is not None:
            self._transport.resume_reading()
        self._paused = False
        return taken

    def _overflow(self) -> None:
        if self._transport is None:
            del self._bytes[:-MOST_BYTES]
        elif not self._paused:
            self._transport.pause_reading()
            self._paused = True
