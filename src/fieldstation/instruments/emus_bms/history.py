"""The twin's past: the events and statistics that its unit remembers, made from seed and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fieldstation.instruments.chance import between
from fieldstation.instruments.emus_bms.codes import STATISTICS, Statistic
from fieldstation.instruments.emus_bms.pack import DAY_S, Pack

# The unit counts from 2000-01-01 (section 8).
EPOCH_UTC_S = 946_684_800
BUILT_UTC_S = 1_577_836_800  # 2020-01-01
DAYS_REMEMBERED = 12
# Charger connected, main charging, finished, disconnected, and when by the hour (section 7).
_DAY = ((22, 7.2), (26, 7.3), (28, 15.0), (23, 15.6))
PROTECTED = range(8)  # what clearing the statistics spares (section 14, point 9)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log: UTC seconds and code."""

    at_s: float
    code: int


def events(seed: int, utc_s: float) -> Iterator[Event]:
    """What the days before `utc_s` brought."""
    today = int(utc_s // DAY_S)
    for day in range(max(today - DAYS_REMEMBERED, 0), today + 1):
        for code, hour in _DAY:
            at_s = day * DAY_S + 3600 * hour + between(0, 600, seed, "event", day, code)
            if at_s <= utc_s:
                yield Event(at_s, code)


# A day of a pack of 360 Ah: charge in Ah and its time, energy follows from 13.2 V.
_A_DAY = {
    "total_discharge": 95.0,
    "total_charge": 97.0,
    "total_discharge_energy": 1254.0,
    "total_charge_energy": 1290.0,
    "total_discharge_time": 54_000.0,
    "total_charge_time": 29_000.0,
    "charger_connect_count": 1.0,
    "charger_disconnect_count": 1.0,
    "main_charge_stage_count": 1.0,
    "charging_finished_count": 0.8,
    "trip_count": 1.0,
}
# Extremes, in the units of the table; a voltage is per cell or of a string of four.
_EXTREMES = {
    "max_discharge_current": 84.5,
    "max_charge_current": 61.0,
    "min_cell_voltage": 2.98,
    "max_cell_voltage": 3.62,
    "max_cell_voltage_difference": 0.31,
    "min_pack_voltage": 12.11,
    "max_pack_voltage": 14.32,
    "min_cell_module_temperature": 3.0,
    "max_cell_module_temperature": 41.0,
    "max_cell_module_temperature_difference": 6.0,
    "min_cell_temperature": 4.0,
    "max_cell_temperature": 39.0,
    "max_cell_temperature_difference": 5.0,
}
# The lowest value in a packed difference, as the unit codes it: 2.98 V, 15 °C.
_LOWEST = {"V": 98, "degC": 115}


def statistic_lines(pack: Pack, seed: int, utc_s: float, cleared: bool) -> list[str]:
    """SS1 lines of all statistics, which began when the unit was built in, in 2020."""
    days = max(0.0, utc_s - BUILT_UTC_S) / DAY_S
    return [
        _line(number, row, pack, seed, days if number in PROTECTED or not cleared else 0.0)
        for number, row in STATISTICS.items()
    ]


def _line(number: int, row: Statistic, pack: Pack, seed: int, days: float) -> str:
    start = f"SS1,{number:02X}"
    if not days:
        return f"{start},,0000," if row.counted else f"{start},,,"
    at_s = BUILT_UTC_S - EPOCH_UTC_S + days * DAY_S * between(0.1, 0.9, seed, row.name, "when")
    time = f"{int(at_s):08X}" if row.timed else ""
    usual = int(between(0, 9, seed, row.name))
    value = _EXTREMES.get(row.name, _A_DAY.get(row.name, 0.0) * days or usual)
    raw = round(value * (row.over or 1)) - row.offset
    if row.counted:
        return f"{start},,{raw:04X},{time}"
    cell = int(between(0, pack.size.cells, seed, row.name, "cell"))
    if row.packed:
        low = _LOWEST[row.unit]
        return f"{start},{raw:02X},{cell << 16 | low + raw << 8 | low:08X},{time}"
    return f"{start},{raw:0{row.digits}X},{f'{cell:04X}' if row.cell else ''},{time}"
