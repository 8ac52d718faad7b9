"""What an OPC-N3 can be told (OPC-N3 sheet, sections 3 to 5), and what it must not be told.

1. Two commands are not here because a station has no use for them and one slip ruins the unit: the
   serial number can be written once in its life, and the bootloader stops it.
   `test_ruinous_commands_cannot_be_encoded`
2. Payload follows only behind "ready", since some option bytes equal their command.
"""

from __future__ import annotations

from dataclasses import dataclass

BUSY, READY = 0x31, 0xF3
# Polls behind the first byte before a command counts as stuck (section 2).
MOST_POLLS = 20


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `name` as vectors call it, `reads` and `writes` bytes behind "ready"."""

    code: int
    name: str
    reads: int = 0
    writes: int = 0


WRITE_POWER = Command(0x03, "write_power", writes=1)
SET_WEIGHTING = Command(0x05, "set_bin_weighting_index", writes=1)
RESET = Command(0x06, "reset")
READ_SERIAL = Command(0x10, "read_serial", reads=60)
READ_FIRMWARE = Command(0x12, "read_firmware", reads=2)
READ_POWER = Command(0x13, "read_power_status", reads=6)
READ_HISTOGRAM = Command(0x30, "read_histogram", reads=86)
READ_PM = Command(0x32, "read_pm", reads=14)
WRITE_CONFIG = Command(0x3A, "write_config", writes=167)
READ_CONFIG = Command(0x3C, "read_config", reads=168)
READ_INFO = Command(0x3F, "read_info", reads=60)
SET_POT = Command(0x42, "set_digital_pot", writes=2)
SAVE_CONFIG = Command(0x43, "save_config", writes=5)
CHECK_STATUS = Command(0xCF, "check_status")

COMMANDS = (
    WRITE_POWER, SET_WEIGHTING, RESET, READ_SERIAL, READ_FIRMWARE, READ_POWER, READ_HISTOGRAM,
    READ_PM, WRITE_CONFIG, READ_CONFIG, READ_INFO, SET_POT, SAVE_CONFIG, CHECK_STATUS,
)  # fmt: skip
BY_CODE = {command.code: command for command in COMMANDS}
BY_NAME = {command.name: command for command in COMMANDS}

# Option byte of WRITE_POWER: target shifted left, the lowest bit is the state (section 5).
FAN, LASER_POT, LASER, GAIN = 1, 2, 3, 4
TARGETS = {FAN: "fan_digital_pot", LASER_POT: "laser_digital_pot", LASER: "laser_switch",
           GAIN: "high_gain"}  # fmt: skip
SAVE_KEY = bytes((0x3F, 0x3C, 0x3F, 0x3C, 0x43))


def power_option(target: int, on: bool) -> bytes:
    """The payload of WRITE_POWER that switches `target`."""
    return bytes((target << 1 | on,))
