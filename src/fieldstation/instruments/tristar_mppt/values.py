"""Decoded registers in the two shapes that others want: what is kept, and what the sheet prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fieldstation.instruments.tristar_mppt.channels import CHANNELS
from fieldstation.instruments.tristar_mppt.labels import BITS, SWITCHES
from fieldstation.model import Kind, Layout, Value

MASK = "_mask"
SWITCHED = "dip_switches"


def named(values: Mapping[str, Value]) -> dict[str, Value]:
    """Values by channel name, not rounded: a field of bits gives its names and its mask."""
    result: dict[str, Value] = {}
    for name, value in values.items():
        if name in BITS:
            result[name] = ", ".join(BITS[name].set_in(_mask(value)))
        elif name == SWITCHED:
            result[name] = " ".join(("OFF", "ON")[on] for on in switches(value))
        else:
            result[name] = value
        if name in BITS or name == SWITCHED:
            result[name + MASK] = value
    return result


def rounded(values: Mapping[str, Value]) -> dict[str, Value]:
    """Numbers at the decimals of their channels."""
    return {
        name: round(value, CHANNELS[name].decimals) if isinstance(value, float) else value
        for name, value in values.items()
    }


def kept(values: Mapping[str, Value], layout: Layout) -> dict[str, Value]:
    """The values of one layout, as readings hold them."""
    found = named(values)
    return rounded({name: found[name] for name in layout.names if name in found})


def shown(values: Mapping[str, Value]) -> dict[str, Any]:
    """Values in the types of section 9 of the TriStar MPPT sheet: bits as a list of names, codes
    as their names, switches as a list of flags.
    """
    return {name: _shown(name, value) for name, value in values.items()}


def _shown(name: str, value: Value) -> Any:
    if name in BITS:
        return BITS[name].set_in(_mask(value))
    if name == SWITCHED:
        return switches(value)
    channel = CHANNELS[name]
    return channel.label_of(value) if channel.kind is Kind.ENUM else value


def switches(mask: Value) -> list[bool]:
    """Settings switches 1 to 8 (section 8.3)."""
    return [bool(_mask(mask) >> at & 1) for at in range(SWITCHES)]


def registered(values: Mapping[str, Value]) -> dict[str, Value]:
    """Channel values as registers have them: masks under the name of their field, texts made from
    masks left out.
    """
    return {
        name.removesuffix(MASK): value
        for name, value in values.items()
        if name not in BITS and name != SWITCHED
    }


def _mask(value: Value) -> int:
    return int(value or 0)
