"""Sentences that need more than a table of fields (Emus BMS sheet, section 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fieldstation.instruments.emus_bms import codes
from fieldstation.instruments.emus_bms.fields import (
    Values,
    decimal_number,
    hex_bytes,
    hex_number,
    label,
    timestamp,
)
from fieldstation.instruments.emus_bms.grammar import malformed
from fieldstation.instruments.emus_bms.parameters import describe
from fieldstation.instruments.emus_bms.sentences import DETAILS, Detail

Fields = Sequence[str]

BOOTLOADER = "boot"


def _need(fields: Fields, count: int) -> None:
    if len(fields) < count:
        raise malformed(f"{len(fields)} fields where {count} are needed", ",".join(fields))


def detail(of: Detail, fields: Fields) -> Values:
    """One group of cells; nulls when the unit cannot talk to the modules."""
    names = ("cell_string_number", "group_first_cell", "group_cell_count", of.list_name)
    if not fields[0]:
        return {of.available: False, **dict.fromkeys(names)}
    _need(fields, 4)
    string, first, count = (hex_number(text) for text in fields[:3])
    elements = hex_bytes(fields[3])
    if len(elements) != count:
        raise malformed(f"{len(elements)} values for a group of {count} cells", fields[3])
    cells = [of.element.scale(raw) for raw in elements]
    return {of.available: True, **dict(zip(names, (string, first, count, cells), strict=True))}


def version(fields: Fields) -> Values:
    """VR1: who the unit is."""
    _need(fields, 3)
    return {
        "hardware_type": fields[0],
        "serial_number": hex_number(fields[1]),
        "firmware_version": fields[2],
        "in_bootloader": fields[2] == BOOTLOADER,
    }


def can_devices(fields: Fields) -> Values:
    """CG1: current sensor, then status and cell count of each cell group module."""
    sensor, *rest = (hex_number(text) for text in fields)
    pairs = rest[1:]
    return {
        "can_current_sensor_status": sensor,
        "can_current_sensor_status_label": label(codes.CAN_DEVICE, sensor),
        "can_cell_group_statuses": pairs[0::2],
        "can_cell_group_cell_counts": pairs[1::2],
    }


def can_frame(fields: Fields) -> Values:
    """The five fields of CN1 and CN2."""
    _need(fields, 5)
    hex_bytes(fields[4])
    return {
        "can_id": hex_number(fields[0]),
        "can_extended": bool(hex_number(fields[1])),
        "can_remote": bool(hex_number(fields[2])),
        "can_dlc": decimal_number(fields[3]),
        "can_data": fields[4].upper(),
    }


def event(fields: Fields) -> Values:
    """LG1: one line of the event log, or that it is empty."""
    names = ("sequence", "code", "label", "parameter_raw", "time_raw", "time")
    if not fields[0]:
        return {"event_log_empty": True, **{f"event_{name}": None for name in names}}
    _need(fields, 4)
    code = hex_number(fields[1])
    found = (hex_number(fields[0]), code, label(codes.EVENT, code), fields[2].upper())
    values = zip(names, (*found, *timestamp(fields[3])), strict=True)
    return {"event_log_empty": False, **{f"event_{name}": value for name, value in values}}


def resets(fields: Fields) -> Values:
    """RS2: the last restarts, newest first."""
    pairs = zip(fields[0::2], fields[1::2], strict=False)
    return {"reset_history": [_reset(time, flags) for time, flags in pairs if time]}


def _reset(time: str, flags: str) -> Values:
    raw, at = timestamp(time)
    number = hex_number(flags)
    sources = [name for bit, name in codes.RESET_SOURCE.items() if number >> bit & 1]
    return {"time_raw": raw, "time": at, "flags_raw": number, "sources": sources}


_STATISTIC = ("name", "unit", "value", "cell", "low", "high", "time_raw", "time")


def statistic(fields: Fields) -> Values:
    """SS1: one statistic. Packed extremes that contradict their own difference are nulls
    (section 15, point 3).
    """
    number = hex_number(fields[0])
    values: Values = {"statistic_id": number, **{f"statistic_{name}": None for name in _STATISTIC}}
    row = codes.STATISTICS.get(number)
    if row is None:
        return values | {"statistic_name": f"unknown_{number}"}
    texts = [*fields[1:4], "", "", ""][:3]
    found = _counted(texts) if row.counted else _measured(row, texts)
    raw, at = timestamp(texts[2])
    found |= {"name": row.name, "unit": row.unit, "time_raw": raw, "time": at}
    return values | {f"statistic_{name}": value for name, value in found.items()}


def _counted(texts: Fields) -> Values:
    return {"value": hex_number(texts[1]) if texts[1] else None}


def _measured(row: codes.Statistic, texts: Fields) -> Values:
    raw = hex_number(texts[0]) if texts[0] else None
    values: Values = {"value": None if raw is None else _scaled(row, raw + row.offset)}
    if row.cell and texts[1]:
        values["cell"] = hex_number(texts[1])
    if row.packed and texts[1]:
        cells, low = divmod(hex_number(texts[1]), 256)
        cell, high = divmod(cells, 256)
        if high - low == raw:
            coded = (_scaled(row, part + row.packed_offset) for part in (low, high))
            values |= dict(zip(("low", "high"), coded, strict=True), cell=cell)
    return values


def _scaled(row: codes.Statistic, number: int) -> float | int:
    return number / row.over if row.over else number


def clock(fields: Fields) -> Values:
    """TD1: the unit's own clock, and seconds since it was powered."""
    _need(fields, 8)
    year, month, day, hour, minute, second = (decimal_number(text) for text in fields[:6])
    try:
        now = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # it has no zone
    except (ValueError, OverflowError) as error:
        raise malformed(f"an impossible date ({error})", ",".join(fields)) from error
    return {"device_time": now.isoformat(), "uptime": hex_number(fields[7])}


def parameter(fields: Fields) -> Values:
    """CF2: one parameter, with name, value and unit when the sheet lists it."""
    _need(fields, 2)
    hex_number(fields[0])
    raw = hex_number(fields[1])
    return {"parameter_id": fields[0].upper(), "parameter_raw": raw} | describe(fields[0], raw)


def access(fields: Fields) -> Values:
    """PW1 from the unit: the level of access, or that a login is needed."""
    asked = fields[0] == "?"
    return {"access_level": None if asked else hex_number(fields[0]), "login_required": asked}


def password_answer(fields: Fields) -> Values:
    """PW2 from the unit."""
    return {"password_set_ok": bool(hex_number(fields[0]))}


def _directed(way: str) -> Callable[[Fields], Values]:
    return lambda fields: {"can_direction": way, **can_frame(fields)}


def _detailed(of: Detail) -> Callable[[Fields], Values]:
    return lambda fields: detail(of, fields)


RECORDS: Mapping[str, Callable[[Fields], dict[str, Any]]] = {
    **{name: _detailed(of) for name, of in DETAILS.items()},
    "CF2": parameter,
    "CG1": can_devices,
    "CN1": _directed("received"),
    "CN2": _directed("sent"),
    "LG1": event,
    "PW1": access,
    "PW2": password_answer,
    "RS2": resets,
    "SS1": statistic,
    "TD1": clock,
    "VR1": version,
}
