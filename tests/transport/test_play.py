"""Conversations without a line."""

from __future__ import annotations

import pytest

from fieldstation.errors import InstrumentRefused, LinkTimeout
from fieldstation.model import Conversation, Exchange, ask
from fieldstation.testing.echo import EchoTwin, decode_number, frame, frame_end, number
from fieldstation.transport import answers, play


def test_conversation_is_played_with_a_twin_whose_delays_take_no_time() -> None:
    def sum_up() -> Conversation[int]:
        total = 0
        for asked in range(100):
            total += yield from number(asked)
        return total

    assert play(sum_up(), answers(EchoTwin(delay_s=3.0), lambda: 0.0)) == sum(range(100))


def test_refusal_can_be_caught_by_the_conversation_or_is_raised() -> None:
    odd = Exchange(b"odd\n", frame_end, decode_number)

    def tolerant() -> Conversation[str]:
        try:
            yield odd
        except InstrumentRefused as refused:
            return refused.code
        return "accepted"

    echo = answers(EchoTwin(), lambda: 0.0)
    assert play(tolerant(), echo) == "no"
    with pytest.raises(InstrumentRefused):
        play(ask(odd), echo)


def test_error_that_the_conversation_raises_itself_is_not_thrown_back_into_it() -> None:
    def picky() -> Conversation[int]:
        try:
            yield from number(1)
        except InstrumentRefused:
            return -1
        raise InstrumentRefused("mine", "the driver itself says no")

    with pytest.raises(InstrumentRefused, match="the driver itself"):
        play(picky(), answers(EchoTwin(), lambda: 0.0))


def test_silence_and_half_a_frame_are_a_timeout() -> None:
    for said in (b"", b"=1"):

        def answer(request: bytes, said: bytes = said) -> bytes:
            return said

        with pytest.raises(LinkTimeout) as caught:
            play(number(1), answer)
        assert caught.value.partial == said


def test_listening_takes_the_frames_in_turn() -> None:
    def listen() -> Conversation[list[int]]:
        first = yield from ask(Exchange(b"", frame_end, decode_number))
        second = yield from ask(Exchange(b"", frame_end, decode_number))
        return [first, second]

    assert play(listen(), lambda _: frame(b"=1") + frame(b"=2")) == [1, 2]
