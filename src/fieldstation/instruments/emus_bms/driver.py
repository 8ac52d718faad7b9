"""How to listen to an Emus BMS and ask it: who it is. What to poll is in `plan`.

1. The first sentence of a poll is always asked; the others only when the unit did not say them by
   itself since the poll's last turn (Emus BMS sheet, section 12).
   `test_a_broadcast_copy_is_as_good_as_the_reply`
2. Only questions are sent (`requests`), and none to a unit in its bootloader, or where the operator
   wants none. `test_a_unit_in_its_bootloader_is_left_alone`,
   `test_a_unit_that_is_not_asked_is_read_from_what_it_broadcasts`
3. No event is told twice, although a unit is asked anew who it is after each failure.
   `test_no_event_is_told_twice_to_one_driver`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fieldstation.errors import LinkTimeout
from fieldstation.instruments.emus_bms import channels, listening, readings
from fieldstation.instruments.emus_bms.asking import (
    NO_ANSWER,
    check_firmware,
    read,
    read_parameters,
)
from fieldstation.instruments.emus_bms.board import GREETING, Board, Told
from fieldstation.instruments.emus_bms.fields import Values
from fieldstation.instruments.emus_bms.plan import BATTERY, MOST_CELLS, PERIODIC, Plan
from fieldstation.instruments.emus_bms.zone import offset_of
from fieldstation.model import (
    Conversation,
    Driver,
    Exchange,
    Identity,
    Option,
    OptionValue,
    Poll,
    SerialLine,
    Value,
)

OPTIONS = (
    Option("distance", False, "also keep speed, distance and consumption (vehicles)"),
    Option("shunt_ohm", 0.0, "shunt of a cell module, for balancing currents; 0: none", 0, 1000),
    Option("per_cell_every", 6, "per-cell values in each so many-th poll", 1, 8640),
    Option("ask", True, "ask the unit; false: only listen to what it broadcasts"),
    Option(
        "clock_utc_offset",
        "",
        "how far the unit's clock is ahead of UTC, as +02:00; empty: times have no zone",
    ),
)


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
        self._offset = offset_of(str(self._values["clock_utc_offset"]))
        # So that no event is new again when a unit is asked anew who it is.
        self._told: dict[str, Told] = {}

    def configured(self, values: Mapping[str, OptionValue]) -> Driver:
        """The driver with these options."""
        return EmusDriver(values)

    def identify(self) -> Conversation[Identity]:
        """Who is there, what it says periodically, how many cells it has. A unit that is not asked
        has no serial number, unless it was heard to greet.

        Raises InstrumentRefused `bootloader` for a unit that waits for new firmware.
        """
        board = Board()
        facts = yield from (_asked(board) if self._values["ask"] else _heard(board))
        who = board.last.get(GREETING, {})
        facts |= {name: who[name] for name in ("hardware_type", "firmware_version") if who}
        serial = str(who.get("serial_number", ""))
        return Identity(self.kind, serial, who.get("hardware_type", ""), facts)

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """Polls for what the unit was heard to say; the battery is the first."""
        board = Board(self._told.setdefault(identity.serial, {}))
        return Plan(board, identity.facts, self._values, self._offset).polls()


def _asked(board: Board) -> Conversation[dict[str, Value]]:
    """The facts of a unit that answers. Raises LinkTimeout with the way out for one that speaks
    without answering.
    """
    try:
        yield from read(board, GREETING)
    except LinkTimeout as error:
        if not board.health["lines_ok"]:
            raise
        raise LinkTimeout(
            "the unit broadcasts but answers no question; check the wire to its receiver, or set"
            " ask = false to take what it broadcasts",
            error.partial,
        ) from error
    check_firmware(board)
    board.restarted = False  # we asked for this greeting
    for name in PERIODIC:
        try:
            yield from read(board, name, attempts=2)
        except NO_ANSWER:
            continue
    return _facts(board.last, (yield from read_parameters(board)))


def _heard(board: Board) -> Conversation[dict[str, Value]]:
    """The facts of a unit that is only listened to, from two bursts: the first may have been met in
    the middle.
    """
    for _ in range(2):
        yield from listening.listen(board, BATTERY[0])
        yield from listening.catch_up(board)
    check_firmware(board)
    return _facts(board.last, {})


def _facts(last: Mapping[str, Values], parameters: Mapping[str, Values]) -> dict[str, Value]:
    """What the unit says periodically, how it is set up, how many cells and CAN modules it has, and
    whether cells have sensors of their own.
    """
    facts: dict[str, Value] = {
        name: parameters.get(number, {}).get("parameter_value")
        for number, name in readings.PARAMETERS.items()
    }
    detected = last.get("BV1", {}).get("cell_count")
    modules = last.get("CG1", {}).get("can_cell_group_statuses", [])
    used = max((n + 1 for n, status in enumerate(modules) if status), default=0)
    return facts | {
        "sentences": " ".join(name for name in PERIODIC if name in last),
        "cell_count": min(int(detected or facts["cell_count_configured"] or 0), MOST_CELLS),
        "can_modules": int(facts["can_cell_group_module_count"] or used),
        "external_sensors": bool(last.get("BT3", {}).get("cell_temperature_data_available")),
    }


DRIVER: Driver = EmusDriver()
