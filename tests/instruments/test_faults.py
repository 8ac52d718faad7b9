"""Faults on the line of a twin."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import BadRequest, NotFound
from fieldstation.instruments.faults import FAULTS, LATE_S, FaultPlan, FaultyTwin
from fieldstation.model import Outgoing, speaks_every_s

REPLY = (Outgoing(b"(reply 1", 0.1), Outgoing(b"2345\r", 0.2))
WHOLE = b"(reply 12345\r"


class Parrot:
    """A twin that always says the same."""

    speaks_every_s = 0.0

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        return REPLY if data else ()


def twin(*orders: str, seed: int = 0) -> FaultyTwin:
    return FaultyTwin(Parrot(), FaultPlan(orders, seed), seed)


def said(sent: Sequence[Outgoing]) -> bytes:
    return b"".join(piece.data for piece in sent)


def test_without_order_nothing_is_changed() -> None:
    assert twin().receive(b"?", 0) == REPLY


def test_silence() -> None:
    assert not twin("silence").receive(b"?", 0)


@given(st.integers(0, 1000))
def test_flip_changes_exactly_one_bit(seed: int) -> None:
    spoiled = said(twin("flip", seed=seed).receive(b"?", 0))
    changed = int.from_bytes(spoiled, "big") ^ int.from_bytes(WHOLE, "big")
    assert len(spoiled) == len(WHOLE)
    assert changed.bit_count() == 1


@given(st.integers(0, 1000))
def test_truncate_leaves_a_beginning(seed: int) -> None:
    left = said(twin("truncate", seed=seed).receive(b"?", 0))
    assert WHOLE.startswith(left)
    assert left != WHOLE


@given(st.integers(0, 1000))
def test_lose_byte_takes_one_byte(seed: int) -> None:
    left = said(twin("lose_byte", seed=seed).receive(b"?", 0))
    assert left in {WHOLE[:at] + WHOLE[at + 1 :] for at in range(len(WHOLE))}


def test_late_moves_the_whole_reply() -> None:
    sent = twin("late").receive(b"?", 0)
    assert said(sent) == WHOLE
    assert [piece.delay_s for piece in sent] == [0.1 + LATE_S, 0.2 + LATE_S]


def test_duplicate_comes_after_the_first_copy() -> None:
    sent = twin("duplicate").receive(b"?", 0)
    assert said(sent) == WHOLE * 2
    assert [piece.delay_s for piece in sent] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_garbage_comes_first() -> None:
    spoiled = said(twin("garbage").receive(b"?", 0))
    assert spoiled.endswith(WHOLE)
    assert len(WHOLE) < len(spoiled) <= len(WHOLE) + 12


def test_slow_sends_byte_by_byte() -> None:
    sent = twin("slow").receive(b"?", 0)
    assert said(sent) == WHOLE
    assert all(len(piece.data) == 1 for piece in sent)
    assert sent[-1].delay_s == pytest.approx(0.1 + 0.25 * (len(WHOLE) - 1))


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_leaves_silence_alone(name: str) -> None:
    assert not twin(name).receive(b"", 0)


def test_count_strikes_the_next_replies_and_no_more() -> None:
    unit = twin("silence*2")
    assert [bool(unit.receive(b"?", 0)) for _ in range(4)] == [False, False, True, True]


def test_chance_strikes_its_share_and_repeats_for_a_seed() -> None:
    first, second = twin("silence:0.2", seed=3), twin("silence:0.2", seed=3)
    struck = [not first.receive(b"?", 0) for _ in range(1000)]
    assert struck == [not second.receive(b"?", 0) for _ in range(1000)]
    assert 150 < sum(struck) < 250


@pytest.mark.parametrize("order", ["", "late:2", "late*", "late 3", "Late", "late:0.1:0.2"])
def test_order_that_cannot_be_read_says_what_would(order: str) -> None:
    with pytest.raises(BadRequest, match=r"late:0\.05"):
        FaultPlan([order])


def test_twin_that_speaks_unasked_goes_on_speaking() -> None:
    talkative = Parrot()
    talkative.speaks_every_s = 2.0
    assert speaks_every_s(FaultyTwin(talkative, FaultPlan())) == 2.0
    assert speaks_every_s(twin()) == 0.0


def test_unknown_fault_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="'silence'"):
        FaultPlan(["silent"]).require(FAULTS)
