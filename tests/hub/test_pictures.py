"""Which pictures an instrument gets, from its channel table alone; no server."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.hub.instruments.pictures import channels_of, pictures
from fieldstation.instruments import registry
from fieldstation.model import Channel, Kind


def of_kind(kind: str) -> list[dict[str, Any]]:
    union = {c.name: c for layout in registry.layouts(kind) for c in layout.channels}
    return pictures(list(union.values()))


def numbered(*numbers: int, unit: str = "V", kind: Kind = Kind.NUMBER) -> list[Channel]:
    return [Channel(f"cell_voltage_{n}", kind, unit, f"Cell {n} voltage") for n in numbers]


def test_numbered_channels_are_one_picture() -> None:
    [picture] = pictures([*numbered(2, 0, 1, 3), Channel("voltage", Kind.NUMBER, "V")])
    assert picture["form"] == "bars"
    assert picture["title"] == "Cell voltage"
    assert picture["numbers"] == [0, 1, 2, 3]
    assert picture["channels"] == [f"cell_voltage_{n}" for n in range(4)]


@pytest.mark.parametrize(
    "channels",
    [
        numbered(1, 2, 3),
        numbered(1, 3, 5, 7),
        numbered(4, 5, 6, 7),
        numbered(1, 2, 3, 4, kind=Kind.FLAG),
        [*numbered(1, 2), *numbered(3, 4, unit="mV")],
    ],
)
def test_what_is_few_or_full_of_holes_is_no_group(channels: list[Channel]) -> None:
    assert pictures(channels) == []


def test_spans_in_labels_make_a_histogram() -> None:
    def table(*edges: str) -> list[Channel]:
        spans = list(itertools.pairwise(edges))
        return [
            Channel(f"bin_{i}_count", Kind.INTEGER, "", f"Count {a} to {b} µm")
            for i, (a, b) in enumerate(spans)
        ]

    [picture] = pictures(table("0.35", "0.46", "1", "2.5", "10"))
    assert (picture["form"], picture["title"], picture["edgeUnit"]) == ("histogram", "Count", "µm")
    assert picture["edges"] == ["0.35", "0.46", "1", "2.5", "10"]
    broken = table("1", "2", "3", "4", "5")
    broken[2] = Channel("bin_2_count", Kind.INTEGER, "", "Count 7 to 8 µm")
    assert [one["form"] for one in pictures(broken)] == ["bars"]


def test_every_kind_gets_the_pictures_that_fit_it() -> None:
    forms = {kind: [one["form"] for one in of_kind(kind)] for kind in registry.kinds()}
    assert (
        forms.items()
        >= {
            "axpert": ["flow"],
            "bh1745": [],
            "emus_bms": ["bars"] * 4,
            "esp_node": [],
            "json_node": [],
            "opc_n3": ["histogram"],
            "se521": ["bars"],
            "si7020": [],
            "tristar_mppt": ["flow"],
            "veml7700": [],
        }.items()
    )
    assert [one["unit"] for one in of_kind("emus_bms")] == ["V", "°C", "%", "A"]
    [sizes] = of_kind("opc_n3")
    assert (len(sizes["channels"]), sizes["edges"][0], sizes["edges"][-1]) == (24, "0.35", "40")


def sides(kind: str) -> dict[str, Any]:
    [flow] = of_kind(kind)
    return {side["side"]: side for side in flow["sides"]}


def test_an_inverter_shows_all_four_sides() -> None:
    found = sides("axpert")
    assert set(found) == {"solar", "grid", "load", "battery"}
    assert found["solar"]["power"][0] == "pv1_charging_power"
    assert "pv_total_charging_power" not in found["solar"]["power"]
    assert found["battery"]["power"] == ["battery_power"]
    assert found["grid"]["voltage"] == ["grid_voltage"]


def test_a_charge_controller_has_no_grid() -> None:
    found = sides("tristar_mppt")
    assert set(found) == {"solar", "battery"}
    assert found["solar"]["power"] == ["input_power"]
    assert found["battery"]["factors"] == ["battery_voltage", "battery_current"]


def test_a_battery_alone_is_no_flow() -> None:
    assert pictures([Channel("battery_power", Kind.NUMBER, "W")]) == []


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
CHANNELS = st.builds(
    Channel, NAMES, st.sampled_from(Kind), st.sampled_from(["", "V", "W"]), st.text(max_size=20)
)


@given(st.lists(CHANNELS, max_size=30, unique_by=lambda channel: channel.name))
def test_any_table_gives_pictures_of_its_own_channels(channels: list[Channel]) -> None:
    for picture in pictures(channels):
        assert channels_of(picture) <= {channel.name for channel in channels}


def test_every_instrument_has_a_title_and_a_stranger_its_kind() -> None:
    titles = [registry.title(kind) for kind in registry.kinds()]
    assert len(set(titles)) == len(titles)
    for kind, title in zip(registry.kinds(), titles, strict=True):
        assert title != kind.replace("_", " ").capitalize(), kind
    assert registry.title("water_meter") == "Water meter"
