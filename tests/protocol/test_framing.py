"""Frames out of a stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import FrameTooLong
from fieldstation.protocol.framing import FrameBuffer, until

LIMIT = 16
FRAME = st.binary(max_size=LIMIT - 2).map(lambda body: body.replace(b"\r", b"") + b"\r")


def buffer() -> FrameBuffer:
    return FrameBuffer(until(b"\r", LIMIT), LIMIT)


def test_frame_ends_with_its_mark() -> None:
    end = until(b"\r\n", LIMIT)
    assert end(b"abc\r") is None
    assert end(b"abc\r\ndef") == 5


def test_frame_without_end_is_refused_at_the_limit() -> None:
    end = until(b"\r", LIMIT)
    assert end(b"x" * (LIMIT - 1)) is None
    assert end(b"x" * (LIMIT - 1) + b"\r") == LIMIT
    with pytest.raises(FrameTooLong, match="16 bytes"):
        end(b"x" * LIMIT)


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=6))
def test_any_split_gives_the_same_frames(stream: bytes, cuts: list[int]) -> None:
    whole, cut = buffer(), buffer()
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in zip(edges, [*edges[1:], len(stream)], strict=True)]
    assert [frame for piece in pieces for frame in cut.feed(piece)] == whole.feed(stream)
    assert (cut.pending, cut.dropped) == (whole.pending, whole.dropped)


@given(st.binary(min_size=1, max_size=50))
def test_endless_garbage_stays_bounded(pattern: bytes) -> None:
    endless = buffer()
    for _ in range(40):
        endless.feed(pattern)
        assert endless.pending < LIMIT


@given(st.binary(max_size=60), FRAME)
def test_a_frame_after_garbage_is_found(garbage: bytes, frame: bytes) -> None:
    found = buffer().feed(garbage + b"\r" + frame)
    assert found[-1] == frame


@given(st.lists(FRAME, max_size=5))
def test_frames_in_one_piece_come_out_in_order(frames: list[bytes]) -> None:
    assert buffer().feed(b"".join(frames)) == frames


def test_what_is_cleared_counts_as_dropped() -> None:
    cleared = buffer()
    cleared.feed(b"half a fr")
    cleared.clear()
    assert (cleared.pending, cleared.dropped) == (0, 9)
    assert cleared.feed(b"ame\r") == [b"ame\r"]
