"""Who sits on which port, so that no two instruments answer for one another.

A port belongs to one instrument. Units of a bus share one when their drivers take the option
`unit`, each has a number of its own there, and the line is set alike for all.
"""

from __future__ import annotations

from dataclasses import dataclass

from fieldstation.model import Line, OptionValue
from fieldstation.station.places import seat_of

UNIT = "unit"
"""The option by which a driver says that several of its units may share a line."""


@dataclass(frozen=True, slots=True)
class _Sitting:
    name: str
    line: Line
    unit: OptionValue | None


class Seats:
    """The ports of a configuration, taken one after the other."""

    def __init__(self) -> None:
        self._taken: dict[str, list[_Sitting]] = {}

    def fault(
        self, name: str, port: str, line: Line, unit: OptionValue | None, serial: str = ""
    ) -> str | None:
        """Take a seat for the instrument `name`; what is wrong with that, as a sentence."""
        neighbours = self._taken.setdefault(seat_of(port, line, serial), [])
        mine = _Sitting(name, line, unit)
        fault = next(filter(None, (_clash(mine, other) for other in neighbours)), None)
        neighbours.append(mine)
        return fault


def _clash(one: _Sitting, other: _Sitting) -> str | None:
    both = f"[instrument.{one.name}] has the port of [instrument.{other.name}]"
    if one.unit is None or other.unit is None:
        return f"{both}; a port belongs to one instrument"
    if one.unit == other.unit:
        return f"{both} and its unit number {one.unit}; each unit on a bus needs one of its own"
    if one.line != other.line:
        return f"{both} and other line settings; baud, parity and bits are those of the whole bus"
    return None
