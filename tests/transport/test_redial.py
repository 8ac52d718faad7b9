"""Instruments that hang up after each reply, over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fieldstation.errors import LinkNotFound, LinkTimeout
from fieldstation.model import SerialLine
from fieldstation.testing.echo import EchoTwin, number
from fieldstation.transport import Runner, open_link
from fieldstation.transport.address import TcpPort
from fieldstation.transport.host import tcp_host
from fieldstation.transport.redial import RedialLink

LINE = SerialLine()


@asynccontextmanager
async def dialled(port: TcpPort) -> AsyncIterator[RedialLink]:
    link = await open_link(f"{port}?redial", LINE)
    assert isinstance(link, RedialLink)
    try:
        yield link
    finally:
        await link.aclose()


@asynccontextmanager
async def deaf_server() -> AsyncIterator[tuple[TcpPort, list[int]]]:
    """Hangs up on whatever it hears, and counts its callers."""
    callers: list[int] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(len(callers))
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        yield TcpPort(*server.sockets[0].getsockname()[:2]), callers


async def test_each_request_has_its_own_connection() -> None:
    async with (
        tcp_host(EchoTwin(), time.time, hang_up=True) as port,
        dialled(port) as link,
        asyncio.timeout(5),
    ):
        runner = Runner(link, silence_s=0.01)
        assert [await runner.converse(number(asked)) for asked in range(5)] == [0, 1, 2, 3, 4]


async def test_peer_that_stays_on_the_line_is_fine_as_well() -> None:
    async with (
        tcp_host(EchoTwin(), time.time) as port,
        dialled(port) as link,
        asyncio.timeout(5),
    ):
        runner = Runner(link, silence_s=0.01)
        assert [await runner.converse(number(asked)) for asked in range(3)] == [0, 1, 2]


async def test_hanging_up_without_a_reply_is_silence() -> None:
    async with deaf_server() as (port, callers), dialled(port) as link, asyncio.timeout(5):
        with pytest.raises(LinkTimeout):
            await Runner(link, silence_s=0.01).converse(number(1, timeout_s=0.1, attempts=2))
        assert len(callers) == 2


async def test_peer_that_is_gone_is_not_found() -> None:
    async with tcp_host(EchoTwin(), time.time, hang_up=True) as port:
        link = await open_link(f"{port}?redial", LINE)
        assert await Runner(link, silence_s=0.01).converse(number(1)) == 1
    with pytest.raises(LinkNotFound):
        await link.write(b"?2\n")
    await link.aclose()
