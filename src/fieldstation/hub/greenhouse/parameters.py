"""Names that scripts ask for, and the places in a document that they point to. Pure.

Source: wire-compatibility sheet, A.4. Both key styles are understood; sections are tried in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Parameter:
    """A name, its words in a form, and where it points: any of `sections`, any of `keys`."""

    name: str
    label: str
    sections: tuple[str, ...]
    keys: tuple[str, ...]


MISSING = object()
"""What `find` answers for a place that the document lacks."""

_ADC = ("ADC data", "ADC_data")
_BALANCING = ("Battery Balancing Rate Summary", "BatteryBalancingRateSummary")
_CELL = ("Battery Cell Temperature Summary", "BatteryCellTemperatureSummary")
_MODULE = ("Battery Module Temperature Summary", "BatteryModuleTemperatureSummary")
_CHARGE = ("Battery Charge", "BatteryCharge")
_VOLTAGE = ("BatteryVoltageSummary",)
_CURRENT = ("CurrentAndVoltage",)
_TEMPERATURE, _STATUS = ("Temperature data",), ("Status",)
_CHARGER, _MPPT, _DAILY = ("Charger Data",), ("MPPT Data",), ("Daily Logger Values",)

Rows = tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...]


def _table(rows: Rows) -> dict[str, Parameter]:
    return {row[0]: Parameter(*row) for row in rows}


def _plain(section: tuple[str, ...], names: Mapping[str, str]) -> Rows:
    return tuple((name, key, section, (key,)) for name, key in names.items())


BMS: Mapping[str, Parameter] = _table(
    (
        ("average_cell_voltage", "Average Cell Voltage", _VOLTAGE, ("average cell voltage",)),
        ("maximum_cell_voltage", "Maximum Cell Voltage", _VOLTAGE, ("maximum cell voltage",)),
        ("minimum_cell_voltage", "Minimum Cell Voltage", _VOLTAGE, ("minimum cell voltage",)),
        ("total_voltage", "Total Voltage", _CURRENT, ("total voltage",)),
        ("total_current", "Total Battery Current", _CURRENT, ("total current", "current")),
        ("a_current", "PV array Current", _CURRENT, ("total current", "current")),
        ("a_cell_b_rate", "Average Cell Balancing Rate", _BALANCING,
         ("average cell balancing rate",)),
        ("a_cell_temperature", "Average Cell Temperature", _CELL, ("average cell temperature",)),
        ("max_cell_temperature", "Maximum Cell Temperature", _CELL, ("maximum cell temperature",)),
        ("min_cell_temperature", "Minimum Cell Temperature", _CELL, ("minimum cell temperature",)),
        ("a_cell_m_temperature", "Average Cell Module Temperature", _MODULE,
         ("average cell module temperature",)),
        ("max_cell_m_temperature", "Maximum Cell Module Temperature", _MODULE,
         ("maximum cell module temperature",)),
        ("min_cell_m_temperature", "Minimum Cell Module Temperature", _MODULE,
         ("minimum cell module temperature",)),
        ("battery_capacity", "Battery Capacity", _CHARGE, ("battery capacity",)),
        ("battery_charge", "Battery Charge", _CHARGE, ("battery charge",)),
        ("state_of_charge", "State of Charge", _CHARGE, ("state of charge",)),
        ("test", "a test entry", (), ()),
    )
)  # fmt: skip

TRISTAR: Mapping[str, Parameter] = _table(
    (
        *_plain(_ADC, {
            "bat_voltage": "battery voltage",
            "bat_terminal_voltage": "battery terminal voltage",
            "bat_sense_voltage": "battery sense voltage",
            "array_voltage": "array voltage",
            "bat_current": "battery current",
            "array_current": "array current",
            "12V_supply": "12V supply",
            "3V_supply": "3V supply",
            "meterbus_voltage": "meterbus voltage",
            "1_8V_supply": "1.8V supply",
            "v_ref": "reference voltage",
        }),
        *_plain(_TEMPERATURE, {
            "temp_h": "heatsink temperature",
            "temp_rts": "RTS temperature",
            "temp_bat_reg": "battery regulation temperature",
        }),
        *_plain(_STATUS, {
            "charging_current": "charging_current",
            "min_bat_voltage": "minimum battery voltage",
            "max_bat_voltage": "maximum battery voltage",
        }),
        *_plain(_CHARGER, {
            "ah_resettable": "Ah Charge Resettable",
            "ah_total": "Ah Charge Total",
            "kwhr_resettable": "kWhr Charge Resettable",
            "kwhr_total": "kWhr Charge Total",
        }),
        *_plain(_MPPT, {
            "p_out": "output power",
            "p_in": "input power",
            "V_max_power": "max power of last sweep",
            "V_mp": "Vmp of last sweep",
            "V_oc": "Voc of last sweep",
        }),
    )
)  # fmt: skip

DAILY: Mapping[str, Parameter] = _table(
    _plain(_DAILY, {
        "bat_min_voltage_daily": "Battery Voltage Minimum Daily",
        "bat_max_voltage_daily": "Battery Voltage Maximum Daily",
        "input_voltage_max_daily": "Input Voltage Maximum Daily",
        "Ah_daily": "Amp Hours accumulated daily",
        "Wh_daily": "Watt Hours accumulated daily",
        "P_max_daily": "Maximum power output daily",
        "min_temp_daily": "Minimum temperature daily",
        "max_temp_daily": "Maximum temperature daily",
        "time_ab_daily": "time_ab_daily",
        "time_eq_daily": "time_eq_daily",
        "time_fl_daily": "time_fl_daily",
    })
)  # fmt: skip


def find(parameter: Parameter, document: Mapping[str, Any]) -> Any:
    """The value in the document, of whatever type it was posted; MISSING where there is none."""
    trimmed = {str(key).strip(): value for key, value in document.items()}
    for section in parameter.sections:
        part = trimmed.get(section)
        if not isinstance(part, dict):
            continue
        values = {str(key).strip(): value for key, value in part.items()}
        for key in parameter.keys:
            if key in values:
                found = values[key]
                return found.get("value", found) if isinstance(found, dict) else found
    return MISSING


def kind_of(document: Mapping[str, Any]) -> str | None:
    """Which store a document of the old single table belongs to, by its sections."""
    sections = {str(key).strip() for key in document}
    for kind, telling in _TELLING.items():
        if sections & telling:
            return kind
    return None


_TELLING = {
    "tristar_daily": {"Daily Logger Values", "Charge Settings"},
    "tristar": {"ADC data", "MPPT Data", "Charger Data"},
    "bms": {"Battery Charge", "BatteryCharge", "BMS Status", "BMSStatus", "BatteryVoltageSummary"},
}
