"""What to poll on one Emus BMS, made from what it told of itself.

A pack that has more cells than it had is asked anew who it is, so that each cell has its place
(`test_a_pack_that_grew_is_asked_anew`). What a unit says by itself is polled from any; what has to
be asked for only where asking is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fieldstation.errors import CodecError
from fieldstation.instruments.emus_bms import channels, listening, readings
from fieldstation.instruments.emus_bms.asking import (
    Converse,
    group,
    read,
    read_all,
    read_cells,
    read_parameters,
    read_statistics,
)
from fieldstation.instruments.emus_bms.board import GREETING, Board
from fieldstation.instruments.emus_bms.fields import Values
from fieldstation.instruments.emus_bms.zone import dated
from fieldstation.model import Conversation, Layout, OptionValue, Poll, Value

BATTERY = ("CV1", "BC1", "BV1", "BT1", "BT3", "BB1")
STATUS = ("ST1", "IN1", "OT1")
PERIODIC = (*BATTERY, *STATUS, "CS1", "DT1", "CG1", "TD1")

# One unit watches no more; a larger number was read wrongly.
MOST_CELLS = 254
# Polls at 10 s: what people set, and what counts for years.
HOUR = 360
# In parameter 1600: what passes on CAN is copied to the line (section 9).
TRACING = 1 << 14


@dataclass(frozen=True, slots=True)
class Plan:
    """The polls of one unit, around one board."""

    board: Board
    facts: Mapping[str, Value]
    options: Mapping[str, OptionValue]
    offset: timedelta | None

    def polls(self) -> Sequence[Poll]:
        """All that this unit can answer, or says by itself, the battery first."""
        said = [*self._said(), *(self._asked() if self.options["ask"] else ())]
        return [poll for poll in said if poll]

    def _said(self) -> Generator[Poll | None]:
        yield self._periodic(channels.BATTERY, BATTERY, 1, self._battery)
        yield self._periodic(channels.STATUS, STATUS, 1, readings.status)
        yield self._periodic(channels.CHARGER, ("CS1",), 3)
        yield self._periodic(channels.ENERGY, ("DT1",), 6)
        if self.options["distance"]:
            yield self._periodic(channels.DISTANCE, ("DT1",), 1)
        yield self._periodic(
            channels.can_layout(self._count("can_modules")), ("CG1",), 6, readings.can
        )
        yield self._periodic(channels.UNIT, ("TD1",), 6, self._with_health)
        if self._count("function_flags_0") & TRACING or not self.options["ask"]:
            yield Poll(channels.CAN_FRAMES, self._can_frames)

    def _asked(self) -> Generator[Poll | None]:
        for name in channels.DETAIL_LAYOUTS:
            if name != "BT4" or self.facts.get("external_sensors"):
                yield self._detail(name)
        yield Poll(channels.EVENTS, self._events, 6)
        yield Poll(channels.STATISTICS, self._statistics, HOUR)
        yield Poll(channels.RESETS, self._shaped(channels.RESETS, self._resets), HOUR)
        yield Poll(channels.SETUP, self._setup, HOUR)

    def _count(self, fact: str) -> int:
        return int(self.facts.get(fact) or 0)

    def _periodic(
        self,
        layout: Layout,
        names: Sequence[str],
        every: int,
        shape: Callable[[Values], Values] = dict,
    ) -> Poll | None:
        # A unit that has told nothing of itself is asked for everything.
        said = str(self.facts.get("sentences", " ".join(names))).split()
        known = [name for name in names if name in said]
        if not known:
            return None
        together = group if self.options["ask"] else listening.group
        return Poll(layout, self._shaped(layout, together(self.board, known), shape), every)

    def _shaped(
        self, layout: Layout, converse: Converse, shape: Callable[[Values], Values] = dict
    ) -> Converse:
        """A poll cut to the channels of its layout."""

        def shaped() -> Conversation[dict[str, Value]]:
            values = shape((yield from converse()))
            told = {name: values[name] for name in layout.names if name in values}
            return dated(told, self.offset)

        return shaped

    def _battery(self, values: Values) -> Values:
        """Raises CodecError `grown` for more cells than the plan has places for."""
        found, places = int(values.get("cell_count") or 0), self._count("cell_count")
        told = self.options["ask"] and "cell_count" in self.facts
        if told and places < found <= MOST_CELLS:
            raise CodecError(
                "grown", f"the unit now finds {found} cells, {places} before; it is asked anew"
            )
        return readings.battery(values)

    def _with_health(self, values: Values) -> Values:
        return dict.fromkeys(readings.HEALTH, 0) | values | self.board.health

    def _detail(self, name: str) -> Poll | None:
        cells = self._count("cell_count")
        if not cells:
            return None
        shunt_ohm = float(self.options["shunt_ohm"]) if name == "BB2" else 0.0
        layout = channels.cell_layout(name, cells, currents=shunt_ohm > 0)

        def converse() -> Conversation[dict[str, Value]]:
            lines = yield from read_cells(self.board, name, cells)
            values = readings.cells(name, lines, cells)
            if shunt_ohm:
                rates, volts = self.board.cells[name], self.board.cells["BV2"]
                values |= readings.balancing_currents(rates, volts, cells, shunt_ohm)
            return values

        return Poll(layout, converse, int(self.options["per_cell_every"]))

    def _events(self) -> Conversation[dict[str, Value]]:
        lines = yield from read_all(
            self.board, "LG1", lambda found: bool(found[-1]["event_log_empty"])
        )
        found = [dated(line, self.offset) for line in lines if not line["event_log_empty"]]
        return readings.events(found, self.board.untold(found))

    def _statistics(self) -> Conversation[dict[str, Value]]:
        lines = yield from read_statistics(self.board)
        return dated(readings.statistics(lines), self.offset)

    def _can_frames(self) -> Conversation[dict[str, Value]]:
        """Nothing is asked: it is what the other polls heard meanwhile."""
        yield from ()
        return readings.can_frames(*self.board.take_frames())

    def _setup(self) -> Conversation[dict[str, Value]]:
        version = yield from read(self.board, GREETING)
        self.board.restarted = False  # we asked for this greeting
        return readings.setup(version, (yield from read_parameters(self.board)))

    def _resets(self) -> Conversation[dict[str, Value]]:
        return readings.resets((yield from read(self.board, "RS2")))
