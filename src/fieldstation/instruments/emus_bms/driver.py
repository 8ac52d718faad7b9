"""How to listen to an Emus BMS and ask it: who it is, and what to poll.

1. The first sentence of a poll is always asked; the others only when the unit did not say them by
   itself since the poll's last turn (Emus BMS sheet, section 12).
   `test_a_broadcast_copy_is_as_good_as_the_reply`
2. Only questions are sent (`requests`), and none to a unit in its bootloader.
   `test_a_unit_in_its_bootloader_is_left_alone`
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fieldstation.instruments.emus_bms import channels, readings
from fieldstation.instruments.emus_bms.asking import (
    NO_ANSWER,
    Converse,
    check_firmware,
    group,
    read,
    read_all,
    read_cells,
    read_parameter,
)
from fieldstation.instruments.emus_bms.board import GREETING, Board
from fieldstation.instruments.emus_bms.fields import Values
from fieldstation.model import (
    Conversation,
    Driver,
    Exchange,
    Identity,
    Layout,
    Option,
    OptionValue,
    Poll,
    SerialLine,
    Value,
)

BATTERY = ("CV1", "BC1", "BV1", "BT1", "BT3", "BB1")
STATUS = ("ST1", "IN1", "OT1")
PERIODIC = (*BATTERY, *STATUS, "CS1", "DT1", "CG1", "TD1")

# Parameters of section 9 that say how the unit is set up, and the fact each becomes.
_SETUP = {
    "0100": "cell_count_configured",
    "0013": "cell_string_count",
    "0C05": "can_cell_group_module_count",
    "0010": "display_period_active",
    "0111": "display_period_sleep",
    "1600": "function_flags_0",
}

OPTIONS = (
    Option("distance", False, "also keep speed, distance and consumption (vehicles)"),
    Option("shunt_ohm", 0.0, "shunt of a cell module, for balancing currents; 0: none", 0, 1000),
    Option("per_cell_every", 6, "per-cell values in each so many-th poll", 1, 8640),
)


def _shaped(
    layout: Layout, converse: Converse, shape: Callable[[Values], Values] = dict
) -> Converse:
    """A poll cut to the channels of its layout."""

    def shaped() -> Conversation[dict[str, Value]]:
        values = shape((yield from converse()))
        return {name: values[name] for name in layout.names if name in values}

    return shaped


@dataclass(frozen=True, slots=True)
class _Plan:
    """The polls of one unit, around one board."""

    board: Board
    facts: Mapping[str, Value]
    options: Mapping[str, OptionValue]

    def polls(self) -> Sequence[Poll]:
        """All that this unit can answer, the battery first."""
        return [poll for poll in self._candidates() if poll]

    def _candidates(self) -> Generator[Poll | None]:
        yield self._periodic(channels.BATTERY, BATTERY, 1, readings.battery)
        yield self._periodic(channels.STATUS, STATUS, 1, readings.status)
        yield self._periodic(channels.CHARGER, ("CS1",), 3)
        yield self._periodic(channels.ENERGY, ("DT1",), 6)
        if self.options["distance"]:
            yield self._periodic(channels.DISTANCE, ("DT1",), 1)
        yield self._periodic(
            channels.can_layout(self._count("can_modules")), ("CG1",), 6, readings.can
        )
        yield self._periodic(channels.UNIT, ("TD1",), 6, self._with_health)
        for name in channels.DETAIL_LAYOUTS:
            if name != "BT4" or self.facts.get("external_sensors"):
                yield self._detail(name)
        yield Poll(channels.EVENTS, self._events, 6)
        yield Poll(channels.STATISTICS, self._statistics, 360)
        yield Poll(channels.RESETS, _shaped(channels.RESETS, self._resets), 360)

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
        return (
            Poll(layout, _shaped(layout, group(self.board, known), shape), every) if known else None
        )

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
        found = [line for line in lines if not line["event_log_empty"]]
        return readings.events(found, self.board.untold(found))

    def _statistics(self) -> Conversation[dict[str, Value]]:
        return readings.statistics((yield from read_all(self.board, "SS1", lambda found: False)))

    def _resets(self) -> Conversation[dict[str, Value]]:
        return readings.resets((yield from read(self.board, "RS2")))


class EmusDriver:
    """See `fieldstation.model.Driver` and `Tunable`."""

    kind = channels.KIND
    default_every_s = 10.0
    line = SerialLine(57600)
    # Replies say what they are, so that no late one can pass for another.
    resync: Exchange[Any] | None = None
    options: Sequence[Option] = OPTIONS

    def __init__(self, values: Mapping[str, OptionValue] | None = None) -> None:
        self._values = values or {option.name: option.default for option in OPTIONS}

    def configured(self, values: Mapping[str, OptionValue]) -> Driver:
        """The driver with these options."""
        return EmusDriver(values)

    def identify(self) -> Conversation[Identity]:
        """Who is there, what it says periodically, how many cells it has.

        Raises InstrumentRefused `bootloader` for a unit that waits for new firmware.
        """
        board = Board()
        who = yield from read(board, GREETING)
        check_firmware(board)
        board.restarted = False  # we asked for this greeting
        for name in PERIODIC:
            try:
                yield from read(board, name, attempts=2)
            except NO_ANSWER:
                continue
        facts = _facts(board.last)
        for number, fact in _SETUP.items():
            found = yield from read_parameter(board, number)
            facts[fact] = found.get("parameter_value")
        facts |= _sizes(board.last, facts)
        facts |= {name: who[name] for name in ("hardware_type", "firmware_version")}
        return Identity(self.kind, str(who["serial_number"]), who["hardware_type"], facts)

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """Polls for what the unit was heard to say; the battery is the first."""
        return _Plan(Board(), identity.facts, self._values).polls()


def _facts(last: Mapping[str, Values]) -> dict[str, Value]:
    return {"sentences": " ".join(name for name in PERIODIC if name in last)}


def _sizes(last: Mapping[str, Values], facts: Mapping[str, Value]) -> dict[str, Value]:
    """How many cells and CAN modules, and whether cells have sensors of their own."""
    detected = last.get("BV1", {}).get("cell_count")
    modules = last.get("CG1", {}).get("can_cell_group_statuses", [])
    used = max((n + 1 for n, status in enumerate(modules) if status), default=0)
    return {
        "cell_count": min(int(detected or facts["cell_count_configured"] or 0), 254),
        "can_modules": int(facts["can_cell_group_module_count"] or used),
        "external_sensors": bool(last.get("BT3", {}).get("cell_temperature_data_available")),
    }


DRIVER: Driver = EmusDriver()
