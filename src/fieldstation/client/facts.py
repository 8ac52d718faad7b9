"""What the hub tells besides columns, as typed values. Fields that this release does not know are
left out, so a newer hub can say more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fieldstation.client.rows import moment, of

Cell = float | int | bool | str | None


@dataclass(frozen=True, slots=True)
class Channel:
    """One row of an instrument's channel table. `kind` is number, integer, flag, enum or text."""

    name: str
    kind: str
    unit: str = ""
    label: str = ""
    low: float | None = None
    high: float | None = None
    decimals: int = 0
    headline: bool = False
    codes: tuple[tuple[int | str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of each channel, and when it was read (UTC)."""

    values: dict[str, Cell] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hole:
    """`count` readings due from `first` to `last`, both included, that were not taken."""

    instrument: str
    cause: str
    state: str
    first: datetime
    last: datetime
    count: int


def channel_from(row: dict[str, Any]) -> Channel:
    """One channel of an answer."""
    codes = tuple((code, label) for code, label in row.get("codes", []))
    return of(Channel, row, codes=codes)


def latest_from(answer: dict[str, Any]) -> Latest:
    """The newest values of an answer."""
    times = {name: moment(text) for name, text in answer["times"].items()}
    return Latest(dict(answer["values"]), times)


def hole_from(row: dict[str, Any]) -> Hole:
    """One hole of an answer."""
    return of(Hole, row)
