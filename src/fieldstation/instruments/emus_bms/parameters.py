"""The unit's parameters, which CF2 reads (Emus BMS sheet, section 9).

The id says how wide a parameter is: its two lowest bits of the first byte stand for 1, 2 or 4
bytes. Id 1806 is printed wider than that; the rule is followed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fieldstation.errors import BadRequest
from fieldstation.instruments.emus_bms.fields import Values

MODULES = 32
_ID = re.compile(r"[0-9A-Fa-f]{4}\Z")
_WIDTHS = {0: 2, 1: 4, 2: 8}


@dataclass(frozen=True, slots=True)
class Coding:
    """value = (raw + offset) / over in `unit`. `signed` is two's complement, `text` two letters."""

    unit: str = ""
    offset: int = 0
    over: int = 0
    signed: bool = False
    text: bool = False


_CODINGS = {
    "cells": Coding("cells"),
    "deci_ah": Coding("Ah", over=10),
    "cell_voltage": Coding("V", offset=200, over=100),
    "temperature": Coding("degC", offset=-100),
    "raw": Coding("raw"),
    "centivolt": Coding("V", over=100),
    "deciseconds": Coding("s", over=10),
    "strings": Coding("strings"),
    "signed_percent": Coding("%", over=100, signed=True),
    "percent_perhaps": Coding("% (unit not stated)"),
    "seconds": Coding("s"),
    "hours": Coding("h"),
    "unit_unknown": Coding("unit not stated"),
    "percent": Coding("%"),
    "pulses": Coding("pulses"),
    "text": Coding(text=True),
    "code": Coding("code"),
    "plain": Coding(),
    "modules": Coding("modules"),
    "signed_raw": Coding("raw", signed=True),
    "bool": Coding("bool"),
    "bits": Coding("bits"),
    "deciamperes": Coding("A", over=10),
    "percent_of_capacity": Coding("% of capacity", over=10),
    "minutes": Coding("min"),
    "chargers": Coding("chargers"),
}

# Id, name, coding.
_TABLE = """
0100 cell_count_configured cells
0102 capacity deci_ah
0004 cell_under_voltage_protection_activate cell_voltage
0005 cell_over_voltage_protection_activate cell_voltage
0006 cell_module_overheat_protection_activate temperature
0007 max_balancing_current raw
0008 low_cell_voltage_activate cell_voltage
0009 min_charging_temperature temperature
000A dcdc_control_voltage_active cell_voltage
000B fully_charged_voltage cell_voltage
000C allowed_disbalance centivolt
000D pre_charge_voltage cell_voltage
000E early_balancing_threshold cell_voltage
0010 display_period_active deciseconds
0111 display_period_sleep deciseconds
0013 cell_string_count strings
0014 fan_on_temperature temperature
0015 high_cell_module_temperature_reduction_activate temperature
0016 climate_control_temperature_normal temperature
0017 climate_control_temperature_charging temperature
0118 climate_control_min_soc signed_percent
001A charge_restart_voltage cell_voltage
0022 soc_at_low_voltage_warning percent_perhaps
0025 cell_under_voltage_protection_activation_delay deciseconds
0026 cell_under_voltage_protection_deactivation_delay seconds
0027 cell_over_voltage_protection_activation_delay deciseconds
0028 cell_over_voltage_protection_deactivation_delay seconds
0029 cell_module_overheat_protection_activation_delay deciseconds
002A cell_module_overheat_protection_deactivation_delay seconds
002B discharge_over_current_protection_activation_delay deciseconds
002C discharge_over_current_protection_deactivation_delay seconds
002D charge_over_current_protection_activation_delay deciseconds
002E charge_over_current_protection_deactivation_delay seconds
002F no_cell_comm_protection_activation_delay deciseconds
0030 no_cell_comm_protection_deactivation_delay seconds
0031 cell_under_voltage_protection_deactivate cell_voltage
0032 cell_over_voltage_protection_deactivate cell_voltage
0033 cell_module_overheat_protection_deactivate temperature
0034 low_cell_voltage_reduction_activation_delay deciseconds
0035 low_cell_voltage_reduction_deactivation_delay seconds
0036 high_cell_module_temperature_reduction_activation_delay deciseconds
0037 high_cell_module_temperature_reduction_deactivation_delay seconds
0038 high_discharge_current_reduction_activation_delay deciseconds
0039 high_discharge_current_reduction_deactivation_delay seconds
003A low_cell_voltage_reduction_deactivate cell_voltage
003B high_cell_module_temperature_reduction_deactivate temperature
003C contactor_pre_charge_duration seconds
0048 climate_control_max_duration_not_charging hours
0049 insulation_fault_protection_activation_delay deciseconds
004A insulation_fault_protection_deactivation_delay seconds
004B cell_overheat_protection_activate temperature
004C cell_overheat_protection_deactivate temperature
004D cell_overheat_protection_activation_delay deciseconds
004E cell_overheat_protection_deactivation_delay seconds
004F high_cell_temperature_reduction_activate temperature
0050 high_cell_temperature_reduction_deactivate temperature
0051 high_cell_temperature_reduction_activation_delay deciseconds
0052 high_cell_temperature_reduction_deactivation_delay seconds
0060 dcdc_control_voltage_passive cell_voltage
0061 no_current_sensor_protection_activation_delay deciseconds
0062 no_current_sensor_protection_deactivation_delay seconds
0063 cell_comm_restore_duration unit_unknown
0400 distance_estimate_safety_margin percent
0607 pulses_per_distance_unit pulses
0503 distance_unit_name text
0405 min_soc_output raw
0406 max_soc_output raw
0800 pin_0_function code
0801 pin_1_function code
0802 pin_2_function code
0803 pin_3_function code
0804 pin_4_function code
0805 pin_5_function code
0806 pin_6_function code
0807 pin_7_function code
0809 pin_9_function code
080A pin_10_function code
080B pin_11_function code
080C pin_12_function code
080D pin_13_function code
080E pin_14_function code
0D00 can_id_base plain
0C02 can_speed code
0D03 device_can_id_base plain
0C05 can_cell_group_module_count modules
1100 current_sensor_l_calibration raw
1002 current_sensor_l_reference raw
1103 current_sensor_h_calibration raw
1105 current_sensor_h_reference signed_raw
1007 current_sensor_reverse_direction bool
1008 current_sensor_dead_zone raw
1009 current_sensor_type code
1600 function_flags_0 bits
1604 function_flags_1 bits
1901 fast_charging_current deciamperes
1903 slow_charging_current deciamperes
1805 pre_charge_current percent_of_capacity
1806 charge_finished_current percent_of_capacity
1907 max_pre_charge_stage_duration minutes
1909 max_main_charge_stage_duration minutes
190B max_balancing_stage_duration minutes
190D charge_over_current_protection_activate deciamperes
190F high_discharge_current_reduction_activate deciamperes
1911 discharge_over_current_protection_activate deciamperes
1815 number_of_chargers chargers
1916 charger_can_id_base plain
191A max_pwm_output centivolt
191C min_pwm_output centivolt
"""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of the table."""

    name: str
    coding: Coding


def _arrays() -> dict[str, Parameter]:
    """Three parameters of each CAN cell group module."""
    found = {}
    for module in range(MODULES):
        name = f"can_cell_group_{module}"
        found[f"{0x0C07 + module:04X}"] = Parameter(f"{name}_cell_count", _CODINGS["cells"])
        found[f"{0x0D27 + 2 * module:04X}"] = Parameter(f"{name}_serial_number", Coding())
        found[f"{0x0C67 + module:04X}"] = Parameter(f"{name}_string_number", Coding())
    return found


def _rows() -> dict[str, Parameter]:
    rows = (line.split() for line in _TABLE.split("\n") if line)
    return {number: Parameter(name, _CODINGS[coding]) for number, name, coding in rows}


PARAMETERS: dict[str, Parameter] = _rows() | _arrays()


def width(parameter_id: str) -> int:
    """Digits of a parameter's value. Raises BadRequest for an id that is none."""
    if not _ID.match(parameter_id) or (size := int(parameter_id[:2], 16) & 3) not in _WIDTHS:
        raise BadRequest(f"{parameter_id!r} is no parameter; an id has four digits, such as 0102")
    return _WIDTHS[size]


def describe(parameter_id: str, raw: int) -> Values:
    """Name, value and unit of a parameter; nothing for an id that the table lacks."""
    row = PARAMETERS.get(parameter_id.upper())
    if row is None:
        return {}
    return {
        "parameter_name": row.name,
        "parameter_value": _value(row.coding, raw, width(parameter_id)),
        "parameter_unit": row.coding.unit,
    }


def _value(coding: Coding, raw: int, digits: int) -> float | int | str:
    if coding.text:
        return (raw & 0xFFFF).to_bytes(2, "big").decode("latin-1")
    if coding.signed and raw >> (4 * digits - 1) & 1:
        raw -= 1 << 4 * digits
    number = raw + coding.offset
    return number / coding.over if coding.over else number
