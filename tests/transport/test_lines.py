"""The small parts under the links: pace, mailbox, loopback, tap, virtual time."""

from __future__ import annotations

import asyncio
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import LinkLost
from fieldstation.model import Outgoing
from fieldstation.testing.echo import RESYNC, EchoTwin, frame, number
from fieldstation.testing.links import Fault, spoil
from fieldstation.testing.virtualtime import in_virtual_time, run_virtual
from fieldstation.transport import Runner
from fieldstation.transport.loopback import LoopLink
from fieldstation.transport.mailbox import MOST_BYTES, Mailbox
from fieldstation.transport.pace import Outbox
from fieldstation.transport.tap import Passed, Way


def now() -> float:
    return asyncio.get_running_loop().time()


PIECES = st.lists(
    st.builds(Outgoing, st.binary(min_size=1, max_size=4), st.floats(0.0, 60.0)), max_size=12
)


@given(PIECES, st.sampled_from([1.0, 60.0, math.inf]))
def test_pieces_leave_in_order_and_never_before_they_are_due(
    pieces: list[Outgoing], speed: float
) -> None:
    async def send() -> list[tuple[float, bytes]]:
        sent: list[tuple[float, bytes]] = []
        outbox = Outbox(lambda data: sent.append((now(), data)), speed)
        outbox.put(pieces)
        await asyncio.sleep(61.0)
        return sent

    sent = run_virtual(send())
    assert [data for _, data in sent] == [piece.data for piece in pieces]
    due = 0.0
    for (at_s, _), piece in zip(sent, pieces, strict=True):
        due = max(due, piece.delay_s / speed)
        assert at_s == pytest.approx(due, abs=1e-6)


@in_virtual_time
async def test_closed_outbox_sends_nothing_more() -> None:
    sent: list[bytes] = []
    outbox = Outbox(sent.append)
    outbox.put([Outgoing(b"now"), Outgoing(b"later", 1.0)])
    outbox.close()
    await asyncio.sleep(2.0)
    assert sent == [b"now"]


def test_speed_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        Outbox(lambda _: None, 0.0)


async def test_cancelled_read_loses_no_byte() -> None:
    mailbox = Mailbox("test")
    reading = asyncio.ensure_future(mailbox.read())
    await asyncio.sleep(0)
    mailbox.data_received(b"kept")
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await mailbox.read() == b"kept"


async def test_what_came_before_the_end_is_read_before_the_loss_is_told() -> None:
    mailbox = Mailbox("test")
    mailbox.data_received(b"last words")
    mailbox.connection_lost(OSError(5, "Input/output error"))
    assert await mailbox.read() == b"last words"
    with pytest.raises(LinkLost, match=r"test is gone .*Input/output error"):
        await mailbox.read()


async def test_mailbox_that_nobody_reads_keeps_the_newest_bytes() -> None:
    mailbox = Mailbox("test")
    for count in range(1000):
        mailbox.data_received(b"%06d" % count * 100)
    kept = await mailbox.read()
    assert len(kept) <= MOST_BYTES
    assert kept.endswith(b"000999")


@in_virtual_time
async def test_loopback_answers_after_the_twins_delay_or_at_once() -> None:
    for speed, took_s in ((1.0, 4.0), (8.0, 0.5), (math.inf, 0.0)):
        link = LoopLink(EchoTwin(4.0), now, speed=speed)
        started = now()
        await link.write(b"?1\n")
        assert await link.read() == frame(b"=1")
        assert now() - started == pytest.approx(took_s, abs=1e-6)
        await link.aclose()
        with pytest.raises(LinkLost):
            await link.write(b"?1\n")


@in_virtual_time
async def test_tap_hears_every_byte_both_ways_with_its_instant() -> None:
    heard: list[Passed] = []
    link = LoopLink(EchoTwin(0.25), now)
    await Runner(link, resync=RESYNC, tap=heard.append).converse(number(1))
    assert [(passed.way, passed.data) for passed in heard] == [
        (Way.OUT, b"who\n"),
        (Way.IN, frame(b"echo")),
        (Way.OUT, b"?1\n"),
        (Way.IN, frame(b"=1")),
    ]
    assert [passed.at_s for passed in heard] == pytest.approx([0.0, 0.25, 0.3, 0.55])


@in_virtual_time
async def test_tap_hears_bytes_that_are_thrown_away() -> None:
    heard: list[Passed] = []
    link = LoopLink(EchoTwin(), now)
    await link.write(b"?9\n")
    await Runner(link, resync=RESYNC, tap=heard.append).converse(number(1))
    assert heard[0].data == frame(b"=9")


@given(st.binary(min_size=1, max_size=40), st.integers(0, 400))
def test_flip_changes_one_bit_and_the_other_faults_keep_all_bytes(reply: bytes, bit: int) -> None:
    (flipped,) = spoil(reply, Fault(flip=bit))
    changed = [one ^ other for one, other in zip(reply, flipped.data, strict=True)]
    assert sum(value.bit_count() for value in changed) == 1
    split = spoil(reply, Fault(garbage=b"x", copies=2, split_at=bit, delay_s=1.0, gap_s=2.0))
    assert b"".join(piece.data for piece in split) == b"x" + reply * 2
    assert spoil(reply, Fault(drop=True)) == []


def test_virtual_time_passes_without_real_time() -> None:
    started = time.monotonic()

    async def a_month() -> float:
        for _ in range(30):
            await asyncio.sleep(86_400)
        return now()

    assert run_virtual(a_month()) == pytest.approx(30 * 86_400)
    assert time.monotonic() - started < 5


@in_virtual_time
async def test_virtual_clock_waits_for_work_in_threads() -> None:
    async with asyncio.timeout(30.0):
        found = await asyncio.to_thread(sum, range(200_000))
    assert found == 199_999 * 100_000
    assert now() < 30.0


@in_virtual_time
async def test_virtual_time_lets_real_sockets_speak() -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with asyncio.timeout(60.0):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\n")
        assert await reader.readline() == b"HELLO\n"
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()
