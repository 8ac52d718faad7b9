"""Every channel of an Emus BMS: the only place for its unit, range, label and codes.

Names are those of the Emus BMS sheet, section 11. Cells count from 0, as on the wire. How many
cells and CAN modules there are, the unit tells: `cell_layout` and `can_layout` make their tables.
"""

from __future__ import annotations

from fieldstation.instruments.emus_bms import codes
from fieldstation.model import Channel, Kind, Layout

KIND = "emus_bms"


def _n(
    name: str,
    label: str,
    unit: str,
    low: float,
    high: float,
    decimals: int = 2,
    *,
    headline: bool = False,
) -> Channel:
    return Channel(name, Kind.NUMBER, unit, label, low, high, decimals, headline=headline)


def _i(name: str, label: str, unit: str = "", low: float = 0, high: float | None = None) -> Channel:
    return Channel(name, Kind.INTEGER, unit, label, low, high)


def _f(name: str, label: str) -> Channel:
    return Channel(name, Kind.FLAG, label=label)


def _t(name: str, label: str) -> Channel:
    return Channel(name, Kind.TEXT, label=label)


def _e(name: str, label: str, labels: codes.Codes, *, headline: bool = False) -> Channel:
    return Channel(name, Kind.ENUM, label=label, codes=labels, headline=headline)


def _said(name: str) -> str:
    """A label that says what the name says."""
    return name.replace("_", " ").capitalize()


def _flags(names: dict[int, str]) -> tuple[Channel, ...]:
    return tuple(_f(name, _said(name)) for name in names.values())


def _cell_v(name: str, label: str, *, headline: bool = False) -> Channel:
    return _n(name, label, "V", 2.0, 4.55, headline=headline)


def _temperatures(what: str, label: str) -> tuple[Channel, ...]:
    return (
        _f(f"{what}_data_available", f"{label} known"),
        _i(f"{what}_cell_count", f"Cells with {label.lower()}", high=254),
        *(
            _i(f"{what}_{part}", f"{label}, {word}", "°C", -100, 155)
            for part, word in (("min", "lowest"), ("max", "highest"), ("avg", "mean"))
        ),
    )


BATTERY = Layout(
    KIND,
    "battery",
    (
        _n("pack_voltage", "Pack voltage", "V", 0, 1200, headline=True),
        _n(
            "pack_current",
            "Pack current, charging positive",
            "A",
            -3276.8,
            3276.7,
            1,
            headline=True,
        ),
        _n("pack_power", "Pack power, charging positive", "W", -500_000, 500_000),
        _n("state_of_charge", "State of charge", "%", -10, 110, headline=True),
        _n("remaining_capacity", "Remaining charge", "Ah", 0, 1_193_046, 4),
        _n("full_charge_capacity", "Full charge", "Ah", 0, 1_193_046, 4),
        _i("remaining_capacity_coulombs", "Remaining charge", "C"),
        _i("full_charge_capacity_coulombs", "Full charge", "C"),
        _f("cell_voltage_data_available", "Cell voltages known"),
        _i("cell_count", "Cells detected", high=254),
        _cell_v("cell_voltage_min", "Lowest cell voltage", headline=True),
        _cell_v("cell_voltage_max", "Highest cell voltage", headline=True),
        _cell_v("cell_voltage_avg", "Mean cell voltage"),
        _n("cell_voltage_spread", "Spread of cell voltages", "V", 0, 2.55),
        _n("cells_total_voltage", "Sum of one string's cells", "V", 0, 655),
        _f("pack_voltage_agrees", "Pack voltage and cells agree within 2 %"),
        *_temperatures("cell_module_temperature", "Cell module temperature"),
        *_temperatures("cell_temperature", "Cell temperature"),
        _f("balancing_data_available", "Balancing known"),
        _i("balancing_cell_count", "Cells with balancing", high=254),
        _n("balancing_rate_min", "Lowest balancing rate", "%", 0, 100, 3),
        _n("balancing_rate_max", "Highest balancing rate", "%", 0, 100, 3),
        _n("balancing_rate_avg", "Mean balancing rate", "%", 0, 100, 3),
        _cell_v("balancing_voltage_threshold", "Balancing starts at"),
    ),
)
STATUS = Layout(
    KIND,
    "status",
    (
        _e("charging_stage", "Charging stage", codes.CHARGING_STAGE, headline=True),
        _i("charging_stage_duration", "Time in this stage", "s"),
        _e("last_charging_error", "Last charging error", codes.CHARGING_ERROR),
        _i("last_charging_error_parameter", "Last charging error, parameter"),
        _i("battery_status_flags_raw", "Battery status bits"),
        *_flags(codes.BATTERY_STATUS),
        _i("protection_flags_raw", "Protection bits"),
        *_flags(codes.PROTECTION),
        _f("protection_unknown", "A protection that this program does not know"),
        _i("power_reduction_flags_raw", "Power reduction bits"),
        *_flags(codes.POWER_REDUCTION),
        _i("pin_status_flags_raw", "Pin status bits"),
        *_flags(codes.PIN_STATUS),
        *_flags(codes.INPUT_PINS),
        *_flags(codes.CHARGER_PIN),
        *_flags(codes.OUTPUT_PINS),
    ),
)
CHARGER = Layout(
    KIND,
    "charger",
    (
        _i("charger_count", "Chargers on CAN", high=255),
        _i("charger_can_status", "Charger status byte", high=255),
        _n("charger_voltage_setpoint", "Charger voltage, asked", "V", 0, 1200, 1),
        _n("charger_current_setpoint", "Charger current, asked", "A", 0, 3300, 1),
        _n("charger_voltage", "Charger voltage", "V", 0, 1200, 1),
        _n("charger_current", "Charger current", "A", 0, 3300, 1),
    ),
)
ENERGY = Layout(
    KIND,
    "energy",
    (
        _i("last_charge_energy", "Energy of the last charge", "Wh"),
        _i("last_discharge_energy", "Energy of the last discharge", "Wh"),
        _i("average_discharge_energy", "Mean energy of 20 discharges", "Wh"),
        _i("max_discharge_energy", "Largest energy of 20 discharges", "Wh"),
    ),
)
# The unit of distance is whatever parameter 0503 names; a symbol would be a guess.
DISTANCE = Layout(
    KIND,
    "distance",
    (
        _n("speed", "Speed, distance units per hour", "", 0, 6553.5, 1),
        _n("distance_since_charge", "Distance since the last charge", "", 0, 42_949_672),
        _n("momentary_consumption", "Consumption now, Wh per distance unit", "", 0, 1e6, 1),
        _n("distance_remaining", "Distance remaining", "", 0, 42_949_672),
        _n("last_trip_consumption", "Consumption, last trip", "", 0, 1e6, 1),
        _n("distance_remaining_last_trip", "Distance at the last trip's rate", "", 0, 42_949_672),
        _n("current_trip_consumption", "Consumption, this trip", "", 0, 1e6, 1),
        _n("distance_remaining_current_trip", "Distance at this trip's rate", "", 0, 42_949_672),
    ),
)
EVENTS = Layout(
    KIND,
    "events",
    (
        _i("event_count", "Events in the log", high=255),
        _e("event_code", "Newest event", codes.EVENT),
        _t("event_time", "Newest event, unit's clock"),
        _t("event_parameter_raw", "Newest event, parameter"),
        _t("new_events", "Events since the last look, oldest first"),
    ),
)
UNIT = Layout(
    KIND,
    "unit",
    (
        _t("device_time", "Unit's clock"),
        _i("uptime", "Time since power-on", "s"),
        _i("lines_ok", "Good lines heard"),
        _i("lines_bad_checksum", "Damaged lines heard"),
        _i("lines_malformed", "Lines with impossible content"),
        _i("lines_unknown", "Lines of unknown name"),
        _i("request_timeouts", "Questions without an answer"),
    ),
)
CAN_FRAMES = Layout(
    KIND,
    "can_frames",
    (
        _i("can_frame_count", "CAN frames since the last look"),
        _t("can_frames", "CAN frames, oldest first"),
    ),
)
SETUP = Layout(
    KIND,
    "setup",
    (
        _t("hardware_type", "Hardware"),
        _t("firmware_version", "Firmware version"),
        _f("in_bootloader", "Waiting for new firmware"),
        _i("cell_count_configured", "Cells that there should be", high=0xFFFF),
        _i("cell_string_count", "Parallel strings", high=255),
        _n("capacity", "Charge that a full pack should hold", "Ah", 0, 6553.5, 1),
        _n("display_period_active", "Broadcast period, active", "s", 0, 25.5, 1),
        _n("display_period_sleep", "Broadcast period, asleep", "s", 0, 6553.5, 1),
        _i("can_cell_group_module_count", "Cell groups on CAN", high=255),
        _i("function_flags_0", "Functions switched on, as bits", high=0xFFFF_FFFF),
        _i("function_flags_1", "More functions switched on, as bits", high=0xFFFF_FFFF),
    ),
)
RECORDED_RESETS = 5
RESETS = Layout(
    KIND,
    "resets",
    tuple(
        channel
        for n in range(RECORDED_RESETS)
        for channel in (
            _t(f"reset_{n}_time", f"Restart {n} ago, unit's clock"),
            _t(f"reset_{n}_sources", f"Restart {n} ago, causes"),
        )
    ),
)

_STATISTIC_UNITS = {"count": "", "pulses": "", "degC": "°C"}


def _statistic(row: codes.Statistic) -> tuple[Channel, ...]:
    name, label = f"stat_{row.name}", _said(row.name)
    unit = _STATISTIC_UNITS.get(row.unit, row.unit)
    kind, decimals = (Kind.NUMBER, len(str(row.over)) - 1) if row.over else (Kind.INTEGER, 0)

    def value(suffix: str, words: str) -> Channel:
        return Channel(name + suffix, kind, unit, label + words, decimals=decimals)

    found = [value("", "")]
    if row.packed:
        found += [value("_low", ", lowest cell"), value("_high", ", highest cell")]
    if row.cell or row.packed:
        found.append(_i(f"{name}_cell", f"{label}, cell"))
    if row.timed:
        found.append(_t(f"{name}_time", f"{label}, unit's clock"))
    return tuple(found)


STATISTICS = Layout(
    KIND,
    "statistics",
    tuple(channel for row in codes.STATISTICS.values() for channel in _statistic(row)),
)

_PER_CELL = {
    "BV2": lambda n: _cell_v(f"cell_voltage_{n}", f"Cell {n} voltage"),
    "BT2": lambda n: _i(f"cell_module_temperature_{n}", f"Cell {n} module", "°C", -100, 155),
    "BT4": lambda n: _i(f"cell_temperature_{n}", f"Cell {n} temperature", "°C", -100, 155),
    "BB2": lambda n: _n(f"cell_balancing_rate_{n}", f"Cell {n} balancing", "%", 0, 100, 3),
}
DETAIL_LAYOUTS = {
    "BV2": "cell_voltages",
    "BT2": "cell_module_temperatures",
    "BT4": "cell_temperatures",
    "BB2": "cell_balancing",
}


def cell_layout(sentence: str, cells: int, *, currents: bool = False) -> Layout:
    """The table of one per-cell sentence (BV2, BT2, BT4, BB2) for a pack of `cells`, 1 to 254.
    `currents` adds the balancing currents, which need the shunt's resistance.
    """
    name = DETAIL_LAYOUTS[sentence]
    table = [_f(f"{name}_complete", "Every cell answered")]
    table += [_PER_CELL[sentence](n) for n in range(cells)]
    if currents:
        table += [
            _n(f"cell_balancing_current_{n}", f"Cell {n} balancing current", "A", 0, 5, 4)
            for n in range(cells)
        ]
    return Layout(KIND, name, tuple(table))


def can_layout(modules: int) -> Layout:
    """The table of the Emus devices on CAN: the current sensor and `modules` cell group modules."""
    table = [_e("can_current_sensor_status", "Current sensor on CAN", codes.CAN_DEVICE)]
    for n in range(modules):
        table.append(_e(f"can_cell_group_{n}_status", f"Cell group {n}", codes.CAN_DEVICE))
        table.append(_i(f"can_cell_group_{n}_cell_count", f"Cell group {n}, cells", high=255))
    return Layout(KIND, "can", tuple(table))


# The pack of the twin: eight cells on two CAN modules.
EXAMPLE_CELLS = 8
EXAMPLE_MODULES = 2
# Shunt of a cell module in the sheet's example (section 6, BB1).
EXAMPLE_SHUNT_OHM = 2.7
LAYOUTS = (
    BATTERY,
    STATUS,
    CHARGER,
    ENERGY,
    DISTANCE,
    EVENTS,
    CAN_FRAMES,
    UNIT,
    SETUP,
    RESETS,
    STATISTICS,
    can_layout(EXAMPLE_MODULES),
    *(cell_layout(name, EXAMPLE_CELLS, currents=name == "BB2") for name in DETAIL_LAYOUTS),
)
