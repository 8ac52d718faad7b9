"""Every channel of a TriStar MPPT: the only place for its unit, range, label, codes and old name.

Names are those of section 9 of the TriStar MPPT sheet. A field of bits has two channels: the names
of the bits that are set, and all bits as a number (`..._mask`). The old name is the key in the
documents of the previous system. Ranges of what the instrument measures are the limits beyond
which a block was read wrongly (section 10). Settings are kept twice: as they stand in the EEPROM,
for a 12 V battery, and as they act on the battery that there is (`..._scaled`). Decimals are finer
than half a count, so the word that came over the wire can be told from the value
(test_word_can_be_told_from_the_kept_value).
"""

from __future__ import annotations

from fieldstation.instruments.tristar_mppt import labels
from fieldstation.model import Channel, Kind, Layout

KIND = "tristar_mppt"


def _n(
    name: str,
    label: str,
    unit: str,
    low: float,
    high: float,
    decimals: int,
    old: str = "",
    *,
    headline: bool = False,
) -> Channel:
    return Channel(
        name, Kind.NUMBER, unit, label, low, high, decimals, headline=headline, old_name=old
    )


def _battery(name: str, label: str, old: str = "", *, headline: bool = False) -> Channel:
    return _n(name, label, "V", -1, 80, 3, old, headline=headline)


def _array(name: str, label: str, old: str = "", *, headline: bool = False) -> Channel:
    return _n(name, label, "V", -5, 179.9, 3, old, headline=headline)


def _amps(name: str, label: str, old: str = "", *, headline: bool = False) -> Channel:
    return _n(name, label, "A", -10, 79.9, 4, old, headline=headline)


def _watts(name: str, label: str, old: str = "", *, headline: bool = False) -> Channel:
    return _n(name, label, "W", 0, 7199, 3, old, headline=headline)


def _i(
    name: str,
    label: str,
    unit: str,
    high: int,
    old: str = "",
    *,
    low: int = 0,
    headline: bool = False,
) -> Channel:
    return Channel(name, Kind.INTEGER, unit, label, low, high, headline=headline, old_name=old)


def _degrees(name: str, label: str, old: str) -> Channel:
    return _i(name, label, "°C", 127, old, low=-60)


def _bits(name: str, label: str, most: int) -> tuple[Channel, Channel]:
    old = name.replace("_", " ")
    return (
        Channel(name, Kind.TEXT, label=label, old_name=old),
        Channel(f"{name}_mask", Kind.INTEGER, label=f"{label}, as bits", low=0, high=most),
    )


def _e(
    name: str, label: str, codes: labels.Codes, old: str = "", *, headline: bool = False
) -> Channel:
    return Channel(name, Kind.ENUM, label=label, codes=codes, headline=headline, old_name=old)


def _t(name: str, label: str) -> Channel:
    return Channel(name, Kind.TEXT, label=label)


def _f(name: str, label: str) -> Channel:
    return Channel(name, Kind.FLAG, label=label)


U16 = 0xFFFF
U32 = 0xFFFF_FFFF

ADC = Layout(
    KIND,
    "adc",
    (
        _battery("battery_voltage", "Battery voltage", "battery voltage", headline=True),
        _battery(
            "battery_terminal_voltage", "Battery terminal voltage", "battery terminal voltage"
        ),
        _battery("battery_sense_voltage", "Battery sense voltage", "battery sense voltage"),
        _array("array_voltage", "Array voltage", "array voltage", headline=True),
        _amps("battery_current", "Charging current", "battery current", headline=True),
        # Not a precision shunt: up to 20 % wrong (section 4).
        _n("array_current", "Array current", "A", -80, 79.9, 4, "array current"),
        _n("supply_12v_voltage", "Internal 12 V supply", "V", 0, 18.6, 4, "12V supply"),
        _n("supply_3v_voltage", "Internal 3 V supply", "V", 0, 6.59, 5, "3V supply"),
        _n("meterbus_voltage", "MeterBus supply", "V", 0, 18.6, 4, "meterbus voltage"),
        _n("supply_1v8_voltage", "Internal 1.8 V supply", "V", 0, 2.99, 5, "1.8V supply"),
        _n("reference_voltage", "Reference voltage", "V", 0, 2.99, 5, "reference voltage"),
    ),
)
TEMPERATURE = Layout(
    KIND,
    "temperature",
    (
        _degrees("heatsink_temperature", "Heat sink temperature", "heatsink temperature"),
        _degrees("rts_temperature", "Remote sensor temperature", "RTS temperature"),
        _degrees("battery_temperature", "Battery temperature", "battery regulation temperature"),
    ),
)
STATUS = Layout(
    KIND,
    "status",
    (
        _battery("battery_voltage_slow", "Battery voltage, slow filter", "battery_voltage"),
        _amps("battery_current_slow", "Charging current, slow filter", "charging_current"),
        # These two keep what they read while power came up, for years (section 10).
        _battery("battery_voltage_min", "Lowest battery voltage ever", "minimum battery voltage"),
        _battery("battery_voltage_max", "Highest battery voltage ever", "maximum battery voltage"),
        _i("hourmeter", "Operating time", "h", U32, "hourmeter"),
        *_bits("faults", "Faults", U16),
        *_bits("alarms", "Alarms", U32),
        Channel("dip_switches", Kind.TEXT, label="Settings switches", old_name="dipswitch"),
        _i("dip_switches_mask", "Settings switches, as bits", "", U16),
        _e("led_state", "LEDs", labels.LED_STATE, "LED state"),
    ),
)
CHARGER = Layout(
    KIND,
    "charger",
    (
        _e("charge_state", "Charge state", labels.CHARGE_STATE, "Charge State", headline=True),
        _battery("target_voltage", "Target voltage", "target regulation voltage"),
        _n("charge_ah_resettable", "Charge since cleared", "Ah", 0, 4e8, 1, "Ah Charge Resettable"),
        _n("charge_ah_total", "Charge, total", "Ah", 0, 4e8, 1, "Ah Charge Total"),
        _i("charge_kwh_resettable", "Energy since cleared", "kWh", U16, "kWhr Charge Resettable"),
        _i("charge_kwh_total", "Energy, total", "kWh", U16, "kWhr Charge Total"),
    ),
)
MPPT = Layout(
    KIND,
    "mppt",
    (
        _watts("output_power", "Output power", "output power", headline=True),
        _watts("input_power", "Input power", "input power"),
        _watts("sweep_power_max", "Power at last sweep", "max power of last sweep"),
        _array("sweep_vmp", "Maximum power voltage at last sweep", "Vmp of last sweep"),
        _array("sweep_voc", "Open circuit voltage at last sweep", "Voc of last sweep"),
    ),
)
DAILY = Layout(
    KIND,
    "daily",
    (
        _battery(
            "daily_battery_voltage_min",
            "Lowest battery voltage today",
            "Battery Voltage Minimum Daily",
        ),
        _battery(
            "daily_battery_voltage_max",
            "Highest battery voltage today",
            "Battery Voltage Maximum Daily",
        ),
        _array(
            "daily_array_voltage_max", "Highest array voltage today", "Input Voltage Maximum Daily"
        ),
        _n("daily_charge_ah", "Charge today", "Ah", 0, 6553.5, 1, "Amp Hours accumulated daily"),
        _i(
            "daily_charge_wh",
            "Energy today",
            "Wh",
            U16,
            "Watt Hours accumulated daily",
            headline=True,
        ),
        _watts(
            "daily_output_power_max", "Highest output power today", "Maximum power output daily"
        ),
        _degrees(
            "daily_battery_temperature_min",
            "Lowest battery temperature today",
            "Minimum temperature daily",
        ),
        _degrees(
            "daily_battery_temperature_max",
            "Highest battery temperature today",
            "Maximum temperature daily",
        ),
        _i("daily_absorption_time", "Absorption time today", "s", U16, "time_ab_daily"),
        _i("daily_equalize_time", "Equalization time today", "s", U16, "time_eq_daily"),
        _i("daily_float_time", "Float time today", "s", U16, "time_fl_daily"),
        *_bits("daily_alarms", "Alarms today", U32),
        *_bits("daily_faults", "Faults today", U16),
        *_bits("daily_flags", "Events today", U16),
    ),
)


PER_12_V = ", per 12 V"


def _nominal(name: str, label: str, old: str) -> Channel:
    """A setpoint at 25 °C on a 12 V battery; 24 V systems double it, 48 V systems take it four
    times (section 5.1).
    """
    return _n(name, label + PER_12_V, "V", 0, 80, 3, old)


SETTINGS = Layout(
    KIND,
    "settings",
    (
        _nominal("absorption_voltage", "Absorption voltage", "EV_absorp"),
        _nominal("float_voltage", "Float voltage", "EV_float"),
        _i("absorption_time", "Absorption time", "s", U16, "Et_absorp"),
        _i("absorption_extension_time", "Extended absorption time", "s", U16, "Et_absorp_ext"),
        _nominal("absorption_extension_voltage", "Extended absorption below", "EV_absorp_ext"),
        _nominal("float_cancel_voltage", "Float cancelled below", "EV_float_cancel"),
        _i("float_exit_time", "Float left after", "s", U16, "Et_float_exit_cum"),
        _nominal("equalize_voltage", "Equalization voltage", "EV_eq"),
        _i("equalize_interval_days", "Equalization interval", "d", U16, "Et_eqcalendar"),
        _i("equalize_time_above_vreg", "Equalization limit above target", "s", U16, "Et_eq_above"),
        _i("equalize_time_at_veq", "Equalization limit at voltage", "s", U16, "Et_eq_reg"),
        _i(
            "battery_service_interval_days",
            "Battery service interval",
            "d",
            U16,
            "Et_battery_service",
        ),
        _n(
            "temperature_compensation",
            f"Temperature compensation, as a drop{PER_12_V}",
            "V/°C",
            0,
            1,
            4,
            "EV_tempcomp",
        ),
        _nominal("hvd_voltage", "High voltage disconnect", "EV_hvd"),
        _nominal("hvr_voltage", "High voltage reconnect", "EV_hvr"),
        _nominal("regulation_limit_voltage", "Regulation limit", "Evb_ref_lim"),
        _degrees("temp_comp_max", "Compensated up to", "ETb_max"),
        _degrees("temp_comp_min", "Compensated down to", "ETb_min"),
        _nominal("led_green_to_green_yellow_voltage", "LED green down to", "EV_soc_g_gy"),
        _nominal("led_green_yellow_to_yellow_voltage", "LED green-yellow down to", "EV_soc_gy_y"),
        _nominal("led_yellow_to_yellow_red_voltage", "LED yellow down to", "EV_soc_y_yr"),
        _nominal("led_yellow_red_to_red_voltage", "LED yellow-red down to", "EV_soc_yr_r"),
        _i("modbus_id", "Modbus unit", "", 247),
        _i("meterbus_id", "MeterBus number", "", 15),
        _n("battery_current_limit", "Charging current limit", "A", 0, 79.9, 4, "Elb_lim"),
        _n(
            "array_fixed_voltage",
            "Fixed array voltage at start",
            "V",
            0,
            179.9,
            3,
            "EVa_ref_fixed_init",
        ),
        _n(
            "array_fixed_percent",
            "Fixed share of open circuit voltage at start",
            "%",
            0,
            99.9,
            4,
            "EVa_ref_fixed_pet_init",
        ),
    ),
)
STORED = Layout(
    KIND,
    "stored",
    (
        _i("stored_hourmeter", "Operating time, saved", "h", U32),
        _n("stored_charge_ah_resettable", "Charge since cleared, saved", "Ah", 0, 4e8, 1),
        _n("stored_charge_ah_total", "Charge, total, saved", "Ah", 0, 4e8, 1),
        _i("stored_charge_kwh_resettable", "Energy since cleared, saved", "kWh", U16),
        _i("stored_charge_kwh_total", "Energy, total, saved", "kWh", U16),
        _battery("stored_battery_voltage_min", "Lowest battery voltage of 24 h"),
        _battery("stored_battery_voltage_max", "Highest battery voltage of 24 h"),
        _array("stored_array_voltage_max", "Highest array voltage of 24 h"),
        _i("days_since_equalize", "Time since equalization", "d", U16),
        _i("days_since_battery_service", "Time since battery service", "d", U16),
    ),
)
CONTROL = Layout(
    KIND,
    "control",
    (
        _amps("slave_current_setpoint", "Charging current from outside"),
        _battery("slave_voltage_setpoint", "Battery voltage from outside"),
        _array("array_fixed_voltage_setpoint", "Fixed array voltage"),
        _n("array_fixed_percent_setpoint", "Fixed share of open circuit voltage", "%", 0, 99.9, 4),
    ),
)

SCALED_MARK = "_scaled"
# Section 5.1: what the controller multiplies, and what it perhaps does.
PERHAPS_MULTIPLIED = "array_fixed_voltage"
_VOLTAGES = tuple(one for one in SETTINGS.channels if one.unit in ("V", "V/°C"))
MULTIPLIED = tuple(one.name for one in _VOLTAGES if one.name != PERHAPS_MULTIPLIED)


def _acting(setting: Channel) -> Channel:
    label = f"{setting.label.removesuffix(PER_12_V)}, for this battery"
    high = setting.high or 0
    return _n(f"{setting.name}{SCALED_MARK}", label, setting.unit, 0, high, setting.decimals)


SCALED = Layout(
    KIND,
    "scaled_settings",
    (_i("system_voltage", "Battery system", "V", 48, low=12), *map(_acting, _VOLTAGES)),
)
UNIT = Layout(
    KIND,
    "unit",
    (
        _e("model", "Model", labels.MODEL),
        _t("hardware_version", "Hardware version"),
        _i("firmware_version", "Firmware version", "", 9999),
        _n("v_pu", "Voltage scale", "V", 50, 400, 5),
        _n("i_pu", "Current scale", "A", 20, 200, 5),
        _t("vendor_name", "Maker, by its own description"),
        _t("product_code", "Product, by its own description"),
        _t("revision", "Revision, by its own description"),
    ),
)

LIVE = (ADC, TEMPERATURE, STATUS, CHARGER, MPPT, DAILY)
"""Tables whose values come out of one read."""
READ = (*LIVE, SETTINGS, STORED, CONTROL)
"""Tables whose values are words of one block."""
LAYOUTS = (*READ, SCALED, UNIT)
"""All tables that a unit has."""


def _network(prefix: str, words: str) -> tuple[Channel, ...]:
    return (
        _t(f"{prefix}_ip_address", f"IP address{words}"),
        _t(f"{prefix}_subnet_mask", f"Subnet mask{words}"),
        _t(f"{prefix}_gateway", f"Router{words}"),
        _t(f"{prefix}_primary_dns", f"First name server{words}"),
        _t(f"{prefix}_secondary_dns", f"Second name server{words}"),
        _t(f"{prefix}_controller_id", f"Controller name{words}"),
        _f(f"{prefix}_dhcp_enabled", f"DHCP{words}"),
    )


# What captures and vectors hold, not kept as readings: whose unit it is, and how it is reached over
# Ethernet.
_DECODED = (
    _t("serial_number", "Serial number"),
    *_network("net", ""),
    *_network("net_stored", ", saved"),
    _i("net_firmware_version", "Network firmware version", "", U16),
    _t("net_mac_address", "MAC address"),
    _t("net_netbios_name", "NetBIOS name"),
    _i("net_stored_http_port", "Web port, saved", "", U16),
    _i("net_stored_modbus_port", "Modbus TCP port, saved", "", U16),
    _f("net_stored_bridge_enabled", "Passing Modbus on to EIA-485, saved"),
    _i("net_stored_trap_port", "SNMP trap port, saved", "", U16),
    _f("net_stored_power_save", "Ethernet power saving, saved"),
    _i("daily_log_fields", "Values in the internal daily log, as bits", "", U16),
)

CHANNELS: dict[str, Channel] = {
    channel.name: channel
    for group in (*(layout.channels for layout in LAYOUTS), _DECODED)
    for channel in group
}
"""All channels by name."""
