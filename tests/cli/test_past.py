"""The demo's past: how it is cut, what it holds, and where it meets the present."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.batch.model import Batch
from fieldstation.cli import nodes, rehearsal, stage
from fieldstation.cli.orders import Orders
from fieldstation.cli.past import DAY_S, Asked, Overheard, Span, batches, boot_of
from fieldstation.hub.instruments import sections
from fieldstation.instruments import registry
from fieldstation.model import Driver, Value, acquainted
from fieldstation.transport.play import answers, play

NOON_S = 1_779_969_600  # 2026-05-28 12:00 UTC
HOURS = Span(NOON_S - 6 * 3600, NOON_S, NOON_S)


def told(batches: Iterator[Batch | None]) -> list[dict[str, Value]]:
    """Values of all readings, in order."""
    return [
        kept.reading.by_name() for batch in batches if batch is not None for kept in batch.readings
    ]


@given(st.integers(1, 400 * DAY_S))
def test_pieces_of_a_span_are_the_span_without_gap_or_overlap(length_s: int) -> None:
    span = Span(NOON_S - length_s, NOON_S, NOON_S)
    pieces = span.pieces()
    assert pieces[0].last == span.last
    assert pieces[-1].first == span.first
    assert all(newer.first == older.last for newer, older in itertools.pairwise(pieces))


def test_the_newest_day_comes_first() -> None:
    first, *_rest = rehearsal.span(2, NOON_S).pieces()
    assert (first.first, first.last) == (NOON_S - DAY_S, NOON_S)


@pytest.mark.slow
def test_every_instrument_has_a_past() -> None:
    orders, boot = Orders(), boot_of(HOURS, "a")
    asked = [Asked(one.name, one.twin, one.driver, HOURS, boot) for one in stage.cast(1, orders)]
    heard = [
        Overheard(kind, registry.speaker(kind, seed=1), node.listened, HOURS, boot)
        for kind in registry.kinds()
        if registry.listened(kind)
        for node in [nodes.Node(kind, kind, 1, ())]
    ]
    found = [batch for batch in batches([*asked, *heard], HOURS, boot) if batch]
    kinds = {kept.reading.layout.kind for batch in found for kept in batch.readings}
    assert kinds == set(registry.kinds())
    announced = {one.layout.id for batch in found for one in batch.announcements}
    assert announced >= {kept.reading.layout.id for one in found for kept in one.readings}
    sequences = [kept.sequence for batch in found for kept in batch.readings]
    assert sequences == list(range(1, len(sequences) + 1))


@pytest.mark.slow
def test_counters_go_on_where_the_past_ends() -> None:
    (charger,) = [one for one in stage.cast(1, Orders()) if one.kind == "tristar_mppt"]
    past = Span(NOON_S - 3 * DAY_S, NOON_S, NOON_S)
    before = told(
        batches([Asked("c", charger.twin, charger.driver, past, boot_of(past, "a"))], past, b"")
    )
    ah = [float(values["charge_ah_total"] or 0) for values in before if "charge_ah_total" in values]
    live = float(_now(charger.driver, charger)["charge_ah_total"] or 0)
    assert ah == sorted(ah)
    assert ah[0] < ah[-1] <= live < ah[-1] + 1


def _now(driver: Driver, player: stage.Player) -> dict[str, Value]:
    """All values of a unit, a minute after noon."""
    answer = answers(player.twin, lambda: NOON_S + 60.0)
    values: dict[str, Value] = {}
    for poll in driver.plan(play(acquainted(driver), answer)):
        values |= play(poll.converse(), answer)
    return values


@pytest.mark.slow
def test_a_counter_of_the_past_is_never_full() -> None:
    (air,) = [one for one in stage.cast(1, Orders()) if one.kind == "opc_n3"]
    script = Asked("a", air.twin_anew(), air.driver, HOURS, boot_of(HOURS, "a"))
    found = [one for one in told(batches([script], HOURS, b"")) if "saturated" in one]
    assert len(found) > 100
    assert not any(one["saturated"] or one["nothing_counted"] for one in found)
    assert all(4 < float(one["sampling_period"] or 0) < 20 for one in found)


@pytest.mark.parametrize("kind", ["axpert", "tristar_mppt", "emus_bms"])
def test_the_demo_has_every_state_that_is_drawn_day_by_day(kind: str) -> None:
    (one,) = [one for one in stage.cast(1, Orders()) if one.kind == kind]
    answer = answers(one.twin, lambda: NOON_S)
    plan = one.driver.plan(play(acquainted(one.driver), answer))
    shown = {channel.name for poll in plan for channel in poll.layout.channels}
    table = [channel for layout in registry.layouts(kind) for channel in layout.channels]
    assert {channel.name for channel in sections.timelines(table)} <= shown


@pytest.mark.parametrize(("order", "some"), [("silence:0.3", True), ("silence", False)])
def test_a_spoilt_past_has_gaps_and_no_end(order: str, some: bool) -> None:
    whole = _roof(Orders())
    spoilt = _roof(Orders([f"se521.{order}"]))
    assert bool(spoilt) is some
    assert len(spoilt) < len(whole)


def _roof(orders: Orders) -> list[dict[str, Value]]:
    (roof,) = [one for one in stage.cast(1, orders) if one.kind == "se521"]
    return told(
        batches([Asked("r", roof.twin, roof.driver, HOURS, boot_of(HOURS, "a"))], HOURS, b"")
    )


def test_told_to_stop_it_stops() -> None:
    ended = threading.Event()
    ended.set()
    assert rehearsal.live_through(stage.cast(1, Orders()), HOURS, ended)[0] == []


def test_faults_of_a_line_behind_an_adapter_are_the_adapters() -> None:
    faults = Orders(["garbage:0.1", "absent:0.1"])
    of = {one.kind: one.faults for one in stage.cast(1, faults)}
    assert of["axpert"] == ("garbage:0.1",)
    assert of["bh1745"] == ("absent:0.1",)
    assert of["opc_n3"] == ()
