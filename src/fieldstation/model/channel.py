"""A channel: one named quantity of an instrument. The only place where unit, range, label and
codes are written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Value = float | int | bool | str | None
"""What one channel holds at one instant; `None` says that the instrument gave no value. Never NaN,
never infinite.
"""

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


class Kind(StrEnum):
    """How a channel's values behave, which decides how they are stored, averaged and drawn."""

    NUMBER = "number"  # measured, may carry decimals
    INTEGER = "integer"  # counted or measured in whole steps
    FLAG = "flag"  # true or false
    ENUM = "enum"  # one of a few codes (integer or text), each with a label
    TEXT = "text"  # anything else: serial numbers, versions, raw bit strings

    @property
    def numeric(self) -> bool:
        """True when minimum, maximum and mean mean something."""
        return self in (Kind.NUMBER, Kind.INTEGER)


@dataclass(frozen=True, slots=True)
class Channel:
    """One row of a channel table. `low`/`high` are the plausible range in `unit`; values outside
    are kept and flagged.

    `decimals` is the finest step of the instrument (1 = 0.1). `codes` gives the labels of an ENUM.
    `headline` marks the few channels that a person wants to see first. `old_name` is the name in
    the project that this one replaces.
    """

    name: str
    kind: Kind
    unit: str = ""
    label: str = ""
    low: float | None = None
    high: float | None = None
    decimals: int = 0
    codes: Mapping[int | str, str] = field(default_factory=dict, hash=False)
    headline: bool = False
    old_name: str = ""

    def __post_init__(self) -> None:
        if not NAME.match(self.name):
            raise ValueError(
                f"channel name {self.name!r} is not snake_case of at most 63 characters"
            )

    def label_of(self, code: Value) -> str:
        """The label of an ENUM code; `unknown_<code>` for a code that the table does not know."""
        if code is None:
            return ""
        return self.codes.get(code if isinstance(code, str) else int(code)) or f"unknown_{code}"

    def as_json(self) -> dict[str, Any]:
        """The channel as plain data, fields at their default left out."""
        row: dict[str, Any] = {"name": self.name, "kind": self.kind.value}
        for key in ("unit", "label", "low", "high", "decimals", "headline", "old_name"):
            value = getattr(self, key)
            if value not in (None, "", 0, False) or (key in ("low", "high") and value is not None):
                row[key] = value
        if self.codes:
            row["codes"] = [[code, label] for code, label in self.codes.items()]
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Channel:
        """The channel written by `as_json`. Raises ValueError, TypeError or KeyError when the row
        is not of that form.
        """
        fields = dict(row)
        fields["kind"] = Kind(fields["kind"])
        fields["codes"] = dict(fields.get("codes", []))
        return cls(**fields)
