"""A frugal HTTP client that keeps several connections busy, so that the hub is what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit


async def post_all(
    address: str, path: str, streams: Iterable[Iterator[tuple[str, bytes]]]
) -> list[float]:
    """Send each stream of (key, body) over a connection of its own, one after the other; gives the
    seconds that each answer took. Raises SystemExit at the first answer that is not 200.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    jobs = [_post(host, port, path, stream) for stream in streams]
    return [took for times in await asyncio.gather(*jobs) for took in times]


async def _post(
    host: str, port: int, path: str, stream: Iterator[tuple[str, bytes]]
) -> list[float]:
    reader, writer = await asyncio.open_connection(host, port)
    took = []
    for key, body in stream:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/vnd.fieldstation.batch\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        begun = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        text = await reader.readexactly(length)
        took.append(time.perf_counter() - begun)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"the hub answered {answer[:40]!r} {text[:300]!r}")
    writer.close()
    await writer.wait_closed()
    return took
