"""Instruments that also speak unasked: the runner loses nothing of it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import pytest

from fieldstation.errors import CodecError, LinkTimeout
from fieldstation.model import Conversation, Exchange, Outgoing, ask
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner
from fieldstation.transport.loopback import LoopLink
from fieldstation.transport.play import answers, play


def line_end(heard: bytes) -> int | None:
    return heard.find(b"\n") + 1 or None


class Chatterbox:
    """Says `tick N` every second, and answers `ask` after two seconds."""

    speaks_every_s = 1.0

    def __init__(self) -> None:
        self.ticks = 0

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        if data:
            return [Outgoing(b"answer " + data, 2.0)]
        self.ticks += 1
        return [Outgoing(b"tick %d\n" % self.ticks)]


def question(
    heard: list[bytes], timeout_s: float = 5.0, request: bytes = b"ask\n"
) -> Conversation[bytes]:
    def overhear(frame: bytes) -> bool:
        heard.append(frame)
        return frame.startswith(b"tick")

    return ask(Exchange(request, line_end, _answer, timeout_s, 0.05, 1, "ask", overhear))


def _answer(frame: bytes) -> bytes:
    if not frame.startswith(b"answer"):
        raise CodecError("unexpected", "no answer", data=frame)
    return frame


def now() -> float:
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_what_is_said_unasked_is_overheard_and_never_lost() -> None:
    twin = Chatterbox()
    link = LoopLink(twin, now)
    runner = Runner(link)
    heard: list[bytes] = []
    for _ in range(5):
        await asyncio.sleep(3.3)
        assert await runner.converse(question(heard)) == b"answer ask\n"
    ticks = [int(frame.split()[1]) for frame in heard if frame.startswith(b"tick")]
    assert ticks == list(range(1, len(ticks) + 1))
    # The last two wait behind the last answer, as a line keeps its order.
    assert len(ticks) == twin.ticks - 2
    await link.aclose()


@in_virtual_time
async def test_a_talkative_line_is_not_waited_silent_after_a_lost_reply() -> None:
    link = LoopLink(Chatterbox(), now)
    runner = Runner(link, silence_s=2.0)
    heard: list[bytes] = []
    with pytest.raises(LinkTimeout):
        await runner.converse(question(heard, timeout_s=1.0))
    started_s = now()
    # The late answer counts: it says what it is.
    assert await runner.converse(question(heard)) == b"answer ask\n"
    assert now() - started_s < 2.5
    await link.aclose()


@in_virtual_time
async def test_listening_gives_the_next_frame_and_keeps_those_behind_it() -> None:
    link = LoopLink(Chatterbox(), now)
    runner = Runner(link)
    await asyncio.sleep(4.5)
    exchange = Exchange(b"", line_end, bytes, 3.0, 0.0, 1, "tick", lambda frame: False)
    found = [await runner.converse(ask(exchange)) for _ in range(6)]
    assert found == [b"tick %d\n" % n for n in range(1, 7)]
    await link.aclose()


@in_virtual_time
async def test_a_twin_falls_silent_when_its_line_closes() -> None:
    twin = Chatterbox()
    link = LoopLink(twin, now)
    await asyncio.sleep(2.5)
    await link.aclose()
    await asyncio.sleep(5.0)
    assert twin.ticks == 2
    assert LoopLink(twin, now, speed=math.inf) is not None
    await asyncio.sleep(5.0)
    assert twin.ticks == 2


def test_play_overhears_as_the_runner_does() -> None:
    heard: list[bytes] = []
    twin = Chatterbox()
    answer = answers(twin, lambda: 0.0)

    def busy(request: bytes) -> bytes:
        return twin.receive(b"", 0.0)[0].data + answer(request) + twin.receive(b"", 0.0)[0].data

    def twice() -> Conversation[tuple[bytes, bytes]]:
        first = yield from question(heard)
        return first, (yield from question(heard))

    assert play(twice(), busy) == (b"answer ask\n", b"answer ask\n")
    assert [frame for frame in heard if frame.startswith(b"tick")] == [
        b"tick 1\n",
        b"tick 2\n",
        b"tick 3\n",
    ]


def test_play_says_when_only_others_were_heard() -> None:
    with pytest.raises(LinkTimeout):
        play(question([]), lambda request: b"tick 1\n")
