"""Decoded sentences turned into the values that are kept (Emus BMS sheet, section 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set

from fieldstation.instruments.emus_bms import channels, codes
from fieldstation.instruments.emus_bms.board import GREETING, Board, cells_in
from fieldstation.instruments.emus_bms.fields import Values
from fieldstation.instruments.emus_bms.sentences import DETAILS
from fieldstation.model import Layout, Value

HEALTH = tuple(name for name in channels.UNIT.names if name not in ("device_time", "uptime"))
# Section 11: pack voltage and cells should agree within this share.
AGREEMENT = 0.02
# So that the text stays below 4096 characters.
MOST_TOLD = 50
_PROTECTION_BITS = sum(1 << bit for bit in codes.PROTECTION)


def battery(values: Values) -> Values:
    """With power, spread, and whether pack and cells agree."""
    volts, amperes = values.get("pack_voltage"), values.get("pack_current")
    low, high = values.get("cell_voltage_min"), values.get("cell_voltage_max")
    cells = values.get("cells_total_voltage")
    found: Values = {}
    if volts is not None and amperes is not None:
        found["pack_power"] = round(volts * amperes, 2)
    if low is not None and high is not None:
        found["cell_voltage_spread"] = round(high - low, 2)
    if volts is not None and cells is not None:
        found["pack_voltage_agrees"] = abs(volts - cells) <= AGREEMENT * volts
    return values | found


def status(values: Values) -> Values:
    """With whether a protection is tripped that no table names."""
    raw = values.get("protection_flags_raw")
    if raw is None:
        return values
    return values | {"protection_unknown": bool(raw & ~_PROTECTION_BITS)}


def can(values: Values) -> Values:
    """The lists of CG1 as a channel per module."""
    found: Values = {"can_current_sensor_status": values["can_current_sensor_status"]}
    for word, name in (("status", "statuses"), ("cell_count", "cell_counts")):
        for n, value in enumerate(values[f"can_cell_group_{name}"]):
            found[f"can_cell_group_{n}_{word}"] = value
    return found


def _by_cell(name: str, lines: Sequence[Values]) -> dict[int, Value]:
    return {n: value for line in lines for n, value in cells_in(name, line).items()}


def cells_complete(name: str, lines: Sequence[Values], cells: int) -> bool:
    """True when nothing more is to come: every cell spoke, or the unit cannot reach its cells."""
    if not lines[-1][DETAILS[name].available]:
        return True
    return _by_cell(name, lines).keys() >= set(range(cells))


def cells(name: str, lines: Sequence[Values], count: int) -> dict[str, Value]:
    """One value per cell of a per-cell reply, nothing for a cell that did not speak."""
    found = _by_cell(name, lines)
    known = {n: found[n] for n in range(count) if n in found}
    values: dict[str, Value] = {f"{DETAILS[name].channel}_{n}": value for n, value in known.items()}
    return {f"{channels.DETAIL_LAYOUTS[name]}_complete": len(known) == count, **values}


def balancing_currents(
    rates: Mapping[int, Value], volts: Mapping[int, Value], cells: int, shunt_ohm: float
) -> dict[str, Value]:
    """Current in A through each cell's shunt: voltage / resistance * rate (section 6, BB1)."""
    found: dict[str, Value] = {}
    for n in range(cells):
        rate, volt = rates.get(n), volts.get(n)
        if rate is not None and volt is not None:
            amperes = float(volt) / shunt_ohm * float(rate) / 100
            found[f"cell_balancing_current_{n}"] = round(amperes, 4)
    return found


def events(log: Sequence[Values], new: Sequence[Values]) -> dict[str, Value]:
    """The size of the log, its newest event, and the new ones in one text."""
    newest = min(log, key=lambda event: int(event["event_sequence"]), default={})
    values: dict[str, Value] = {"event_count": len(log), "new_events": _told(new)}
    for name in ("event_code", "event_time", "event_parameter_raw"):
        values[name] = newest.get(name)
    return values


def _told(events: Sequence[Values]) -> str:
    told = (filter(None, (event["event_time"], event["event_label"])) for event in events)
    return "; ".join(" ".join(words) for words in list(told)[-MOST_TOLD:])


def statistics(lines: Sequence[Values]) -> dict[str, Value]:
    """All statistics that the layout has a channel for."""
    values: dict[str, Value] = {}
    for line in lines:
        name = f"stat_{line['statistic_name']}"
        parts = {f"{name}_{part}": line[f"statistic_{part}"] for part in _PARTS}
        values |= {name: line["statistic_value"]} | parts
    return {name: values[name] for name in channels.STATISTICS.names if name in values}


_PARTS = ("cell", "low", "high", "time")


def can_frames(count: int, frames: Sequence[Values]) -> dict[str, Value]:
    """What the unit saw on CAN: the number of frames, and the newest of them in one text."""
    return {"can_frame_count": count, "can_frames": "; ".join(map(_frame, frames))}


def _frame(frame: Values) -> str:
    """Direction, id (three digits for a standard one, which has 11 bits), data."""
    number = frame["can_id"]
    shown = f"{number:08X}" if frame["can_extended"] else f"{number & 0x7FF:03X}"
    remote = "remote" if frame["can_remote"] else ""
    return " ".join(filter(None, (frame["can_direction"], shown, remote, frame["can_data"])))


def setup(version: Values, parameters: Mapping[str, Values]) -> dict[str, Value]:
    """Who the unit is, and its parameters by id as the channels that they become."""
    values = {name: version[name] for name in channels.SETUP.names if name in version}
    for number, name in PARAMETERS.items():
        value = parameters.get(number, {}).get("parameter_value")
        if value is not None:
            values[name] = value
    return values


PARAMETERS = {
    "0100": "cell_count_configured",
    "0013": "cell_string_count",
    "0102": "capacity",
    "0C05": "can_cell_group_module_count",
    "0010": "display_period_active",
    "0111": "display_period_sleep",
    "1600": "function_flags_0",
    "1604": "function_flags_1",
}
"""Parameters of section 9 that say how the unit is set up, and the fact each becomes."""


def resets(values: Values) -> dict[str, Value]:
    """The restarts that the unit remembers, newest first."""
    found: dict[str, Value] = {}
    for n, reset in enumerate(values["reset_history"][: channels.RECORDED_RESETS]):
        if reset["time"] or reset["sources"]:
            found[f"reset_{n}_time"] = reset["time"]
            found[f"reset_{n}_sources"] = " ".join(reset["sources"])
    return found


# --- what a captured line or poll tells, without the driver around it ---

_Decoded = Sequence[tuple[str, Values]]
_PLAIN: dict[str, tuple[str, Callable[[Values], Values]]] = {
    "battery": ("CV1 BC1 BV1 BT1 BT3 BB1", battery),
    "status": ("ST1 IN1 OT1", status),
    "charger": ("CS1", dict),
    "energy": ("DT1", dict),
    "distance": ("DT1", dict),
    "can": ("CG1", can),
    "unit": ("TD1", dict),
    "resets": ("RS2", resets),
}
_LISTS = {"events": "LG1", "statistics": "SS1", "can_frames": "CN1 CN2", "setup": "VR1 CF2"} | {
    layout: name for name, layout in channels.DETAIL_LAYOUTS.items()
}


def telling(sentences: Set[str], layout: str) -> list[Layout]:
    """The layout of that name; or, when none has it, those that these sentences tell about."""
    named = [found for found in channels.LAYOUTS if found.name == layout]
    return named or [found for found in channels.LAYOUTS if _sources(found.name) & sentences]


def _sources(layout: str) -> set[str]:
    return set(_PLAIN[layout][0].split()) if layout in _PLAIN else set(_LISTS[layout].split())


def kept(layout: Layout, decoded: _Decoded, board: Board) -> Iterator[tuple[str, Value]]:
    """Channels of `layout` that lines tell, the pack being that of the example."""
    values = _told_by(layout.name, decoded, board)
    return ((name, values[name]) for name in layout.names if name in values)


def _told_by(layout: str, decoded: _Decoded, board: Board) -> Values:
    lines = [values for name, values in decoded if name in _sources(layout)]
    if layout in _PLAIN:
        health = dict.fromkeys(HEALTH, 0) | board.health
        return health | _PLAIN[layout][1]({k: v for line in lines for k, v in line.items()})
    if layout == "events":
        log = [line for line in lines if not line["event_log_empty"]]
        return events(log, board.untold(log))
    if layout == "statistics":
        return statistics(lines)
    if layout == "can_frames":
        return can_frames(*board.take_frames())
    if layout == "setup":
        told = {line["parameter_id"]: line for line in lines if "parameter_id" in line}
        return setup(dict(decoded).get(GREETING, {}), told)
    count = channels.EXAMPLE_CELLS
    rates, volts = board.cells["BB2"], board.cells["BV2"]
    amperes = balancing_currents(rates, volts, count, channels.EXAMPLE_SHUNT_OHM)
    return cells(_LISTS[layout], lines, count) | amperes
