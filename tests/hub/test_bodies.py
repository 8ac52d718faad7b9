"""Bodies that come slowly: by the clock of a loop without sleep, then through every door of a real
hub whose waits are short.
"""

from __future__ import annotations

import asyncio
import random
import select
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.hub import bodies, patience
from fieldstation.testing.virtualtime import in_virtual_time

Steps = Iterable[tuple[float, int]]
"""Seconds before a piece, and its bytes."""


def arriving(steps: Steps) -> Callable[[], Any]:
    """`receive` of a body whose pieces come like this, and then no more."""
    rest = iter(steps)

    async def receive() -> dict[str, Any]:
        for pause_s, size in rest:
            await asyncio.sleep(pause_s)
            return {"type": "http.request", "body": bytes(size), "more_body": size > 0}
        await asyncio.Event().wait()
        raise AssertionError

    return receive


@in_virtual_time
async def outcome(steps: Steps, most_bytes: int = 1 << 30) -> tuple[int, int, float]:
    """Status (200 when it is whole), bytes, and when that was known."""
    size, loop = 0, asyncio.get_running_loop()
    try:
        async for piece in bodies.pieces(arriving(steps), most_bytes):
            size += len(piece)
    except bodies.Unread as unread:
        return unread.status, size, loop.time()
    return 200, size, loop.time()


END = [(0.0, 0)]


def test_a_body_that_drips_is_given_up() -> None:
    status, size, at_s = outcome([(29.0, 1)] * 1000)
    assert (status, size) == (408, 1)
    assert at_s == pytest.approx(30, abs=0.1)
    status, size, at_s = outcome([(0.1, 1)] * 100_000)
    assert (status, at_s < 34) == (408, True)


def test_what_came_fast_does_not_pay_for_what_drips() -> None:
    status, _, at_s = outcome([(0.0, 1_000_000)] + [(1.0, 1)] * 1000)
    assert status == 408
    assert at_s == pytest.approx(30, abs=1)


def test_a_slow_line_that_keeps_going_is_waited_for() -> None:
    """100 kB in packets of 1,400 bytes at 2 kbit/s, then at 1 kbit/s with pauses of 25 s."""
    packets = 100_000 // 1400 + 1
    status, size, at_s = outcome([(5.6, 1400)] * packets + END)
    assert (status, size) == (200, 1400 * packets)
    assert at_s == pytest.approx(402, abs=5)
    wave = [(25.0, 1400), (0.0, 1400), (0.0, 400)]
    assert outcome(wave * 30 + END)[0] == 200


def test_a_body_that_begins_late_or_stops_is_given_up_after_one_pause() -> None:
    assert outcome([]) == (408, 0, 30)
    assert outcome([(1.0, 500_000)]) == (408, 500_000, 31)


def test_no_more_than_the_limit_is_taken() -> None:
    assert outcome([(0.0, 600), (0.0, 600), *END], 1000)[:2] == (413, 600)
    assert outcome([(0.0, 500), (0.0, 500), *END], 1000)[:2] == (200, 1000)


@given(st.lists(st.tuples(st.floats(0, 40), st.integers(1, 5000)), max_size=60))
def test_no_body_ever_outstays_its_rate(steps: list[tuple[float, int]]) -> None:
    status, size, at_s = outcome([*steps, *END])
    assert at_s <= patience.BODY_PAUSE_S + size / patience.LEAST_BYTES_PER_S + 0.01
    late = any(pause_s > patience.BODY_PAUSE_S for pause_s, _ in steps)
    assert (status, late) in {(200, False), (408, True), (408, False)}
    if all(size >= pause_s * patience.LEAST_BYTES_PER_S for pause_s, size in steps) and not late:
        assert status == 200


@in_virtual_time
async def _with_a_slow_disk() -> int:
    taken = 0
    async for piece in bodies.pieces(arriving([(1.0, 100)] * 50 + END), 1 << 20):
        await asyncio.sleep(100)
        taken += len(piece)
    return taken


def test_what_the_hub_takes_for_itself_is_not_the_clients_time() -> None:
    assert _with_a_slow_disk() == 5000


@in_virtual_time
async def _many(count: int, steps: list[tuple[float, int]]) -> tuple[list[int], int]:
    """How many of so many bodies at once came to each end, and the most bytes that were held."""
    tasks = [asyncio.create_task(bodies.whole(arriving(steps), 1 << 20)) for _ in range(count)]
    most = 0
    while not all(task.done() for task in tasks):
        most = max(most, bodies.HELD.size)
        await asyncio.sleep(10)
    ends = [task.exception() for task in tasks]
    return [getattr(end, "status", 200) for end in ends], most


def test_bodies_that_fill_the_memory_have_to_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow but steady ones are taken while there is room, given up when there is none."""
    monkeypatch.setattr(patience, "SLOW_BYTES", 100_000)
    steady = [(5.0, 1000)] * 50 + END
    assert _many(1, steady) == ([200], 49_000)
    ends, most = _many(20, steady)
    assert (408 in ends, most < 2 * 100_000) == (True, True)
    assert _many(20, [(0.05, 1000)] * 50 + END)[0] == [200] * 20
    assert bodies.HELD.size == 0


# --- through the doors ---

STEP_S = 0.05


@dataclass
class Door:
    """A way in: the head of a request, a body for it, what is answered to one that came, and what
    one that drips is told.
    """

    head: str
    body: bytes
    status: int
    told: bytes


@pytest.fixture
def doors(
    hub: Any, station: Any, anyone: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> list[Door]:
    """A page, an upload that is held in memory and one that is not, with a short pause."""
    monkeypatch.setattr(patience, "BODY_PAUSE_S", 3.0)
    noise = random.Random(1)
    rows = [(noise.random(), noise.randrange(9999), 2, True, "") for _ in range(120)]
    form = {
        "batch_mode": "PASS", "batch_type": "OPC", "filelist": "a.csv,a.yaml", "key": station.key,
        "source_ref": "a", "zip_md5": "d41d8cd98f00b204e9800998ecf8427e", "zip_size": "0",
    }  # fmt: skip
    slot = anyone.post("/api/v1/quarantine_request/", data=form).json()["batchid"]
    key = f"HTTP/1.1\r\nAuthorization: Bearer {station.key}"
    batch = f"POST /api/v1/ingest {key}\r\nContent-Type: application/vnd.fieldstation.batch"
    slow = b'"code":"too-slow"'
    return [
        Door("POST /login HTTP/1.1", b"x=" + b"y" * 1500, 403, b"took too long (408)"),
        Door(batch, station.batch(rows), 200, slow),
        Door(f"PUT /api/v1/batches/{slot} {key}", b"P" * 1500, 200, slow),
    ]


def send(url: str, doors: list[Door], steps: int) -> list[tuple[int, bytes, int]]:
    """Status and text of each answer and the bytes sent before, for bodies that are cut in so many
    pieces, one every `STEP_S`.
    """
    place, sent = httpx.URL(url), [0] * len(doors)
    with ExitStack() as open_ones:
        address = (place.host, place.port or 80)
        lines = [open_ones.enter_context(socket.create_connection(address, 20)) for _ in doors]
        for line, door in zip(lines, doors, strict=True):
            more = f"Host: {place.host}\r\nContent-Length: {len(door.body)}\r\nConnection: close"
            line.sendall(f"{door.head}\r\n{more}\r\n\r\n".encode())
        waiting = set(range(len(doors)))
        while waiting:
            for one in waiting:
                at_once = -(-len(doors[one].body) // steps)
                with suppress(ConnectionError):
                    lines[one].sendall(doors[one].body[sent[one] : sent[one] + at_once])
                sent[one] += at_once
            answered = select.select([lines[one] for one in waiting], [], [], STEP_S)[0]
            waiting -= {lines.index(line) for line in answered}
        answers = [whole_answer(line) for line in lines]
    return [
        (int(answer.split(b" ", 2)[1]), answer, size)
        for answer, size in zip(answers, sent, strict=True)
    ]


def whole_answer(line: socket.socket) -> bytes:
    answer = b""
    with suppress(ConnectionError):
        while piece := line.recv(65536):
            answer += piece
    return answer


@pytest.mark.slow
def test_what_drips_is_given_up_at_every_door(hub: Any, doors: list[Door]) -> None:
    for door, (status, answer, sent) in zip(doors, send(hub.url, doors, 3000), strict=True):
        assert status == 408
        assert door.told in answer
        assert sent < len(door.body) / 2


@pytest.mark.slow
def test_what_is_slow_but_steady_arrives_at_every_door(hub: Any, doors: list[Door]) -> None:
    """For longer than any pause may be."""
    began_s = time.monotonic()
    for door, (status, answer, _) in zip(doors, send(hub.url, doors, 70), strict=True):
        assert len(door.body) / (70 * STEP_S) > 2 * patience.LEAST_BYTES_PER_S
        assert status == door.status, answer
    assert time.monotonic() - began_s > patience.BODY_PAUSE_S
