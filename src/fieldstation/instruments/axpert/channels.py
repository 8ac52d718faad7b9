"""Every channel of an Axpert: the only place for its unit, range, label, codes and old name.

`CHANNELS` names what replies contain, in the words of the PI30 sheet; `LAYOUTS` says which of them
are kept together. `old` is the name in godenerg's JSON and database. Measured quantities are
numbers even where most firmware sends whole ones: newer firmware gave some of them a decimal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fieldstation.instruments.axpert import labels
from fieldstation.model import Channel, Kind, Layout

KIND = "axpert"


def _n(
    name: str,
    label: str,
    unit: str,
    high: float,
    decimals: int = 0,
    *,
    low: float = 0,
    old: str = "",
    headline: bool = False,
) -> Channel:
    return Channel(
        name, Kind.NUMBER, unit, label, low, high, decimals, headline=headline, old_name=old
    )


def _i(name: str, label: str, unit: str, high: int) -> Channel:
    return Channel(name, Kind.INTEGER, unit, label, 0, high)


def _f(name: str, label: str, old: str = "") -> Channel:
    return Channel(name, Kind.FLAG, label=label, old_name=old)


def _e(
    name: str, label: str, codes: labels.Codes, *, headline: bool = False, old: str = ""
) -> Channel:
    return Channel(name, Kind.ENUM, label=label, codes=codes, headline=headline, old_name=old)


def _t(name: str, label: str, old: str = "") -> Channel:
    return Channel(name, Kind.TEXT, label=label, old_name=old)


# Ranges hold every class (12, 24, 48 V) and size (1 to 11 kVA) of the family.
_STATUS = (
    _n("grid_voltage", "Grid voltage", "V", 300, 1, old="grid_volt"),
    _n("grid_frequency", "Grid frequency", "Hz", 70, 1, old="grid_freq"),
    _n("ac_output_voltage", "AC output voltage", "V", 300, 1, old="ac_volt"),
    _n("ac_output_frequency", "AC output frequency", "Hz", 70, 1, old="ac_freq"),
    _n("ac_output_apparent_power", "AC output apparent power", "VA", 15000, old="ac_va"),
    _n("ac_output_active_power", "AC output power", "W", 15000, old="ac_watt", headline=True),
    _n("output_load_percent", "Output load", "%", 200, old="load_percent"),
    _n("bus_voltage", "DC bus voltage", "V", 600, old="bus_volt"),
    _n("battery_voltage", "Battery voltage", "V", 70, 2, old="batt_volt", headline=True),
    _n("battery_charging_current", "Battery charging current", "A", 300, old="batt_charge_amps"),
    _n("battery_capacity", "Battery state of charge", "%", 100, old="batt_capacity", headline=True),
    # Above 150 the token is a raw converter number of 1 to 3 kVA units, not degrees.
    _n("heatsink_temperature", "Heat sink temperature", "°C", 150, old="temp"),
    _n("pv1_input_current", "PV current", "A", 200, 1, old="pv_amps"),
    _n("pv1_input_voltage", "PV voltage", "V", 550, 1, old="pv_volts"),
    _n("battery_voltage_scc", "Battery voltage at solar charger", "V", 70, 2, old="batt_volt_scc"),
    _n(
        "battery_discharge_current",
        "Battery discharge current",
        "A",
        400,
        old="batt_discharge_amps",
    ),
    _t("device_status", "Status bits", "raw_status"),
    _f("sbu_priority_version_added", "SBU priority version added", "sbu_priority_version"),
    _f("configuration_changed", "Configuration changed", "configuration_changed"),
    _f("scc_firmware_updated", "Solar charger firmware updated", "ssc_firmware_updated"),
    _f("load_on", "Load on", "load_status"),
    _f("battery_voltage_steady", "Battery voltage steady", "batt_volt_to_steady"),
    _f("charging_on", "Charging"),
    _f("scc_charging_on", "Charging from PV"),
    _f("ac_charging_on", "Charging from grid"),
    _n("fan_on_voltage_offset", "Fan start voltage offset", "V", 0.99, 2, old="mask_b"),
    _t("eeprom_version", "EEPROM version", "mask_c"),
    _n("pv1_charging_power", "PV power", "W", 15000, old="pv_watts", headline=True),
    _t("device_status_2", "Status bits, second word", "mask_d"),
    _f("charging_to_float", "Charger in float"),
    _f("switch_on", "Front switch on"),
    _f("dustproof_installed", "Dust filter installed"),
    _f("solar_feed_to_grid", "Feeding PV to grid"),
    _t("country_regulation", "Grid regulation code"),
    _n("solar_feed_to_grid_power", "PV power fed to grid", "W", 15000),
)
_DERIVED = (
    _e("device_mode", "Operating mode", labels.DEVICE_MODE, headline=True, old="mode"),
    _n("battery_current", "Battery current", "A", 300, low=-400, headline=True),
    _n("battery_power", "Battery power", "W", 20000, 1, low=-20000),
    _e("pv1_current_side", "PV current measured at", labels.CURRENT_SIDE),
)
_TRACKERS = (
    _n("pv2_input_current", "PV 2 current", "A", 200, 1),
    _n("pv2_input_voltage", "PV 2 voltage", "V", 550, 1),
    _n("pv2_charging_power", "PV 2 power", "W", 15000, headline=True),
    _n("battery_voltage_scc2", "Battery voltage at solar charger 2", "V", 70, 2),
    _f("scc2_charging_on", "Charging from PV 2"),
    _f("scc3_charging_on", "Charging from PV 3"),
    _n("ac_charging_current", "Grid charging current", "A", 300, 1),
    _n("ac_charging_power", "Grid charging power", "W", 15000),
    _n("pv3_input_current", "PV 3 current", "A", 200, 1),
    _n("pv3_input_voltage", "PV 3 voltage", "V", 550, 1),
    _n("battery_voltage_scc3", "Battery voltage at solar charger 3", "V", 70, 2),
    _n("pv3_charging_power", "PV 3 power", "W", 15000),
    _n("pv_total_charging_power", "PV power, all trackers", "W", 45000),
    _n("l2_grid_voltage", "L2 grid voltage", "V", 300, 2),
    _n("l2_grid_frequency", "L2 grid frequency", "Hz", 70, 2),
    _n("l2_ac_output_voltage", "L2 output voltage", "V", 300, 2),
    _n("l2_ac_output_frequency", "L2 output frequency", "Hz", 70, 2),
    _n("l2_ac_output_apparent_power", "L2 output apparent power", "VA", 15000),
    _n("l2_ac_output_active_power", "L2 output power", "W", 15000),
    _n("l2_output_load_percent", "L2 output load", "%", 200),
    _n("l2_battery_voltage", "L2 battery voltage", "V", 70, 2),
    _f("scc2_ok", "Solar charger 2 ok"),
    _f("l2_ac_charging_on", "L2 charging from grid"),
    _f("l2_line_ok", "L2 grid present"),
    _f("l2_load_on", "L2 load on"),
)
_RATINGS = (
    _n("grid_rating_voltage", "Grid rating, voltage", "V", 300, 1),
    _n("grid_rating_current", "Grid rating, current", "A", 100, 1),
    _n("ac_output_rating_voltage", "Output rating, voltage", "V", 300, 1),
    _n("ac_output_rating_frequency", "Output rating, frequency", "Hz", 70, 1),
    _n("ac_output_rating_current", "Output rating, current", "A", 100, 1),
    _n("ac_output_rating_apparent_power", "Output rating, apparent power", "VA", 15000),
    _n("ac_output_rating_active_power", "Output rating, power", "W", 15000),
    _n("battery_rating_voltage", "Battery rating", "V", 48, 1),
    _n("battery_recharge_voltage", "Back-to-grid voltage", "V", 64, 1),
    _n("battery_under_voltage", "Battery cut-off voltage", "V", 64, 1),
    _n("battery_bulk_voltage", "Absorption voltage", "V", 64, 1),
    _n("battery_float_voltage", "Float voltage", "V", 64, 1),
    _e("battery_type", "Battery type", labels.BATTERY_TYPE),
    _n("max_ac_charging_current", "Grid charging current limit", "A", 300),
    _n("max_charging_current", "Charging current limit", "A", 300),
    _e("input_voltage_range", "Grid input range", labels.INPUT_VOLTAGE_RANGE),
    _e("output_source_priority", "Output source priority", labels.OUTPUT_SOURCE_PRIORITY),
    _e("charger_source_priority", "Charger source priority", labels.CHARGER_SOURCE_PRIORITY),
    _i("parallel_max_units", "Units in parallel, at most", "", 9),
    _e("machine_type", "Machine type", labels.MACHINE_TYPE),
    _e("topology", "Topology", labels.TOPOLOGY),
    _e("output_mode", "Output mode", labels.OUTPUT_MODE),
    _n("battery_redischarge_voltage", "Back-to-battery voltage", "V", 64, 1),
    _e("pv_ok_condition", "PV condition of parallel units", labels.PV_OK_CONDITION),
    _e("pv_power_balance", "PV power balance", labels.PV_POWER_BALANCE),
    _i("max_cv_charging_time", "Absorption time limit", "min", 900),
    _e("operation_logic", "Operation logic", labels.OPERATION_LOGIC),
    _n("max_discharging_current", "Discharging current limit", "A", 300),
)
_WARNINGS = (
    _t("warning_bits", "Warning bits"),
    _i("fault_count", "Faults", "", 40),
    _i("warning_count", "Warnings", "", 40),
    _t("fault_names", "Names of faults"),
    _t("warning_names", "Names of warnings"),
)
_SWITCHES = (
    _f("buzzer", "Buzzer"),
    _f("overload_bypass", "Bypass at overload"),
    _f("power_saving", "Power saving"),
    _f("lcd_escape_to_default", "Display returns to default page"),
    _f("data_log_popup", "Data log pop-up"),
    _f("overload_restart", "Restart after overload"),
    _f("over_temperature_restart", "Restart after over-temperature"),
    _f("backlight", "Backlight"),
    _f("primary_source_interrupt_alarm", "Beep when primary source is lost"),
    _f("fault_code_record", "Record fault codes"),
)
_ENERGY = tuple(
    _i(f"{side}_energy_{span}", f"{title} energy, {words}", "Wh", 99_999_999)
    for side, title in (("pv", "PV"), ("load", "Load"))
    for span, words in (
        ("total", "total"), ("year", "this year"), ("month", "this month"), ("day", "today")
    )
)  # fmt: skip
_BMS = (
    _f("bms_connected", "BMS connected"),
    _n("bms_soc", "State of charge by BMS", "%", 100),
    _f("bms_force_ac_charge", "BMS asks for grid charging"),
    _f("bms_stop_discharge", "BMS stops discharging"),
    _f("bms_stop_charge", "BMS stops charging"),
    _n("bms_cv_voltage", "BMS absorption voltage", "V", 70, 1),
    _n("bms_float_voltage", "BMS float voltage", "V", 70, 1),
    _n("bms_cutoff_voltage", "BMS cut-off voltage", "V", 70, 1),
    _n("bms_max_charging_current", "BMS charging current limit", "A", 500),
    _n("bms_max_discharging_current", "BMS discharging current limit", "A", 500),
)
_CHARGER = (
    _i("absorb_time_remaining", "Absorption time left", "s", 86400),
    _i("float_time_remaining", "Float time left", "s", 86400),
    _f("scc_ok", "Solar charger ok"),
    _f("allow_scc_on", "Solar charger allowed"),
    _n("charge_average_current", "Average charging current", "A", 300),
    _n("scc_temperature", "Solar charger temperature", "°C", 150),
    _n("inverter_temperature", "Inverter temperature", "°C", 150),
    _n("battery_converter_temperature", "Battery converter temperature", "°C", 150),
    _n("transformer_temperature", "Transformer temperature", "°C", 150),
    _i("parallel_role", "Role in parallel system", "", 2),
    _f("fan_locked", "Fan locked"),
    _n("fan_speed_percent", "Fan speed", "%", 100),
    _n("scc_charge_power", "Solar charger power", "W", 15000),
    _t("parallel_warning", "Parallel warning code"),
    _n("sync_frequency", "Synchronisation frequency", "Hz", 70, 2),
    _e("charge_stage", "Charging stage", labels.CHARGE_STAGE, headline=True),
)
_EQUALIZATION = (
    _f("equalization_enabled", "Equalization enabled"),
    _i("equalization_time", "Equalization time", "min", 900),
    _i("equalization_period", "Equalization interval", "d", 90),
    _n("equalization_max_current", "Equalization current limit", "A", 300),
    _n("equalization_voltage", "Equalization voltage", "V", 64, 2),
    _i("equalization_over_time", "Equalization timeout", "min", 900),
    _f("equalization_active", "Equalizing"),
    _i("equalization_elapsed", "Time since equalization", "h", 9999),
)
# In replies that are asked for by hand, not kept: identity, parallel units, small queries.
_ASKED = (
    _t("protocol_id", "Protocol"),
    _t("serial_number", "Serial number"),
    _t("firmware_version", "Firmware version"),
    _t("model_name", "Model"),
    _t("general_model", "Model number"),
    _f("dsp_has_bootstrap", "Boot loader present"),
    _e("charging_stages", "Charging stages", labels.CHARGING_STAGES),
    _n("max_solar_charging_current", "Solar charging current limit", "A", 300),
    _f("discharge_enabled", "Discharging allowed"),
    _f("discharge_standby_enabled", "Discharging in standby allowed"),
    _f("charge_enabled", "Charging allowed"),
    _f("parallel_unit_exists", "Parallel unit exists"),
    _t("parallel_field_raw", "Parallel unit code"),
    _t("fault_code", "Fault code"),
    _n("total_charging_current", "Charging current, all units", "A", 3000),
    _n("total_ac_output_apparent_power", "Apparent power, all units", "VA", 99999),
    _n("total_ac_output_active_power", "Output power, all units", "W", 99999),
    _n("total_output_load_percent", "Output load, all units", "%", 200),
    _t("inverter_status", "Inverter status bits"),
    _t("battery_status", "Battery status"),
    _f("line_ok", "Grid present"),
    _n("max_charging_current_limit", "Highest selectable charging current", "A", 300),
    _n("l2_battery_charging_current", "L2 battery charging current", "A", 300),
    _n("l2_battery_capacity", "L2 battery state of charge", "%", 100),
    _f("scc3_ok", "Solar charger 3 ok"),
)

CHANNELS: dict[str, Channel] = {
    channel.name: channel
    for group in (
        _STATUS, _DERIVED, _TRACKERS, _RATINGS, _WARNINGS, _SWITCHES, _ENERGY, _BMS, _CHARGER,
        _EQUALIZATION, _ASKED,
    )
    for channel in group
}  # fmt: skip

RENAMED = {
    ("QPIGS2", "device_status"): "tracker_status",
    ("QFLAG", "solar_feed_to_grid"): "solar_feed_to_grid_allowed",
}
"""Names of the sheet that mean different things in different replies, by query, and the name they
are kept under.
"""


def _kept(query: str, name: str, label: str) -> Channel:
    return replace(CHANNELS[name], name=RENAMED[query, name], label=label, old_name="")


def _layout(name: str, *groups: Iterable[Channel]) -> Layout:
    return Layout(KIND, name, tuple(channel for group in groups for channel in group))


STATUS = _layout("status", _STATUS, _DERIVED)
TRACKERS = _layout("trackers", _TRACKERS, [_kept("QPIGS2", "device_status", "Tracker status bits")])
WARNINGS = _layout("warnings", _WARNINGS)
RATINGS = _layout("ratings", _RATINGS)
SWITCHES = _layout(
    "switches", _SWITCHES, [_kept("QFLAG", "solar_feed_to_grid", "Feeding PV to grid allowed")]
)
ENERGY = _layout("energy", _ENERGY)
BMS = _layout("bms", _BMS)
CHARGER = _layout("charger", _CHARGER)
EQUALIZATION = _layout("equalization", _EQUALIZATION)

LAYOUTS = (STATUS, TRACKERS, WARNINGS, RATINGS, SWITCHES, ENERGY, BMS, CHARGER, EQUALIZATION)
"""All tables that a unit may have; names are unique across them."""
