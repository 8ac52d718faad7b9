"""The receiving end of scp as a pure object."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError
from fieldstation.hub.legacy.scp import GO_ON, MOST_LINE, Piece, Reply, Sink, Step, Whole

NAME = "0123456789abcdef0123456789abcdef.zip"
TALK = f"T1610639280 0 1610639280 0\nC0644 5 {NAME}\n".encode() + b"hello\0"


def heard(sink: Sink, pieces: list[bytes]) -> list[Step]:
    """The steps of a dialogue, pieces of the file joined."""
    steps: list[Step] = []
    for data in pieces:
        for step in sink.feed(data):
            before = steps[-1] if steps else None
            if isinstance(step, Piece) and isinstance(before, Piece):
                steps[-1] = Piece(before.data + step.data)
            else:
                steps.append(step)
    return steps


def test_the_old_dialogue_gives_one_file() -> None:
    steps = heard(Sink(NAME, 100), [TALK])
    assert steps == [Reply(GO_ON), Reply(GO_ON), Piece(b"hello"), Whole()]


@given(st.lists(st.integers(0, len(TALK)), max_size=10))
def test_the_sink_takes_bytes_as_they_come(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(TALK)]
    pieces = [TALK[start:end] for start, end in pairwise(edges)]
    assert heard(Sink(NAME, 100), pieces) == heard(Sink(NAME, 100), [TALK])


def test_an_empty_file_is_a_file() -> None:
    steps = heard(Sink(NAME, 100), [f"C0644 0 {NAME}\n".encode() + b"\0"])
    assert steps == [Reply(GO_ON), Whole()]


@pytest.mark.parametrize(
    "talk",
    [
        b"C0644 5 other.zip\n", b"D0755 0 folder\n", b"E\n", b"\x01error\n", b"\x02fatal\n",
        f"C0644 101 {NAME}\n".encode(), f"C0644 -1 {NAME}\n".encode(), f"C0999 5 {NAME}\n".encode(),
        f"C0644 5 ../{NAME}\n".encode(), f"C0644 5 {NAME}\0\n".encode(), b"T1 2 3\n", b"\n",
        b"C" * (MOST_LINE + 1), TALK[:-1] + b"\x01", TALK + TALK, TALK + b"E\n",
    ],
)  # fmt: skip
def test_anything_else_ends_the_dialogue(talk: bytes) -> None:
    with pytest.raises(CodecError):
        heard(Sink(NAME, 100), [talk])


@given(st.binary(max_size=600))
def test_any_bytes_are_taken_or_refused(data: bytes) -> None:
    sink = Sink(NAME, 100)
    try:
        steps = heard(sink, [data])
    except CodecError:
        return
    assert sum(len(step.data) for step in steps if isinstance(step, Piece)) <= 100
