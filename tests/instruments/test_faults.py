"""Faults on the line of a twin."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import BadRequest, NotFound
from fieldstation.instruments import registry
from fieldstation.instruments.faults import (
    AWAY_S,
    FAULTS,
    LATE_S,
    REBOOT_S,
    SPOKEN,
    FaultPlan,
    FaultySpeaker,
    FaultyTwin,
)
from fieldstation.model import Message, Outgoing, Speaker, speaks_every_s

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


@given(st.integers(0, 1000))
def test_reboot_stops_in_mid_frame_and_is_deaf_for_a_while(seed: int) -> None:
    unit = twin("reboot*1", seed=seed)
    left = said(unit.receive(b"?", 100))
    assert WHOLE.startswith(left)
    assert len(WHOLE) // 2 <= len(left) < len(WHOLE)
    assert not unit.receive(b"?", 100 + REBOOT_S - 0.01)
    assert said(unit.receive(b"?", 100 + REBOOT_S)) == WHOLE


def test_clock_that_is_set_back_ends_a_reboot() -> None:
    unit = twin("reboot*1")
    unit.receive(b"?", 100)
    assert said(unit.receive(b"?", 50)) == WHOLE


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


class Herald:
    """A node that always says the same."""

    speaks_every_s = 1.0

    def speak(self, utc_s: float) -> Sequence[Message]:
        return [Message("post", WHOLE)]


def node(*orders: str, seed: int = 0, own: Sequence[str] = ()) -> FaultySpeaker:
    return FaultySpeaker(Herald(), FaultPlan(orders, seed), seed, own)


def heard(speaker: Speaker, utc_s: float = 0) -> list[bytes]:
    return [message.payload for message in speaker.speak(utc_s)]


def test_node_without_order_is_heard_as_it_speaks() -> None:
    assert heard(node()) == [WHOLE]


def test_silent_node() -> None:
    assert heard(node("silence")) == []


def test_node_that_lost_its_radio_is_away_for_a_while() -> None:
    one = node("unplug*1")
    assert heard(one, 100) == heard(one, 100 + AWAY_S - 1) == []
    assert heard(one, 100 + AWAY_S) == [WHOLE]


@given(st.integers(0, 1000))
def test_damaged_words_of_a_node(seed: int) -> None:
    (cut,) = heard(node("truncate", seed=seed))
    assert WHOLE.startswith(cut)
    assert cut != WHOLE
    (flipped,) = heard(node("flip", seed=seed))
    changed = int.from_bytes(flipped, "big") ^ int.from_bytes(WHOLE, "big")
    assert len(flipped) == len(WHOLE)
    assert changed.bit_count() == 1
    (junk,) = heard(node("garbage", seed=seed))
    assert junk != WHOLE


def test_node_is_heard_twice_or_late() -> None:
    assert heard(node("duplicate")) == [WHOLE, WHOLE]
    one = node("late*1")
    assert heard(one, 100) == []
    assert heard(one, 100 + LATE_S) == [WHOLE, WHOLE]


def test_a_fault_that_a_node_shows_itself_is_not_shown_twice() -> None:
    assert heard(node("duplicate", own=("duplicate",))) == [WHOLE]


HEARD = [kind for kind in registry.kinds() if registry.listened(kind) is not None]


@pytest.mark.parametrize("kind", HEARD)
@pytest.mark.parametrize("name", SPOKEN)
def test_every_node_knows_the_faults_of_nodes_by_seed(kind: str, name: str) -> None:
    def told(*orders: str) -> list[list[bytes]]:
        one = registry.speaker(kind, seed=5, faults=orders)
        return [heard(one, 1_779_969_600 + 10 * n) for n in range(100)]

    assert told(f"{name}:0.1") == told(f"{name}:0.1")
    assert told(f"{name}:0.1") != told()
