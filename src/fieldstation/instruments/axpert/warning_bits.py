"""QPIWS: what each character of the warning string means, by dialect (PI30 sheet, section 5.7).

1. The string is text, never a binary number: newer units put digits of a fault code inside
   (test_digits_of_a_fault_code_are_no_warning_bits).
2. Bit 1 turns some warnings into faults (test_inverter_fault_turns_warnings_into_faults).
3. A dialect is named by its length, `lv5048`, `king` and `max48` by what else the unit tells.
"""

from __future__ import annotations

import re

from fieldstation.errors import CodecError

LEAST = 32
INVERTER_FAULT = 1

# Name, then its severity for 32 characters (HS/MS, KS), LV5048, 36 of GK/MK, 36 of MAX, 38 (Plus
# Duo): f fault, w warning, c fault if bit 1 is set and else warning, - reserved.
# MAX documents reserve bits 24 to 29; units of 36 characters that set them mean the GK/MK names.
_COMMON = """
    pv_loss                   - - w w -
    inverter_fault            f f f f f
    bus_over_voltage          f f f f f
    bus_under_voltage         f f f f f
    bus_soft_start_fail       f f f f f
    line_fail                 w w w w w
    output_short_circuit      w w f f w
    inverter_voltage_too_low  f f f f f
    inverter_voltage_too_high f f f f f
    over_temperature          c c c c c
    fan_locked                c c c c c
    battery_voltage_high      c c c c c
    battery_low_alarm         w w w w w
    overcharge                - f - - -
    battery_under_shutdown    w w w w w
    battery_derating          - w w w -
    overload                  c c c c c
    eeprom_fault              w w w w w
    inverter_over_current     f f f f f
    inverter_soft_start_fail  f f f f f
    self_test_fail            f f f f f
    output_dc_voltage_over    f f f f f
    battery_open              f f f f f
    current_sensor_fail       f f f f f
    battery_short             f f f f f
    power_limit               w w w w w
    pv_voltage_high           w w w w w
    mppt_overload_fault       w w f f w
    mppt_overload_warning     w w w w w
    battery_too_low_to_charge w w w w w
"""
# Column of each dialect; a MAX of 48 V differs from other units of 36 characters in the tail only.
_DIALECTS = {"32": 0, "lv5048": 1, "king": 2, "36": 3, "max48": 3, "38": 4}
NAMED = frozenset({"lv5048", "king", "max48"})
"""Dialects that no length tells."""

# Position, name and severity of the characters after the common ones.
_TAILS: dict[str, tuple[tuple[int, str, str], ...]] = {
    "32": (),
    "lv5048": ((30, "slave", "w"),),
    "king": (
        (30, "dcdc_over_current", "f"),
        (33, "low_pv_energy", "w"),
        (34, "high_ac_input_at_soft_start", "w"),
        (35, "battery_equalization", "w"),
    ),
    "36": ((35, "battery_equalization", "w"),),
    "max48": ((31, "battery_weak", "w"), (35, "battery_equalization", "w")),
    "38": (
        (30, "pv2_voltage_high", "w"),
        (31, "mppt2_overload_fault", "w"),
        (32, "mppt2_overload_warning", "w"),
        (33, "battery_too_low_to_charge_2", "w"),
        (34, "pv3_voltage_high", "w"),
        (35, "mppt3_overload_fault", "w"),
        (36, "mppt3_overload_warning", "w"),
        (37, "battery_too_low_to_charge_3", "w"),
    ),
}


def _table(column: int, dialect: str) -> dict[int, tuple[str, str]]:
    rows = [line.split() for line in _COMMON.strip().splitlines()]
    common = {bit: (words[0], words[1 + column]) for bit, words in enumerate(rows)}
    tail = {bit: (name, severity) for bit, name, severity in _TAILS[dialect]}
    return {bit: row for bit, row in (common | tail).items() if row[1] != "-"}


TABLES = {dialect: _table(column, dialect) for dialect, column in _DIALECTS.items()}
"""Name and severity of each bit, by dialect."""

# Characters 31 to 33 may be digits of a fault code, on units with 36 of them.
_FORM = re.compile(r"[01]{30}([01]{2,8}|[01][0-9]{3}[01]{2})")


def decode_warnings(text: str, dialect: str = "") -> tuple[str, list[str], list[str]]:
    """The bit string without blanks, names of faults and names of warnings, each in bit order.

    Raises CodecError: `field_count` below 32 characters, `bad_field` for a string of another form.
    """
    bits = text.replace(" ", "")
    if len(bits) < LEAST:
        raise CodecError("field_count", f"QPIWS answers with at least {LEAST} bits")
    if not _FORM.fullmatch(bits):
        raise CodecError("bad_field", f"QPIWS cannot answer {bits[:40]!r}")
    table = TABLES[dialect if dialect in NAMED else _by_length(len(bits))]
    faulty = bits[INVERTER_FAULT] == "1"
    faults: list[str] = []
    warnings: list[str] = []
    for bit, (name, severity) in table.items():
        if bit < len(bits) and bits[bit] == "1":
            grave = severity == "f" or (severity == "c" and faulty)
            (faults if grave else warnings).append(name)
    return bits, faults, warnings


def _by_length(length: int) -> str:
    return "32" if length < 36 else "36" if length < 38 else "38"


def encode_warnings(names: set[str], width: int) -> str:
    """The string of `width` characters that a unit sends while `names` hold."""
    table = TABLES[_by_length(width)]
    on = {bit for bit, (name, _severity) in table.items() if name in names}
    return "".join("1" if bit in on else "0" for bit in range(width))
