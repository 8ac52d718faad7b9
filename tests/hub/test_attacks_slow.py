"""Clients that are slow, silent, endless or deaf, against a hub process of its own: it waits for
none of them for long, keeps little of what they send, and answers everybody else meanwhile.
"""

from __future__ import annotations

import os
import re
import resource
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.slow

# Short waits, so that the tests are short; how many and how much stay as they are.
SERVE = """
import sys
from pathlib import Path
from fieldstation.hub import patience, run
patience.HEAD_WITHIN_S = patience.READ_WITHIN_S = 1.5
patience.BODY_PAUSE_S = 4.0
run.serve(Path(sys.argv[1]), port=0, ready=lambda url: print(url, flush=True))
"""
MIB = 1 << 20
ENDLESS = 256 * MIB
LONG = "Content-Length: 100000\r\n\r\n"


@dataclass
class Alone:
    """A hub process: its address, and how much memory it holds."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def rss(self) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        assert found
        return int(found[1]) * 1024

    def serves(self) -> bool:
        """Whether an honest client on a new connection is answered, twenty times, in a moment."""
        with httpx.Client(base_url=self.url, timeout=20) as honest:
            answers = [honest.get("/healthz") for _ in range(20)]
        slowest = sorted(answer.elapsed.total_seconds() for answer in answers)[-2]
        return {answer.status_code for answer in answers} == {200} and slowest < 2


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    data = tmp_path_factory.mktemp("alone")
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVE, str(data)], stdout=subprocess.PIPE, text=True,
        env={k: v for k, v in os.environ.items() if k != "FIELDSTATION_HUB_URL"},
        preexec_fn=_few_files,
    )  # fmt: skip
    with process:
        try:
            assert process.stdout
            one = Alone(process, int(process.stdout.readline().rpartition(":")[2]))
            assert one.serves()
            yield one
        finally:
            process.terminate()
            process.wait(30)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1050, 1050))


def drip(connection: socket.socket, piece: bytes, most: int) -> tuple[bytes, int]:
    """What came back for these bytes, sent again and again until the other side answers or ends,
    and how many were sent.
    """
    sent = 0
    with suppress(ConnectionError):
        while sent < most and not select.select([connection], [], [], 0.05)[0]:
            connection.sendall(piece)
            sent += len(piece)
        return connection.recv(65536), sent
    return b"", sent


def flood(connection: socket.socket, piece: bytes, most: int) -> int:
    """How many bytes were taken before the other side answered or ended."""
    sent = 0
    with suppress(ConnectionError):
        while sent < most and not select.select([connection], [], [], 0)[0]:
            connection.sendall(piece)
            sent += len(piece)
    return sent


@pytest.mark.parametrize("start", [b"", b"G", b"GET / HTTP/1.1\r\nX-Slow: ", b"\r\n", b"\x16\x03"])
def test_a_head_that_drips_is_given_up(alone: Alone, start: bytes) -> None:
    with alone.connect() as slow:
        slow.sendall(start)
        answer, sent = drip(slow, b"\r\n" if start == b"\r\n" else b"x", 1000)
        assert sent < 200
        assert answer[:12] in (b"", b"HTTP/1.1 408", b"HTTP/1.1 400")


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nX-Long: ", b"GET / HTTP/1.1\r\n"])
def test_a_head_without_end_is_cut_off(alone: Alone, start: bytes) -> None:
    before = alone.rss()
    with alone.connect() as one:
        one.sendall(start)
        piece = b"A: b\r\n" * 10_000 if start.endswith(b"\n") else b"x" * 65536
        assert flood(one, piece, ENDLESS) < 16 * MIB
    assert alone.rss() - before < 16 * MIB
    assert alone.serves()


@pytest.mark.parametrize(
    "head",
    [
        "POST /login HTTP/1.1",
        "POST /api/v1/ingest HTTP/1.1\r\nAuthorization: Bearer fsk_x"
        "\r\nContent-Type: application/vnd.fieldstation.batch",
        "POST /api/v1/report HTTP/1.1\r\nAuthorization: Bearer fsk_x",
        "POST /api/v1/register HTTP/1.1\r\nContent-Type: application/json",
        "POST /api/v1/sensors/1/readings HTTP/1.1\r\nAuthorization: Bearer fsn_x",
        "POST /BMS/post-json HTTP/1.1",
        "POST /sensors/post-json/a/b HTTP/1.1",
        "PUT /api/v1/batches/00000000000000000000000000000000 HTTP/1.1",
        "POST /static/x HTTP/1.1",
        "GET /login HTTP/1.1",
    ],
)
def test_a_body_without_end_is_cut_off_at_every_door(alone: Alone, head: str) -> None:
    before = alone.rss()
    with alone.connect() as one:
        one.sendall(f"{head}\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        assert flood(one, b"10000\r\n" + b"x" * 65536 + b"\r\n", ENDLESS) < 32 * MIB
    assert alone.rss() - before < 24 * MIB
    assert alone.serves()


def test_a_thousand_silent_connections_keep_nobody_out(alone: Alone) -> None:
    """A third says nothing, a third has begun a head, a third a body, and all have begun anew."""
    before = alone.rss()
    starts = (
        b"",
        b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nx",
    )
    with ExitStack() as open_ones:
        for number in range(1200):
            one = open_ones.enter_context(alone.connect())
            with suppress(ConnectionError):
                one.sendall(starts[number % 3])
            if number % 400 == 399:
                assert alone.serves()
        assert alone.serves()
        assert alone.rss() - before < 64 * MIB
    assert alone.serves()


def test_two_hundred_bodies_of_a_byte_a_second_are_given_up(alone: Alone) -> None:
    """Half of them to pages and half as batches; meanwhile everybody else is answered."""
    before, took_s, statuses = alone.rss(), list[float](), list[bytes]()
    batch = "Authorization: Bearer fsk_x\r\nContent-Type: application/vnd.fieldstation.batch"
    heads = (f"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n{LONG}",
             f"POST /api/v1/ingest HTTP/1.1\r\nHost: 127.0.0.1\r\n{batch}\r\n{LONG}")  # fmt: skip
    with ExitStack() as open_ones:
        honest = open_ones.enter_context(httpx.Client(base_url=alone.url, timeout=20))
        waiting = [open_ones.enter_context(alone.connect()) for _ in range(200)]
        for number, one in enumerate(waiting):
            one.sendall(heads[number % 2].encode())
        for _ in range(30):
            for one in waiting:
                with suppress(ConnectionError):
                    one.sendall(b"x")
            took_s += [honest.get("/healthz").elapsed.total_seconds() for _ in range(20)]
            assert alone.rss() - before < 16 * MIB
            answered, _, _ = select.select(waiting, [], [], 1.0)
            statuses += [one.recv(12) for one in answered]
            waiting = [one for one in waiting if one not in answered]
            if not waiting:
                break
    assert statuses == [b"HTTP/1.1 408"] * 200
    assert sorted(took_s)[int(len(took_s) * 0.99) - 1] < 2


def test_a_client_that_reads_nothing_is_left(alone: Alone) -> None:
    """It asks for page after page and takes none; the hub stops making them and ends it."""
    with alone.connect() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        ended = select.poll()
        ended.register(deaf, select.POLLHUP | select.POLLERR)
        with suppress(ConnectionError, BlockingIOError):
            deaf.setblocking(False)
            for _ in range(20_000):
                deaf.send(request)
        assert ended.poll(120_000), "the connection is still there"
    assert alone.serves()


@pytest.mark.parametrize(
    "line",
    [
        b"GET /login?x=\xff\xfe HTTP/1.1", b"GET /%ff%fe HTTP/1.1", b"GET /\xff HTTP/1.1",
        b"GET * HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET http://evil.example/login HTTP/1.1",
        b"CONNECT evil.example:443 HTTP/1.1", b"GET //evil.example/login HTTP/1.1",
        b"GET /login HTTP/9.9", b"GET /login HTTP/1.1\r\nContent-Length: 99999999999999999999",
        b"GET /login HTTP/1.1\r\nCookie: session=\xff; csrf=\x01\r\nAuthorization: Bearer \xff",
        b"GET /api/v1/me HTTP/1.1\r\nAuthorization: Bearer fst_\xff\xfe",
        b"GET /login HTTP/1.1\r\nAccept-Language: " + b"de;q=" + b"9" * 9000,
        b"GET /login HTTP/1.1\r\nAccept-Language: " + b"a-" * 4000,
        b"GET /login HTTP/1.1\r\nIf-None-Match: " + b'"a",' * 4000,
        b"GET /login HTTP/1.1\r\nX-Forwarded-For: \xff, " + b"1," * 4000,
        b"POST /login HTTP/1.1\r\nContent-Length: 0\r\nContent-Type: \xff;=\x01",
        b"GET /login HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
        b"GET /login HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5",
    ],
)  # fmt: skip
def test_no_odd_line_brings_a_defect_to_light(alone: Alone, line: bytes) -> None:
    with alone.connect() as one:
        one.sendall(line + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer, _ = drip(one, b"x", 100)
    assert not answer or int(answer.split(b" ", 2)[1]) < 500
    assert b"evil.example" not in answer.partition(b"\r\n\r\n")[0]
    assert alone.serves()
