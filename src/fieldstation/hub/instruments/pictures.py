"""Which pictures fit an instrument, read off its channel table alone.

1. Channels named alike but for one number, at least four, counted from 0 or 1 without a hole, of
   one unit, are a group: cells of a battery, inputs of a meter
   (test_numbered_channels_are_one_picture). One group is drawn for every unit.
2. A group whose labels tell spans that follow one another ("0.35 to 0.46 µm", "0.46 to 0.66 µm") is
   a histogram; any other group is bars side by side (test_spans_in_labels_make_a_histogram).
3. Power from the sun together with a battery is a flow of energy, with load and grid where there
   are channels for them (test_a_charge_controller_has_no_grid). A battery without its own power
   has voltage times current; charging is positive.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from fieldstation.hub.instruments.words import decimals_shown
from fieldstation.model import Channel

LEAST_IN_A_GROUP = 4
_NUMBERED = re.compile(r"(?P<head>[a-z][a-z0-9_]*?)_?(?P<number>[0-9]+)(?P<tail>(?:_[a-z0-9_]+)?)")
_SPAN = re.compile(r"(?P<what>.*?) ?(?P<low>[0-9.]+) to (?P<high>[0-9.]+) (?P<unit>\S+)")

# Names of power channels in watts by the side they belong to; of several patterns the first that
# matches anything counts.
_POWER = {
    "solar": (r"(?:pv|solar)[0-9]?_(?:charging_|input_)?power", r"array_power", r"input_power"),
    "battery": (r"battery_power",),
    "load": (r"load_power", r"(?:l2_)?ac_output_active_power"),
    "grid": (r"grid_power",),
}


def pictures(channels: Sequence[Channel]) -> list[dict[str, Any]]:
    """The pictures as plain data for the page's script, the most telling first."""
    return [*_flow(channels), *_groups(channels)]


def channels_of(picture: dict[str, Any]) -> set[str]:
    """Names of the channels that a picture shows."""
    if picture["form"] != "flow":
        return set(picture["channels"])
    return {name for side in picture["sides"] for key in SIDE_KEYS for name in side[key]}


SIDE_KEYS = ("power", "factors", "voltage")


def _groups(channels: Sequence[Channel]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str, str], list[tuple[int, Channel]]] = {}
    for channel in channels:
        match = _NUMBERED.fullmatch(channel.name)
        if match and channel.kind.numeric:
            key = match["head"], match["tail"], channel.unit
            found.setdefault(key, []).append((int(match["number"]), channel))
    drawn: dict[str, dict[str, Any]] = {}
    for (head, tail, unit), members in found.items():
        members.sort(key=lambda member: member[0])
        numbers = [number for number, _channel in members]
        whole = numbers[0] in (0, 1) and all(b - a == 1 for a, b in pairwise(numbers))
        if len(members) >= LEAST_IN_A_GROUP and whole:
            group = [channel for _number, channel in members]
            what = f"{head}{tail}".replace("_", " ").capitalize()
            picture = _histogram(group) or {"form": "bars", "title": what, "numbers": numbers}
            # Counts and concentrations of the same sizes are the same picture twice.
            shape = str(picture.get("edges", unit))
            drawn.setdefault(shape, picture | _common(group))
    return list(drawn.values())


def _common(group: Sequence[Channel]) -> dict[str, Any]:
    return {
        "channels": [channel.name for channel in group],
        "unit": group[0].unit,
        "kind": group[0].kind,
        "decimals": decimals_shown(group[0]),
    }


def _histogram(group: Sequence[Channel]) -> dict[str, Any] | None:
    spans = [_SPAN.fullmatch(channel.label) for channel in group]
    told = [span for span in spans if span]
    if len(told) < len(group) or any(a["high"] != b["low"] for a, b in pairwise(told)):
        return None
    edges = [told[0]["low"], *(span["high"] for span in told)]
    return {
        "form": "histogram",
        "title": told[0]["what"],
        "edges": edges,
        "edgeUnit": told[0]["unit"],
    }


def _flow(channels: Sequence[Channel]) -> Iterable[dict[str, Any]]:
    units = {channel.name: channel.unit for channel in channels}
    sides = [
        _side("solar", units, ("array_voltage", "array_current")),
        _side("grid", units, (), ("grid_voltage",)),
        _side("load", units),
        _side("battery", units, ("battery_voltage", "battery_current")),
    ]
    known = [side for side in sides if any(side[key] for key in SIDE_KEYS)]
    if {"solar", "battery"} <= {side["side"] for side in known}:
        yield {"form": "flow", "sides": known}


def _side(
    side: str,
    units: dict[str, str],
    factors: tuple[str, ...] = (),
    voltage: tuple[str, ...] = (),
) -> dict[str, Any]:
    power: list[str] = []
    for pattern in _POWER[side]:
        rule = re.compile(pattern)
        power = power or [name for name in units if units[name] == "W" and rule.fullmatch(name)]
    return {
        "side": side,
        "power": power,
        "factors": [*factors] if not power and units.keys() >= set(factors) else [],
        "voltage": [name for name in voltage if name in units],
    }
