"""Codes of the unit's enumerations, bits and statistics (Emus BMS sheet, sections 6 and 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Codes = Mapping[int | str, str]


def _counted(words: str) -> Codes:
    return dict(enumerate(words.split()))


def _bits(words: str) -> dict[int, str]:
    """Bit numbers of words in rising order; a dash keeps a reserved bit's place."""
    return {bit: word for bit, word in enumerate(words.split()) if word != "-"}


CHARGING_STAGE = _counted(
    "charger_disconnected pre_heating pre_charging main_charging balancing charging_finished"
    " charging_error"
)
CHARGING_ERROR = _counted(
    "none no_cell_comm_at_start_or_pre_charging_can no_cell_comm_non_can stage_duration_exceeded"
    " cell_comm_lost_main_or_balancing_can cannot_set_balancing_threshold temperature_too_high"
    " cell_comm_lost_pre_heating_can cell_count_mismatch cell_over_voltage cell_protection_event"
)
EVENT: Codes = {
    **_counted(
        "no_event bms_started cell_comm_lost cell_comm_established cell_under_voltage"
        " cell_under_voltage_recovered cell_over_voltage cell_over_voltage_recovered"
        " discharge_over_current discharge_over_current_recovered charge_over_current"
        " charge_over_current_recovered cell_module_overheat cell_module_overheat_recovered"
        " leakage_detected leakage_recovered power_reduction_low_voltage"
        " power_reduction_low_voltage_recovered power_reduction_high_current"
        " power_reduction_high_current_recovered power_reduction_high_cell_module_temperature"
        " power_reduction_high_cell_module_temperature_recovered charger_connected"
        " charger_disconnected pre_heating_started pre_charging_started main_charging_started"
        " balancing_started charging_finished charging_error charging_retry charging_restart"
    ),
    42: "cell_overheat",
    43: "cell_overheat_recovered",
    44: "power_reduction_high_cell_temperature",
    45: "power_reduction_high_cell_temperature_recovered",
}
CAN_DEVICE = _counted("not_configured ok error no_response")
RESET_SOURCE = _bits("power_on external brown_out watchdog jtag stack_overflow user")

BATTERY_STATUS = _bits(
    "valid_cell_voltages valid_cell_module_temperatures valid_balancing_rates"
    " valid_live_cell_count charging_finished_non_can valid_cell_temperatures"
)
PROTECTION = {
    bit: f"protection_{name}"
    for bit, name in _bits(
        "under_voltage over_voltage discharge_over_current charge_over_current"
        " cell_module_overheat leakage no_cell_comm - - - - cell_overheat"
    ).items()
}
# Section 15, point 1: bit 5 is both defined and called reserved; the definition is kept.
POWER_REDUCTION = {
    bit: f"power_reduction_{name}"
    for bit, name in _bits(
        "low_voltage high_current high_cell_module_temperature - - high_cell_temperature"
    ).items()
}
PIN_STATUS = {
    bit: f"pin_{name}"
    for bit, name in _bits(
        "no_function speed_sensor fast_charge_switch charger_mains_ac_sense ignition_key"
        " heater_enable - sound_buzzer battery_low_indication charging_indication charger_enable"
        " state_of_charge_output battery_contactor battery_fan current_sensor leakage_sensor"
        " power_reduction charging_interlock analog_charger_control zvu_boost_charge"
        " zvu_slow_charge zvu_buffer_mode bms_failure equalization_enable dcdc_control"
        " esm_rectifier_current_limit contactor_pre_charge"
    ).items()
}
INPUT_PINS = {4: "input_ac_sense", 5: "input_ignition", 6: "input_fast_charge"}
CHARGER_PIN = {7: "output_charger"}
OUTPUT_PINS = {
    4: "output_heater",
    5: "output_battery_low",
    6: "output_buzzer",
    7: "output_charging_indication",
}


@dataclass(frozen=True, slots=True)
class Statistic:
    """One row of the SS1 table. Value = (raw + offset) / over; a count comes in field 3. `cell`:
    field 3 names a cell. `packed`: field 3 holds cell, highest and lowest, these two coded as the
    cell values with `packed_offset`. `timed`: field 4 holds a time.
    """

    name: str
    unit: str
    digits: int = 8
    offset: int = 0
    over: int = 0
    cell: bool = False
    packed: bool = False
    packed_offset: int = 0
    timed: bool = True

    @property
    def counted(self) -> bool:
        """True when the number is a count, which stands in field 3."""
        return self.unit == "count"


def _sums(words: str) -> list[Statistic]:
    pairs = (word.split("/") for word in words.split())
    return [Statistic(name, unit, timed=False) for name, unit in pairs]


def _counts(words: str, *, timed: bool = True) -> list[Statistic]:
    return [Statistic(name, "count", timed=timed) for name in words.split()]


def _cell_voltage(name: str) -> Statistic:
    return Statistic(name, "V", 2, 200, 100, cell=True)


def _temperature(name: str) -> Statistic:
    return Statistic(name, "degC", 2, -100, cell=True)


def _difference(name: str, unit: str, offset: int, over: int = 0) -> Statistic:
    return Statistic(name, unit, 2, 0, over, packed=True, packed_offset=offset)


STATISTICS: dict[int, Statistic] = {
    **dict(
        enumerate(
            [
                *_sums(
                    "total_discharge/Ah total_charge/Ah total_discharge_energy/Wh"
                    " total_charge_energy/Wh total_discharge_time/s total_charge_time/s"
                    " total_distance/pulses"
                ),
                *_counts("master_clear_count", timed=False),
                Statistic("max_discharge_current", "A", 4, 0, 10),
                Statistic("max_charge_current", "A", 4, 0, 10),
                _cell_voltage("min_cell_voltage"),
                _cell_voltage("max_cell_voltage"),
                _difference("max_cell_voltage_difference", "V", 200, 100),
                Statistic("min_pack_voltage", "V", 4, 0, 100),
                Statistic("max_pack_voltage", "V", 4, 0, 100),
                _temperature("min_cell_module_temperature"),
                _temperature("max_cell_module_temperature"),
                _difference("max_cell_module_temperature_difference", "degC", -100),
                *_counts(
                    "bms_start_count under_voltage_protection_count over_voltage_protection_count"
                    " discharge_over_current_protection_count charge_over_current_protection_count"
                    " cell_module_overheat_protection_count leakage_protection_count"
                    " no_cell_comm_protection_count low_voltage_power_reduction_count"
                    " high_current_power_reduction_count"
                    " high_cell_module_temperature_power_reduction_count"
                ),
                *_counts(
                    "charger_connect_count charger_disconnect_count pre_heat_stage_count"
                    " pre_charge_stage_count main_charge_stage_count balancing_stage_count"
                    " charging_finished_count charging_error_count charging_retry_count trip_count"
                    " charge_restart_count",
                    timed=False,
                ),
            ]
        )
    ),
    **dict(
        enumerate(
            [
                *_counts(
                    "cell_overheat_protection_count high_cell_temperature_power_reduction_count"
                ),
                _temperature("min_cell_temperature"),
                _temperature("max_cell_temperature"),
                _difference("max_cell_temperature_difference", "degC", -100),
            ],
            start=45,
        )
    ),
}
