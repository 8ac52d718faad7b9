"""Which sections an instrument's page gets, from its channel table alone; no server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.hub.instruments import sections
from fieldstation.hub.instruments.trouble import DANGER
from fieldstation.instruments import registry
from fieldstation.model import Channel, Kind


def table(kind: str) -> list[Channel]:
    return list({c.name: c for layout in registry.layouts(kind) for c in layout.channels}.values())


def flags(*names: str) -> list[Channel]:
    return [Channel(name, Kind.FLAG) for name in names]


def test_flags_of_one_word_stand_together() -> None:
    found = sections.lamps("stranger", flags("gate_one_open", "lit", "gate_one_shut", "gate_one_a"))
    assert [(group.title, [lamp.label for lamp in group.lamps]) for group in found] == [
        ("Gate one", ["Open", "Shut", "A"]),
        ("", ["Lit"]),
    ]


def test_two_flags_are_no_group() -> None:
    assert [group.title for group in sections.lamps("stranger", flags("in_a", "in_b"))] == [""]


def test_lamps_with_the_same_label_are_called_by_their_names() -> None:
    twice = [Channel(name, Kind.FLAG, label="Every cell answered") for name in ("warm_all", "all")]
    [group] = sections.lamps("stranger", twice)
    assert [lamp.label for lamp in group.lamps] == ["Warm all", "All"]


def test_a_battery_shows_pins_inputs_outputs_and_protections() -> None:
    found = {group.title: group.lamps for group in sections.lamps("emus_bms", table("emus_bms"))}
    assert {"Pin", "Input", "Output", "Protection", "Power reduction"} <= found.keys()
    assert {lamp.level for lamp in found["Protection"]} == {DANGER}
    assert {lamp.level for lamp in found["Pin"]} == {""}


def test_a_setting_is_no_lamp() -> None:
    channels = table("axpert")
    lamps = {lamp.channel.name for g in sections.lamps("axpert", channels) for lamp in g.lamps}
    set_by_people = {channel.name for channel in sections.settings("axpert", channels)}
    assert {"buzzer", "battery_float_voltage"} <= set_by_people
    assert "load_on" in lamps
    assert not lamps & set_by_people


def test_what_is_counted_each_day_is_of_today() -> None:
    names = {channel.name for channel in sections.of_today(table("tristar_mppt"))}
    assert {"daily_charge_wh", "daily_battery_voltage_max", "daily_faults"} <= names
    assert "daily_faults_mask" not in names
    assert [c.name for c in sections.of_today(table("axpert"))] == [
        "pv_energy_day",
        "load_energy_day",
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("tristar_mppt", ["charge_state"]),
        ("emus_bms", ["charging_stage"]),
        ("axpert", ["device_mode", "charge_stage"]),
        ("esp_node", []),
    ],
)
def test_headline_states_are_drawn_day_by_day(kind: str, expected: list[str]) -> None:
    assert [channel.name for channel in sections.timelines(table(kind))] == expected


def test_a_unit_of_few_numbers_shows_all_that_it_measured() -> None:
    channels = [Channel(name, Kind.NUMBER, "K") for name in ("a", "b", "c")]
    found = sections.tiles(channels[:1], channels, {"a": None, "b": 2.0, "c": None})
    assert [channel.name for channel in found] == ["a", "b"]
    many = [Channel(f"n{i}", Kind.NUMBER, "K") for i in range(sections.MOST_TILES + 1)]
    assert sections.tiles(many[:2], many, {c.name: 1.0 for c in many}) == many[:2]


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
TABLES = st.lists(
    st.builds(Channel, NAMES, st.sampled_from(Kind), st.just(""), st.text(max_size=20)),
    max_size=30,
    unique_by=lambda channel: channel.name,
)


@given(TABLES)
def test_every_flag_of_any_table_is_exactly_one_lamp(channels: list[Channel]) -> None:
    shown = [lamp.channel for g in sections.lamps("stranger", channels) for lamp in g.lamps]
    every = [channel for channel in channels if channel.kind is Kind.FLAG]
    assert sorted(c.name for c in shown) == sorted(c.name for c in every)
