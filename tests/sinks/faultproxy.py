"""A TCP proxy between a station and a hub that breaks the way back where it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class FaultProxy:
    """Passes `cuts[0]` bytes of the next reply, then closes; without cuts everything passes.
    `replies` are the whole replies as they came from the hub.
    """

    host: str
    port: int
    cuts: list[int] = field(default_factory=list)
    replies: list[bytes] = field(default_factory=list)
    url: str = ""
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self.host, self.port)
        try:
            while True:
                back.write(await _message(reader))
                reply = await _message(there)
                self.replies.append(reply)
                most = self.cuts.pop(0) if self.cuts else len(reply)
                writer.write(reply[:most])
                await writer.drain()
                if most < len(reply):
                    break
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            for end in (writer, back):
                end.close()
                with suppress(OSError):
                    await end.wait_closed()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """A whole HTTP message with a declared length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return head + await reader.readexactly(int(length or b"0"))


@asynccontextmanager
async def fault_proxy(url: str) -> AsyncIterator[FaultProxy]:
    """A proxy on an ephemeral port before the server at `url`."""
    parts = urlsplit(url)
    proxy = FaultProxy(parts.hostname or "", parts.port or 0)
    server = await asyncio.start_server(proxy.connect, "127.0.0.1", 0, limit=1 << 22)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in proxy.serving:
            task.cancel()
        if proxy.serving:
            await asyncio.wait(proxy.serving)
