"""The one runner, in virtual time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from fieldstation.errors import CodecError, FrameTooLong, InstrumentRefused, LinkLost, LinkTimeout
from fieldstation.model import Conversation, Exchange, Outgoing, Twin, ask
from fieldstation.testing.echo import RESYNC, EchoTwin, decode_number, frame, frame_end, number
from fieldstation.testing.links import HEALTHY, Fault, FaultyLink
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport.converse import MOST_BYTES, Runner
from fieldstation.transport.loopback import LoopLink
from fieldstation.transport.tap import Passed, Way


def now() -> float:
    return asyncio.get_running_loop().time()


def loop_link(twin: Twin, speed: float = 1.0) -> LoopLink:
    return LoopLink(twin, now, speed=speed)


def faulty(*script: Fault) -> FaultyLink:
    """A line to an echo; the first fault meets the resync that every new runner begins with."""
    return FaultyLink(loop_link(EchoTwin(), math.inf), script)


class Heard:
    """A tap that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def __call__(self, passed: Passed) -> None:
        if passed.way is Way.OUT:
            self.sent.append(passed.data)


class Babbler:
    """A twin that answers anything with `pieces`."""

    def __init__(self, *pieces: Outgoing) -> None:
        self.pieces = pieces

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        return self.pieces


@in_virtual_time
async def test_reply_reaches_its_conversation() -> None:
    runner = Runner(loop_link(EchoTwin(0.2)), resync=RESYNC)
    assert await runner.converse(number(7)) == 7
    assert await runner.converse(number(8)) == 8


@in_virtual_time
async def test_new_runner_asks_the_resync_first_and_only_once() -> None:
    heard = Heard()
    runner = Runner(loop_link(EchoTwin()), resync=RESYNC, tap=heard)
    await runner.converse(number(1))
    await runner.converse(number(2))
    assert heard.sent == [b"who\n", b"?1\n", b"?2\n"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(deaf=True),
        Fault(drop=True),
        Fault(delay_s=6.0),
        Fault(copies=2),
        Fault(garbage=b"\x00\xffnoise"),
        Fault(garbage=b"noise\n"),
        Fault(split_at=3, gap_s=3.0),
        Fault(flip=9),
    ],
)
@in_virtual_time
async def test_one_spoilt_reply_is_asked_again(fault: Fault) -> None:
    runner = Runner(faulty(HEALTHY, fault), resync=RESYNC)
    assert await runner.converse(number(1)) == 1
    assert await runner.converse(number(2)) == 2


@in_virtual_time
async def test_late_reply_is_never_taken_for_the_next_one() -> None:
    runner = Runner(faulty(HEALTHY, Fault(delay_s=3.0)), resync=RESYNC)
    with pytest.raises(LinkTimeout):
        await runner.converse(number(1, attempts=1))
    assert await runner.converse(number(2)) == 2


@in_virtual_time
async def test_reply_six_seconds_late_is_met_by_the_resync() -> None:
    heard = Heard()
    late = Fault(delay_s=4.0)
    runner = Runner(faulty(HEALTHY, late), resync=RESYNC, tap=heard)
    with pytest.raises(LinkTimeout):
        await runner.converse(number(1, attempts=1))
    assert await runner.converse(number(2)) == 2
    assert heard.sent == [b"who\n", b"?1\n", b"who\n", b"?2\n"]
    assert 4.0 <= now() < 5.0


@in_virtual_time
async def test_late_resync_replies_are_waited_for() -> None:
    slow = (Fault(delay_s=5.0), Fault(delay_s=3.0), Fault(delay_s=4.0), Fault(delay_s=4.0))
    runner = Runner(faulty(*slow), resync=RESYNC)
    with pytest.raises(LinkTimeout):
        await runner.converse(number(1, attempts=1))
    # three resyncs went out, two of them unanswered in time: until 10 s after the last
    assert now() > 10.0
    assert await runner.converse(number(2, attempts=1)) == 2


@in_virtual_time
async def test_line_that_is_always_late_fails_and_pairs_nothing_wrongly() -> None:
    runner = Runner(loop_link(EchoTwin(6.0)), resync=RESYNC)
    for asked in range(5):
        with pytest.raises(LinkTimeout):
            await runner.converse(number(asked))


@in_virtual_time
async def test_setting_is_never_sent_on_a_line_that_owes_and_is_silent() -> None:
    heard = Heard()
    runner = Runner(loop_link(Babbler()), resync=RESYNC, tap=heard)
    with pytest.raises(LinkTimeout, match="does not answer who; check its power"):
        await runner.converse(number(1))
    assert heard.sent == [b"who\n"] * RESYNC.attempts
    assert now() == pytest.approx(3 * 2.5)


@pytest.mark.parametrize(
    "script",
    [
        [HEALTHY, *[Fault(deaf=True)] * 9],  # dies
        [HEALTHY, *[Fault(flip=9), HEALTHY] * 9],  # answers, but never well
        [HEALTHY, *[Fault(split_at=3, gap_s=0.2)] * 9],  # dribbles
        [Fault(delay_s=0.4)] * 9,  # is late with everything
    ],
)
@in_virtual_time
async def test_a_conversation_ends_with_its_budget(script: Sequence[Fault]) -> None:
    runner = Runner(faulty(*script), resync=RESYNC, latest_s=0.2, budget_s=0.5)

    def readings() -> Conversation[None]:
        while True:
            yield from number(1, attempts=9)

    with pytest.raises((LinkTimeout, CodecError)):
        await runner.converse(readings())
    assert now() <= 0.5


@in_virtual_time
async def test_what_a_conversation_owes_at_the_end_of_its_budget_stays_owed() -> None:
    heard = Heard()
    late = Fault(delay_s=0.6)
    runner = Runner(faulty(HEALTHY, late), resync=RESYNC, tap=heard, latest_s=0.2, budget_s=0.5)
    with pytest.raises(LinkTimeout, match=r"within 0\.5 s"):
        await runner.converse(number(1))
    await asyncio.sleep(0.5)
    assert await runner.converse(number(2)) == 2
    assert heard.sent == [b"who\n", b"?1\n", b"who\n", b"?2\n"]


@in_virtual_time
async def test_without_resync_the_line_must_fall_silent() -> None:
    runner = Runner(faulty(Fault(delay_s=4.0)), silence_s=2.0)
    with pytest.raises(LinkTimeout):
        await runner.converse(number(1, attempts=1))
    assert await runner.converse(number(2)) == 2
    # 2 s before the first request, 2.5 s for its reply, then 2 s after that came at 6 s
    assert now() == pytest.approx(8.0, abs=0.1)


@in_virtual_time
async def test_cancelled_conversation_leaves_the_line_usable() -> None:
    runner = Runner(loop_link(EchoTwin(1.0)), resync=RESYNC)
    await runner.converse(number(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await runner.converse(number(2))
    assert await runner.converse(number(3)) == 3


@in_virtual_time
async def test_two_conversations_on_one_line_never_mix() -> None:
    def pair(first: int) -> Conversation[list[int]]:
        one = yield from number(first)
        two = yield from number(first + 1)
        return [one, two]

    heard = Heard()
    runner = Runner(loop_link(EchoTwin(0.1)), resync=RESYNC, tap=heard)
    both = await asyncio.gather(runner.converse(pair(10)), runner.converse(pair(20)))
    assert list(both) == [[10, 11], [20, 21]]
    assert heard.sent == [b"who\n", b"?10\n", b"?11\n", b"?20\n", b"?21\n"]


@in_virtual_time
async def test_bytes_that_came_unasked_are_never_taken_for_a_reply() -> None:
    link = faulty(HEALTHY, Fault(copies=3))
    runner = Runner(link, resync=RESYNC)
    assert await runner.converse(number(1)) == 1
    assert await runner.converse(number(2)) == 2
    await link.write(b"?9\n")
    await asyncio.sleep(60.0)
    assert await runner.converse(number(3)) == 3


@in_virtual_time
async def test_request_is_asked_again_after_a_pause_and_the_resync() -> None:
    sent: list[tuple[float, bytes]] = []

    def tap(passed: Passed) -> None:
        if passed.way is Way.OUT:
            sent.append((round(passed.at_s, 3), passed.data))

    await Runner(faulty(HEALTHY, Fault(drop=True)), resync=RESYNC, tap=tap).converse(number(1))
    assert sent == [(0.0, b"who\n"), (0.05, b"?1\n"), (2.85, b"who\n"), (2.9, b"?1\n")]


@in_virtual_time
async def test_refusal_is_thrown_into_the_conversation_at_once() -> None:
    def tolerant() -> Conversation[int]:
        try:
            yield Exchange(b"odd\n", frame_end, decode_number)
        except InstrumentRefused:
            return (yield from number(5))
        return -1

    heard = Heard()
    runner = Runner(loop_link(EchoTwin()), resync=RESYNC, tap=heard)
    assert await runner.converse(tolerant()) == 5
    assert heard.sent == [b"who\n", b"odd\n", b"?5\n"]


@in_virtual_time
async def test_conversation_may_go_on_without_a_reply_that_never_comes() -> None:
    def tolerant() -> Conversation[list[int]]:
        found = []
        for asked in (1, 2):
            try:
                found.append((yield from number(asked, attempts=1)))
            except LinkTimeout:
                found.append(-1)
        return found

    runner = Runner(faulty(HEALTHY, Fault(drop=True)), resync=RESYNC)
    assert await runner.converse(tolerant()) == [-1, 2]


@in_virtual_time
async def test_failure_that_the_conversation_does_not_catch_is_raised() -> None:
    flipped = Fault(flip=3)
    runner = Runner(faulty(HEALTHY, flipped, HEALTHY, flipped), resync=RESYNC)
    with pytest.raises(CodecError, match="checksum is wrong"):
        await runner.converse(number(1, attempts=2))


@in_virtual_time
async def test_lost_link_is_raised_at_once_and_ends_the_conversation() -> None:
    ended = []

    def watched() -> Conversation[int]:
        try:
            return (yield from number(1))
        finally:
            ended.append(True)

    link = loop_link(EchoTwin(1.0))
    runner = Runner(link, resync=RESYNC)
    asyncio.get_running_loop().call_later(0.5, lambda: asyncio.ensure_future(link.aclose()))
    with pytest.raises(LinkLost):
        await runner.converse(watched())
    assert ended == [True]
    assert now() == pytest.approx(0.5)


@in_virtual_time
async def test_dribbling_device_ends_at_the_deadline() -> None:
    dribble = Babbler(*(Outgoing(b"x", float(second)) for second in range(1, 60)))
    runner = Runner(loop_link(dribble), silence_s=0.0)
    with pytest.raises(LinkTimeout) as caught:
        await runner.converse(number(1, attempts=1, timeout_s=4.5))
    assert now() == pytest.approx(4.5)
    assert caught.value.partial == b"xxxx"


class Flood:
    """A line that always has more of the same, without ever waiting."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def write(self, data: bytes) -> None: ...

    async def read(self) -> bytes:
        return self.data

    async def drain(self) -> bytes:
        return b""

    async def aclose(self) -> None: ...


async def test_babbling_device_ends_at_the_deadline() -> None:
    impatient = replace(RESYNC, timeout_s=0.02, attempts=1)
    with pytest.raises(LinkTimeout):
        await Runner(Flood(b"babble\n"), resync=impatient).converse(number(1))


@in_virtual_time
async def test_endless_garbage_is_bounded() -> None:
    runner = Runner(Flood(b"x" * 1000), silence_s=0.0)
    endless = Exchange(b"", frame_end, decode_number, attempts=1)
    with pytest.raises(FrameTooLong, match=f"{MOST_BYTES // 1000 + 1}000 bytes"):
        await runner.converse(ask(endless))


@in_virtual_time
async def test_line_that_is_never_silent_is_told_and_not_waited_for() -> None:
    chatter = Babbler(*(Outgoing(b"x", 0.04 * count) for count in range(2000)))
    link = loop_link(chatter)
    await link.write(b"start")
    with pytest.raises(CodecError, match="never silent") as caught:
        await Runner(link, resync=RESYNC).converse(number(1, attempts=1))
    assert caught.value.kind == "noise"
    assert now() < 6.0


@in_virtual_time
async def test_listening_takes_frame_after_frame_and_throws_none_away() -> None:
    def listen(count: int) -> Conversation[list[int]]:
        found = []
        for _ in range(count):
            found.append((yield from ask(Exchange(b"", frame_end, decode_number))))
        return found

    stream = frame(b"=1") + frame(b"=2") + b"broken\n" + frame(b"=3")
    link = loop_link(Babbler(Outgoing(stream[:20], 0.1), Outgoing(stream[20:], 0.2)))
    heard = Heard()
    await link.write(b"start")
    assert await Runner(link, resync=RESYNC, tap=heard).converse(listen(3)) == [1, 2, 3]
    assert heard.sent == []


@in_virtual_time
async def test_request_waits_for_the_quiet_time_after_the_last_byte() -> None:
    runner = Runner(loop_link(EchoTwin()), resync=RESYNC)
    await runner.converse(number(1))
    started = now()
    await runner.converse(number(2))
    assert now() - started == pytest.approx(0.05)
