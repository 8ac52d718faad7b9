"""Replies that are rows of tokens, one table per query and dialect (PI30 sheet, section 5)."""

from __future__ import annotations

from fieldstation.instruments.axpert.form import Form, form

# More tokens than documented are kept, not refused; no reply of 256 bytes has more than this.
ANY = 128

_INVERTER_BITS = (
    "scc_ok ac_charging_on scc_charging_on battery_status battery_status !line_ok load_on"
    " configuration_changed"
)

_STATUS_TABLE = """
    grid_voltage                000.0
    grid_frequency              00.0
    ac_output_voltage           000.0
    ac_output_frequency         00.0
    ac_output_apparent_power    0000
    ac_output_active_power      0000
    output_load_percent         000
    bus_voltage                 000
    battery_voltage             00.00
    battery_charging_current    000
    battery_capacity            000
    heatsink_temperature        0000
    pv1_input_current           0000
    pv1_input_voltage           000.0
    battery_voltage_scc         00.00
    battery_discharge_current   00000
    device_status               bits {bits}
    fan_on_voltage_offset       00 x0.01
    eeprom_version              text
    pv1_charging_power          00000
    device_status_2             bits charging_to_float switch_on dustproof_installed
    solar_feed_to_grid          0
    country_regulation          text
    solar_feed_to_grid_power    0000
"""
_STATUS_BITS = (
    "sbu_priority_version_added configuration_changed scc_firmware_updated load_on"
    " battery_voltage_steady charging_on scc_charging_on ac_charging_on"
)
QPIGS = form(_STATUS_TABLE.format(bits=_STATUS_BITS), 17, ANY)
# LV5048 gives the eight bits the meaning they have in QPGS (section 5.1, last paragraph).
QPIGS_SPLIT_PHASE = form(_STATUS_TABLE.format(bits=_INVERTER_BITS), 17, ANY)

QPIRI = form(
    """
    grid_rating_voltage             000.0
    grid_rating_current             00.0
    ac_output_rating_voltage        000.0
    ac_output_rating_frequency      00.0
    ac_output_rating_current        00.0
    ac_output_rating_apparent_power 0000
    ac_output_rating_active_power   0000
    battery_rating_voltage          00.0
    battery_recharge_voltage        00.0
    battery_under_voltage           00.0
    battery_bulk_voltage            00.0
    battery_float_voltage           00.0
    battery_type                    0
    max_ac_charging_current         00
    max_charging_current            000
    input_voltage_range             0
    output_source_priority          0
    charger_source_priority         0
    parallel_max_units              0
    machine_type                    text
    topology                        0
    output_mode                     0
    battery_redischarge_voltage     00.0
    pv_ok_condition                 0
    pv_power_balance                0
    max_cv_charging_time            000
    operation_logic                 0
    max_discharging_current         000
    """,
    25,
    ANY,
)

# Float stands before bulk here, the reverse of QPIRI (section 5.4).
_DEFAULTS_TABLE = """
    ac_output_voltage               000.0
    ac_output_frequency             00.0
    {third}                         0000
    battery_under_voltage           00.0
    battery_float_voltage           00.0
    battery_bulk_voltage            00.0
    battery_recharge_voltage        00.0
    {eighth}                        00
    input_voltage_range             0
    output_source_priority          0
    charger_source_priority         0
    battery_type                    0
    buzzer                          0 not
    power_saving                    0
    overload_restart                0
    over_temperature_restart        0
    backlight                       0
    primary_source_interrupt_alarm  0
    fault_code_record               0
    overload_bypass                 0
    lcd_escape_to_default           0
    output_mode                     0
    battery_redischarge_voltage     00.0
    pv_ok_condition                 0
    pv_power_balance                0
"""
_DEFAULTS = _DEFAULTS_TABLE.format(third="max_ac_charging_current", eighth="max_charging_current")
# The Plus Duo document exchanges the two current limits.
_DEFAULTS_DUO = _DEFAULTS_TABLE.format(
    third="max_charging_current", eighth="max_ac_charging_current"
)
QDI_MAX = form(
    f"""{_DEFAULTS.rstrip()}
    max_cv_charging_time            000
    max_discharging_current         000
    """,
    25,
    28,
)
QDI_KING = form(
    f"""{_DEFAULTS.rstrip()}
    max_cv_charging_time            000
    operation_logic                 0
    """,
    27,
    27,
)
QDI_DUO = form(
    f"""{_DEFAULTS_DUO.rstrip()}
    charging_stages                 0
    data_log_popup                  0
    max_solar_charging_current      000
    max_cv_charging_time            000
    """,
    29,
    ANY,
)

QPIGS2_ONE = form(
    """
    pv2_input_current   00.0
    pv2_input_voltage   000.0
    pv2_charging_power  00000
    """
)
QPIGS2_SPLIT_PHASE = form(
    """
    l2_grid_voltage             000.0
    l2_grid_frequency           00.0
    l2_ac_output_voltage        000.0
    l2_ac_output_frequency      00.0
    l2_ac_output_apparent_power 0000
    l2_ac_output_active_power   0000
    l2_output_load_percent      000
    pv2_input_current           0000
    pv2_input_voltage           000.0
    l2_battery_voltage          00.00
    device_status               bits scc2_ok l2_ac_charging_on scc2_charging_on - - !l2_line_ok l2_load_on -
    """  # noqa: E501 - one token is one line
)
QPIGS2_TWO = form(
    """
    pv2_input_current       0000
    pv2_input_voltage       000.0
    battery_voltage_scc2    00.00
    pv2_charging_power      00000
    device_status           bits scc2_charging_on scc3_charging_on - - - - - -
    ac_charging_current     0000
    ac_charging_power       0000
    pv3_input_current       0000
    pv3_input_voltage       000.0
    battery_voltage_scc3    00.00
    pv3_charging_power      00000
    pv_total_charging_power 00000
    """
)

QPGS = form(
    f"""
    parallel_unit_exists            0
    serial_number                   text
    device_mode                     text
    fault_code                      text
    grid_voltage                    000.0
    grid_frequency                  00.00
    ac_output_voltage               000.0
    ac_output_frequency             00.00
    ac_output_apparent_power        0000
    ac_output_active_power          0000
    output_load_percent             000
    battery_voltage                 00.0
    battery_charging_current        000
    battery_capacity                000
    pv1_input_voltage               000.0
    total_charging_current          000
    total_ac_output_apparent_power  00000
    total_ac_output_active_power    00000
    total_output_load_percent       000
    inverter_status                 bits {_INVERTER_BITS}
    output_mode                     0
    charger_source_priority         0
    max_charging_current            000
    max_charging_current_limit      000
    max_ac_charging_current         00
    pv1_input_current               00
    battery_discharge_current       000
    pv2_input_voltage               000.0
    pv2_input_current               00
    """,
    27,
    ANY,
)
QP2GS_SPLIT_PHASE = form(
    """
    parallel_field_raw          text
    serial_number               text
    device_mode                 text
    fault_code                  text
    l2_grid_voltage             000.0
    l2_grid_frequency           00.00
    l2_ac_output_voltage        000.0
    l2_ac_output_frequency      00.00
    l2_ac_output_apparent_power 0000
    l2_ac_output_active_power   0000
    l2_output_load_percent      000
    l2_battery_voltage          00.0
    l2_battery_charging_current 000
    l2_battery_capacity         000
    pv2_input_voltage           000.0
    pv2_input_current           00
    inverter_status             bits scc2_ok l2_ac_charging_on scc2_charging_on - - !l2_line_ok l2_load_on configuration_changed
    """  # noqa: E501 - one token is one line
)
QP2GS_TRACKERS = form(
    """
    parallel_unit_exists    0
    pv1_charging_power      00000
    pv2_input_voltage       000.0
    pv2_input_current       00
    pv2_charging_power      00000
    pv3_input_voltage       000.0
    pv3_input_current       00
    pv3_charging_power      00000
    inverter_status         bits scc2_ok scc2_charging_on scc3_ok scc3_charging_on - - - -
    """
)

QBEQI = form(
    """
    equalization_enabled        0
    equalization_time           000
    equalization_period         000
    equalization_max_current    000
    -                           000
    equalization_voltage        00.00
    -                           000
    equalization_over_time      000
    equalization_active         0
    equalization_elapsed        0000
    """,
    9,
    ANY,
)
# Token 1 says 0 for connected.
QBMS = form(
    """
    bms_connected               0 not
    bms_soc                     000
    bms_force_ac_charge         0
    bms_stop_discharge          0
    bms_stop_charge             0
    bms_cv_voltage              000 x0.1
    bms_float_voltage           000 x0.1
    bms_cutoff_voltage          000 x0.1
    bms_max_charging_current    0000
    bms_max_discharging_current 0000
    """,
    10,
    20,
)
Q1 = form(
    """
    absorb_time_remaining           00000
    float_time_remaining            00000
    scc_ok                          00
    allow_scc_on                    00
    charge_average_current          00
    scc_temperature                 000
    inverter_temperature            000
    battery_converter_temperature   000
    transformer_temperature         000
    parallel_role                   00
    fan_locked                      00
    -                               000
    fan_speed_percent               0000
    scc_charge_power                0000
    parallel_warning                text
    sync_frequency                  00.00
    charge_stage                    text
    """,
    17,
    ANY,
)

TABLES: dict[str, tuple[Form, ...]] = {
    "QPIGS": (QPIGS,),
    "QMOD": (form("device_mode text"),),
    "QPIRI": (QPIRI,),
    # QDI_KING is told from QDI_MAX by the width of its last token, see `codec`.
    "QDI": (QDI_MAX, QDI_DUO),
    "QPIGS2": (QPIGS2_ONE, QPIGS2_SPLIT_PHASE, QPIGS2_TWO),
    "QPGS": (QPGS,),
    "QP2GS": (QP2GS_SPLIT_PHASE, QP2GS_TRACKERS),
    "QBEQI": (QBEQI,),
    "QBMS": (QBMS,),
    "Q1": (Q1,),
    "QBOOT": (form("dsp_has_bootstrap 0"),),
    "QOPM": (form("output_mode 00"),),
    "QCST": (form("charging_stages 00"),),
    "QCVT": (form("max_cv_charging_time 000"),),
    "QBATCD": (form("- bits discharge_enabled discharge_standby_enabled charge_enabled"),),
    "QET": (form("pv_energy_total 00000000"),),
    "QEY": (form("pv_energy_year 00000000"),),
    "QEM": (form("pv_energy_month 00000000"),),
    "QED": (form("pv_energy_day 00000000"),),
    "QLT": (form("load_energy_total 00000000"),),
    "QLY": (form("load_energy_year 00000000"),),
    "QLM": (form("load_energy_month 00000000"),),
    "QLD": (form("load_energy_day 00000000"),),
}
"""Forms of each query, told apart by their count of tokens."""
