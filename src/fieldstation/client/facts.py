"""What the hub tells besides columns, as typed values. Fields that this release does not know are
left out, so a newer hub can say more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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
    return Channel(**_known(Channel, row | {"codes": codes}))


def latest_from(answer: dict[str, Any]) -> Latest:
    """The newest values of an answer."""
    times = {name: moment(text) for name, text in answer["times"].items()}
    return Latest(dict(answer["values"]), times)


def hole_from(row: dict[str, Any]) -> Hole:
    """One hole of an answer."""
    instants = {"first": moment(row["first"]), "last": moment(row["last"])}
    return Hole(**_known(Hole, row | instants))


def moment(text: str) -> datetime:
    """An instant of an answer, with its time zone."""
    return datetime.fromisoformat(text)


def _known(kind: type[Channel] | type[Hole], row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in kind.__dataclass_fields__}
