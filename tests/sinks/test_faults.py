"""Bad networks between a station and its hub: never a false settlement, never a doubled reading."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldstation.batch import encode
from fieldstation.batch.model import Announcement, Batch
from fieldstation.errors import HubUnreachable
from fieldstation.model import Kept
from fieldstation.sinks.hub import HubSink
from fieldstation.sinks.web import Web
from fieldstation.station.collector import Collector

from .conftest import BOOT, LAYOUT, Append, StartPump, StillClock, reading
from .faultproxy import fault_proxy
from .hubdouble import HubDouble, lost_reply, problem, reset, status

TOLD = Announcement("inverter", LAYOUT, 10**6)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _batch(first: int, last: int) -> Batch:
    kept = tuple(Kept(number, reading(number)) for number in range(first, last + 1))
    return Batch(BOOT, 1, first, last, kept, (TOLD,))


@pytest.mark.slow
async def test_a_reply_cut_at_any_byte_settles_nothing_and_doubles_nothing(
    hub: HubDouble, key_file: Path
) -> None:
    """Only the whole receipt counts; the batch is stored once all the same."""
    async with fault_proxy(hub.url) as proxy:
        sink = HubSink(proxy.url, key_file)
        await sink.deliver(_batch(1, 3))
        length = len(proxy.replies[0])
        again = replace(_batch(1, 3), announcements=())
        for most in range(length - 1):
            proxy.cuts = [most]
            with pytest.raises(HubUnreachable):
                await sink.deliver(again)
            await sink.aclose()
        receipt = await sink.deliver(again)
        await sink.aclose()
    assert (receipt.stored, receipt.duplicate) == (0, 3)
    assert length > 150
    assert hub.doubled == 0
    assert len(hub.stored) == 3


@pytest.mark.slow
async def test_a_pump_gets_through_a_proxy_that_cuts_replies_at_every_byte(
    hub: HubDouble, append: Append, start_pump: StartPump
) -> None:
    async with fault_proxy(hub.url) as proxy:
        proxy.cuts = list(range(0, 230, 3))
        pump = start_pump(proxy.url, reports=True)
        for number in range(20):
            append(number, 1)
            await hub.until(lambda number=number: (BOOT, number + 1) in hub.stored)
        async with asyncio.timeout(20):
            while pump.state.settled < 20 or proxy.cuts:
                append(20, 1)
                await asyncio.sleep(0.005)
        await start_pump.stop()
    assert hub.doubled == 0
    assert len(hub.stored) == 20


@asynccontextmanager
async def _server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Something that listens; its address as host and port."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()

    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(run(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _dribbling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _read_request(reader)
    writer.write(b"\x00\x01login please\r\n\r\n")
    await reader.read()


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def _endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-more: " + b"y" * 4096 + b"\r\n")
        await writer.drain()


async def _portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _read_request(reader)
    writer.write(
        b"HTTP/1.1 302 Found\r\nlocation: https://login.hotel.example/?to=x\r\n"
        b"content-length: 0\r\n\r\n"
    )
    await reader.read()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _read_request(reader)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (_silent, "cannot be reached .no answer in time"),
        (_dribbling, "cannot be reached .no answer in time"),
        (_garbage, "not HTTP"),
        (_endless, "without end"),
        (_endless_head, "not HTTP"),
        (_portal, "sends elsewhere, to login.hotel.example; is a login page"),
        (_hang_up, "cannot be reached .*disconnected"),
    ],
)
async def test_each_trouble_of_a_network_has_its_sentence(
    key_file: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve, words: str
) -> None:
    monkeypatch.setattr("fieldstation.sinks.web.ANSWER_S", 0.3)
    monkeypatch.setattr("fieldstation.sinks.web.EXCHANGE_S", 0.5)
    async with _server(serve) as place:
        sink = HubSink(f"http://{place}", key_file)
        with pytest.raises(HubUnreachable, match=words) as caught:
            await sink.deliver(_batch(1, 1))
        await sink.aclose()
    assert place in str(caught.value)
    assert "fsk_" not in str(caught.value)


async def test_an_answer_that_dribbles_is_given_up(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldstation.sinks.web.EXCHANGE_S", 0.3)
    async with _server(_dribbling) as place:
        sink = HubSink(f"http://{place}", key_file)
        async with asyncio.timeout(5):
            with pytest.raises(HubUnreachable, match="in time"):
                await sink.deliver(_batch(1, 1))
        await sink.aclose()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux")
async def test_a_dead_line_is_noticed_by_what_nobody_acknowledges(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long the batch might take on a slow line."""

    async def takes_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cast(asyncio.Transport, writer.transport).pause_reading()
        await asyncio.Event().wait()

    monkeypatch.setattr("fieldstation.sinks.web.DEAD_AFTER_S", 1.0)
    async with _server(takes_nothing) as place:
        web = Web(f"http://{place}")
        async with asyncio.timeout(30):
            with pytest.raises(HubUnreachable, match="cannot be reached"):
                await web.post("/", "text/plain", "key", bytes(32 << 20), 100)
        await web.aclose()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hub.invalid", "hub.invalid cannot be reached .its name is not known"),
        ("http://127.0.0.1:1", "nothing listens there"),
    ],
)
async def test_an_address_that_leads_nowhere_is_told_from_a_dead_hub(
    key_file: Path, url: str, words: str
) -> None:
    sink = HubSink(url, key_file)
    with pytest.raises(HubUnreachable, match=words):
        await sink.deliver(_batch(1, 1))
    await sink.aclose()


async def test_a_network_that_wants_a_login_says_so(hub: HubDouble, key_file: Path) -> None:
    hub.faults.append(status(511))
    sink = HubSink(hub.url, key_file)
    with pytest.raises(HubUnreachable, match="wants somebody to log in"):
        await sink.deliver(_batch(1, 1))
    await sink.aclose()


async def test_https_to_a_server_that_speaks_http_is_named(key_file: Path) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with _server(plain) as place:
        sink = HubSink(f"https://{place}", key_file)
        with pytest.raises(HubUnreachable, match=r"does not speak TLS.*is the url right"):
            await sink.deliver(_batch(1, 1))
        await sink.aclose()


async def test_a_certificate_for_another_name_is_named(key_file: Path, tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path, "portal.example")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    async with _server(_silent, tls) as place:
        sink = HubSink(f"https://{place}", key_file, ca_file=certificate)
        with pytest.raises(HubUnreachable, match=r"certificate that does not hold.*login page"):
            await sink.deliver(_batch(1, 1))
        await sink.aclose()
        stranger = HubSink(f"https://{place}", key_file)
        with pytest.raises(HubUnreachable, match=r"certificate that does not hold.*clock wrong"):
            await stranger.deliver(_batch(1, 1))
        await stranger.aclose()


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate signed by itself, made by the system's openssl."""
    import subprocess

    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


async def test_traffic_is_counted_also_when_nothing_comes_of_it(
    hub: HubDouble, key_file: Path
) -> None:
    sink = HubSink(hub.url, key_file)
    body = len(encode(_batch(1, 3)))
    await sink.deliver(_batch(1, 3))
    first = sink.traffic
    assert body + 400 < first < body + 1500
    await sink.deliver(_batch(1, 3))
    second = sink.traffic - first
    assert body + 300 < second < first  # no new connection
    hub.faults.append(reset)
    with pytest.raises(HubUnreachable):
        await sink.deliver(_batch(1, 3))
    assert sink.traffic - first - second > body
    await sink.aclose()


# --- one effect ---


async def test_two_stations_with_one_key_are_both_stored(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump, tmp_path: Path
) -> None:
    async with Collector(tmp_path / "other.sqlite3", StillClock(), commit_every_s=0.001) as other:
        writer = asyncio.create_task(other.run())
        start_pump(reports=True)
        start_pump(reports=True, outbox=other, clock=StillClock(boot=b"t" * 16))
        append(0, 30)
        for number in range(30):
            assert other.offer(reading(number, b"t" * 16))
        await hub.until(lambda: len(hub.stored) == 60)
        await start_pump.stop()
        other.finish()
        await writer
    assert hub.doubled == 0
    assert len(hub.journals) == 2


async def test_a_key_that_is_revoked_while_a_backlog_drains_costs_nothing(
    hub: HubDouble,
    append: Append,
    start_pump: StartPump,
    key_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fieldstation.sinks.hub.KEY_LOOK_S", 0.005)
    append(0, 3000)

    def revoke(double: HubDouble, body: bytes) -> object:
        double.key = "fsk_new"
        return problem(401, "key-rejected")

    hub.faults.extend([HubDouble.apply, revoke])  # type: ignore[list-item]
    pump = start_pump(reports=True, newest_first=True)
    async with asyncio.timeout(10):
        while "does not accept the key" not in pump.state.error:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    assert len(hub.stored) < 3000
    _save(key_file, "fsk_new")
    await hub.until(lambda: len(hub.stored) == 3000)
    assert hub.doubled == 0


def _save(path: Path, text: str) -> None:
    path.write_text(text)


Step = tuple[str, int]
_steps = st.lists(
    st.tuples(
        st.sampled_from(["append", "lost", "reset", "portal", "refuse_one", "busy"]),
        st.integers(1, 700),
    ),
    max_size=12,
)  # fmt: skip


@pytest.mark.slow
@given(steps=_steps, seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_whatever_happens_on_the_way_each_reading_is_stored_once(
    steps: list[Step], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stored, wanted, doubled = asyncio.run(_through(steps, tmp_path_factory.mktemp("way")))
    assert doubled == 0
    assert stored == wanted


async def _through(steps: list[Step], folder: Path) -> tuple[set[int], set[int], int]:
    from .hubdouble import KEY, hub_double

    key_file = folder / "gateway.key"
    key_file.touch(mode=0o600)
    _save(key_file, KEY)
    refused: set[int] = set()
    async with (
        hub_double() as hub,
        Collector(folder / "journal.sqlite3", StillClock(), commit_every_s=0.001) as collector,
    ):
        hub.refuse = lambda one: one.values[1] in refused
        writer = asyncio.create_task(collector.run())
        starter = StartPump(hub, collector, key_file)
        starter(reports=True, newest_first=True, every_s=0.002)
        count = 0
        for what, number in steps:
            if what == "refuse_one":
                refused.add(count)
            if what in ("append", "refuse_one"):
                for index in range(count, count + number):
                    collector.offer(reading(index))
                count += number
            hub.faults.extend(_FAULTS.get(what, []))
        assert collector.offer(reading(count))
        wanted = {n for n in range(1, count + 2) if n - 1 not in refused}
        await hub.until(lambda: {n for _, n in hub.stored} >= wanted)
        await starter.stop()
        collector.finish()
        await writer
    return {n for _, n in hub.stored}, wanted, hub.doubled


_FAULTS = {
    "lost": [lost_reply],
    "reset": [reset],
    "portal": [status(200)],
    "busy": [status(503), status(502)],
}
