"""Bits and codes of the TriStar MPPT by their names. Sections are those of the TriStar MPPT sheet.

Each bit has the name used here and, behind the bar, the text of the previous system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Codes = Mapping[int | str, str]


@dataclass(frozen=True, slots=True)
class Bits:
    """Names of the bits of a field, lowest first; `old` are those of the previous system."""

    names: tuple[str, ...]
    old: tuple[str, ...]

    def set_in(self, mask: int) -> list[str]:
        """Names of the bits that are set, lowest first."""
        return _set(self.names, mask)

    def old_set_in(self, mask: int) -> list[str]:
        """The same in the words of the previous system."""
        return _set(self.old, mask)


def _set(names: Sequence[str], mask: int) -> list[str]:
    return [name for bit, name in enumerate(names) if mask >> bit & 1]


def _bits(table: str, size: int, name: str, old: str) -> Bits:
    """The table, filled up to `size` bits; `name` and `old` take the bit's number."""
    rows = [line.split(" | ") for line in table.strip().splitlines()]
    rows += [[name.format(bit), old.format(bit + 1)] for bit in range(len(rows), size)]
    return Bits(tuple(row[0] for row in rows), tuple(row[1] for row in rows))


# Section 8.1.
FAULTS = _bits(
    """
overcurrent | overcurrent
fets_shorted | FETs shorted
software_bug | software bug
battery_hvd | battery HVD
array_hvd | array HVD
settings_switch_changed | settings switch changed
custom_settings_edit | custom settings edit
rts_shorted | RTS shorted
rts_disconnected | RTS disconnected
eeprom_retry_limit | EEPROM retry limit
reserved_10 | N/A 10
slave_control_timeout | Slave Control Timeout
fault_13 | N/A 13
fault_14 | N/A 14
fault_15 | N/A 15
fault_16 | N/A 16
""",
    16,
    "",
    "",
)
# Section 8.2.
ALARMS = _bits(
    """
rts_open | RTS open
rts_shorted | RTS shorted
rts_disconnected | RTS disconnected
heatsink_sensor_open | Heatsink temp sensor open
heatsink_sensor_shorted | Heatsink temp sensor shorted
high_temperature_current_limit | High temperature current limit
current_limit | Current limit
current_offset | Current offset
battery_sense_out_of_range | Battery sense out of range
battery_sense_disconnected | Battery sense disconnected
uncalibrated | Uncalibrated
rts_miswire | RTS miswire
high_voltage_disconnect | High voltage disconnect
undefined_13 | Undefined
system_miswire | System miswire
mosfet_open | MOSFET open
p12_voltage_off | P12 voltage off
high_input_voltage_current_limit | High input voltage current limit
adc_input_max | ADC input max
controller_was_reset | Controller was reset
alarm_21 | N/A 21
alarm_22 | N/A 22
alarm_23 | N/A 23
alarm_24 | N/A 24
""",
    32,
    "unknown_bit_{}",
    "N/A {}",
)
# Section 8.6.
DAILY_FLAGS = _bits(
    """
reset_detected | Reset detected
equalize_triggered | Equalize Triggered
entered_float | Entered float
alarm_occurred | An alarm occurred
fault_occurred | A fault occurred
""",
    16,
    "unknown_bit_{}",
    "N/A {}",
)

BITS: dict[str, Bits] = {
    "faults": FAULTS,
    "alarms": ALARMS,
    "daily_faults": FAULTS,
    "daily_alarms": ALARMS,
    "daily_flags": DAILY_FLAGS,
}
"""Names of the bits of each field that is a list of them."""

# Section 8.3.
SWITCHES = 8


def _counted(words: str, mark: str = " ") -> Codes:
    return dict(enumerate(words.split(mark)))


# Section 8.4. 7 is probably green and yellow, 9 yellow and red, but no document says so.
LED_STATE = _counted(
    "led_start led_start2 led_branch green_fast_blink green_slow_blink green_blink_1hz green"
    " undefined_7 yellow undefined_9 red_blink red error_r_y_g error_ry_g error_rg_y"
    " error_r_y_htd error_r_g_hvd error_ry_gy error_gyr gyr_x2"
)
OLD_LED_STATE = _counted(
    "LED START|LED START 2|LED BRANCH|FAST GREEN BLINK|SLOW GREEN BLINK|GREEN BLINK, 1HZ"
    "|GREEN LED|UNDEFINED|YELLOW LED|UNDEFINED|BLINKING RED LED|RED LED|R-Y-G ERROR"
    "|R/Y-G ERROR|R/G-Y ERROR|R-Y ERROR (HTD)|R-G ERROR (HVD)|R/Y-G/Y ERROR|G/Y/R ERROR"
    "|G/Y/R X2",
    "|",
)
# Section 8.5.
CHARGE_STATE = _counted(
    "start night_check disconnect night fault mppt absorption float equalize slave"
)
# Section 5.2; 2 is known from one other program only.
MODEL: Codes = {0: "TS-MPPT-45", 1: "TS-MPPT-60", 2: "TS-MPPT-30"}
