"""Values as an instrument gave them, made fit for their channels: a bad value costs itself only."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from fieldstation.batch.limits import LIMITS
from fieldstation.model import Channel, Kind, Layout, Value

_INT64 = 2**63


def fit(layout: Layout, values: Mapping[str, Value]) -> tuple[tuple[Value, ...], list[str]]:
    """The row in column order, and the names of channels whose value could not be kept and became
    None. Raises ValueError for a name that the layout lacks.
    """
    row = layout.row(values)
    fitted = tuple(map(_fit, layout.channels, row))
    unfit = [
        channel.name
        for channel, before, after in zip(layout.channels, row, fitted, strict=True)
        if before is not None and after is None
    ]
    return fitted, unfit


def _fit(channel: Channel, value: Value) -> Value:
    if value is None:
        return None
    if isinstance(value, str):
        return value if channel.kind in (Kind.TEXT, Kind.ENUM) and _storable(value) else None
    if (isinstance(value, int) and abs(value) >= _INT64) or not isfinite(value):
        return None
    match channel.kind:
        case Kind.NUMBER:
            return float(value)
        case Kind.FLAG:
            return bool(value) if value in (0, 1) else None
        case Kind.INTEGER | Kind.ENUM:
            whole = int(value)
            return whole if whole == value and abs(whole) < _INT64 else None
        case _:
            return None


def _storable(text: str) -> bool:
    """False for what UTF-8 cannot write (half of a surrogate pair) and what is over the limit."""
    return len(text) <= LIMITS.text and not any("\ud800" <= letter <= "\udfff" for letter in text)
