"""Serial servers, over real sockets."""

from __future__ import annotations

import asyncio
import time

import pytest

from fieldstation.errors import LinkLost, LinkNotFound
from fieldstation.model import SerialLine
from fieldstation.testing.echo import RESYNC, EchoTwin, number
from fieldstation.transport import Runner, open_link
from fieldstation.transport.host import tcp_host
from fieldstation.transport.link import Link
from fieldstation.transport.mailbox import MOST_BYTES

LINE = SerialLine()


async def test_conversation_over_a_socket() -> None:
    async with tcp_host(EchoTwin(), time.time) as port, asyncio.timeout(5):
        link = await open_link(port, LINE)
        runner = Runner(link, resync=RESYNC)
        assert [await runner.converse(number(asked)) for asked in range(5)] == [0, 1, 2, 3, 4]
        await link.aclose()
        await link.aclose()


async def test_client_may_come_back_and_the_newest_has_the_line() -> None:
    async with tcp_host(EchoTwin(), time.time) as port, asyncio.timeout(5):
        first = await open_link(port, LINE)
        assert await Runner(first, resync=RESYNC).converse(number(1)) == 1
        second = await open_link(str(port), LINE)
        assert await Runner(second, resync=RESYNC).converse(number(2)) == 2
        with pytest.raises(LinkLost):
            await first.read()
        await first.aclose()
        await second.aclose()


async def test_server_that_goes_away_is_lost_within_a_second() -> None:
    async with tcp_host(EchoTwin(), time.time) as port:
        link = await open_link(port, LINE)
        waiting = asyncio.ensure_future(link.read())
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        with pytest.raises(LinkLost, match=f"{port} is gone"):
            await waiting
        with pytest.raises(LinkLost):
            await link.write(b"?1\n")
        await link.aclose()


async def test_far_end_that_hangs_up_tells_of_redial() -> None:
    async with (
        tcp_host(EchoTwin(), time.time, hang_up=True) as port,
        asyncio.timeout(5),
    ):
        link = await open_link(port, LINE)
        await link.write(b"?1\n")
        with pytest.raises(LinkLost, match=r"is gone; .* write \?redial behind the port"):
            await _read_on(link)
        await link.aclose()


async def _read_on(link: Link) -> None:
    while await link.read():
        continue


async def test_port_where_nobody_listens_is_a_sentence() -> None:
    async with tcp_host(EchoTwin(), time.time) as port:
        pass
    with pytest.raises(LinkNotFound, match=r"cannot be reached .*check the address"):
        await open_link(port, LINE)


async def test_name_that_does_not_resolve_is_a_sentence() -> None:
    with pytest.raises(LinkNotFound, match="cannot be reached"):
        await open_link("tcp://no-such-host.invalid:23", LINE)


async def test_flood_that_nobody_reads_is_held_back_by_the_network() -> None:
    flooding = asyncio.Event()

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"x" * 65_536)
                flooding.set()
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(5):
        link = await open_link(f"tcp://127.0.0.1:{port}", LINE)
        await flooding.wait()
        longest = 0
        for _ in range(50):
            await asyncio.sleep(0)
            longest = max(longest, len(await link.read()))
        # one read of a transport may pass the bound by its own size (256 KiB)
        assert longest <= MOST_BYTES + 262_144
        assert len(await link.drain()) < 9 * (MOST_BYTES + 262_144)
        await link.aclose()
        server.close()
        await server.wait_closed()
