"""What the words and registers of an Si7020 mean (I2C sensors sheet, sections 1.2 to 1.6)."""

from __future__ import annotations

import math
from typing import Any

HUMIDITY_BITS, TEMPERATURE_BITS = 0b10, 0b00
LOWEST_C, HIGHEST_C = -45.0, 130.0

# Section 1.2: bits of humidity and temperature for bits 7 and 0 of the user register.
RESOLUTIONS = {0x00: (12, 14), 0x01: (8, 12), 0x80: (10, 13), 0x81: (11, 11)}
VDD_LOW, HEATER_ON = 0x40, 0x04

# Section 1.6: typical current in mA; between these points it grows by 6.074 mA a step.
HEATER_MA = {0: 3.09, 1: 9.18, 2: 15.24, 4: 27.39, 8: 51.69, 15: 94.20}
PARTS = {0x14: "Si7020", 0x15: "Si7021", 0x0D: "Si7013", 0x00: "sample", 0xFF: "sample"}
FIRMWARE = {0xFF: "1.0", 0x20: "2.0"}

# Section 1.4, Magnus formula.
MAGNUS_A, MAGNUS_B_C = 17.62, 243.12


def crc8(data: bytes) -> int:
    """Polynomial 0x31, start 0, nothing reflected (section 1.5). The byte DC gives 79."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x31 if crc & 0x80 else 0)) & 0xFF
    return crc


def humidity_of(code: int) -> dict[str, Any]:
    """Relative humidity in % from a word, as computed and within 0 to 100."""
    unclamped = 125 * code / 65536 - 6
    return {
        "rh_code": code,
        "humidity_unclamped": unclamped,
        "humidity": min(100.0, max(0.0, unclamped)),
    }


def temperature_of(code: int) -> dict[str, Any]:
    """Temperature in °C from a word."""
    return {"temp_code": code, "temperature": 175.72 * code / 65536 - 46.85}


def dew_point(temperature_c: float, humidity: float) -> float | None:
    """Dew point in °C; None for perfectly dry air, which has none."""
    if humidity <= 0:
        return None
    x = math.log(humidity / 100) + MAGNUS_A * temperature_c / (MAGNUS_B_C + temperature_c)
    return MAGNUS_B_C * x / (MAGNUS_A - x)


def user_register(data: bytes) -> dict[str, Any]:
    """Resolution, supply and heater."""
    rh_bits, temp_bits = RESOLUTIONS[data[0] & 0x81]
    return {
        "rh_bits": rh_bits,
        "temp_bits": temp_bits,
        "vdd_low": bool(data[0] & VDD_LOW),
        "heater_on": bool(data[0] & HEATER_ON),
    }


def heater_register(data: bytes) -> dict[str, Any]:
    """Level of the heater, 0 to 15, and the current in mA that it typically takes."""
    level = data[0] & 0x0F
    current = HEATER_MA.get(level, round(HEATER_MA[0] + 6.074 * level, 2))
    return {"heater_level": level, "heater_current_ma_typ": current}


def part_of(serial: bytes) -> str:
    """Name of the part from its eight serial bytes; empty for one that is not of the family, and
    for a bus that always reads the same.
    """
    return PARTS.get(serial[4], "") if len(set(serial)) > 1 else ""
