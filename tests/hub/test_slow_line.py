"""A station behind a modem with one bar, its real uplink and a real hub. Every time and rate is
fifteen times shorter than in the field.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from fieldstation.batch import decode
from fieldstation.hub import patience
from fieldstation.sinks import web
from fieldstation.sinks.hub import HubSink

FASTER = 15
LINE_BYTES_PER_S, PACKET = 250 * FASTER, 500


@asynccontextmanager
async def slow_line(url: str) -> AsyncIterator[str]:
    """The address of a line to the server at `url` that carries 2 kbit/s upwards."""
    place = httpx.URL(url)
    serving: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(place.host, place.port)
        down = asyncio.create_task(_pass(there, writer, 0.0))
        with suppress(OSError):
            await _pass(reader, back, PACKET / LINE_BYTES_PER_S)
        back.close()
        await asyncio.gather(down, return_exceptions=True)
        writer.close()
        for end in (back, writer):
            with suppress(OSError):
                await end.wait_closed()

    server = await asyncio.start_server(
        lambda *ends: serving.add(asyncio.create_task(carry(*ends))), "127.0.0.1", 0
    )
    async with server:
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            await asyncio.gather(*serving)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause_s: float) -> None:
    while data := await reader.read(PACKET):
        await asyncio.sleep(pause_s)
        writer.write(data)
        await writer.drain()


@pytest.mark.slow
async def test_a_large_batch_gets_through_a_slow_line(
    hub: Any, station: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer than any pause, any usual answer and any usual exchange may take."""
    monkeypatch.setattr(patience, "BODY_PAUSE_S", patience.BODY_PAUSE_S / FASTER)
    monkeypatch.setattr(patience, "LEAST_BYTES_PER_S", patience.LEAST_BYTES_PER_S * FASTER)
    monkeypatch.setattr(web, "ANSWER_S", web.ANSWER_S / FASTER)
    monkeypatch.setattr(web, "EXCHANGE_S", web.EXCHANGE_S / FASTER)
    monkeypatch.setattr(web, "SLOWEST_BYTES_PER_S", web.SLOWEST_BYTES_PER_S * FASTER)
    noise = random.Random(1)
    rows = [(noise.random(), noise.randrange(9999), 2, True, "") for _ in range(1900)]
    body = station.batch(rows, step_us=1_000_000)
    assert len(body) / LINE_BYTES_PER_S > web.EXCHANGE_S
    key = tmp_path / "gateway.key"
    key.write_text(station.key)
    key.chmod(0o600)
    async with slow_line(hub.url) as url:
        sink = HubSink(url, key)
        began_s = asyncio.get_running_loop().time()
        try:
            receipt = await sink.deliver(decode(body))
        finally:
            await sink.aclose()
        took_s = asyncio.get_running_loop().time() - began_s
    assert receipt.stored == len(rows)
    assert took_s > web.EXCHANGE_S
