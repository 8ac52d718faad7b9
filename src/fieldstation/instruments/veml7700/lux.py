"""What the counts and the configuration of a VEML7700 mean (I2C sensors sheet, 2.1 to 2.4).

1. Counts become lux by gain, time and a base that the vendor has printed as 0.0036 and as 0.0042;
   the base is given, never assumed here. `test_both_bases_are_kept_apart`
2. The correction for bright light is applied above 1000 lx only, or above 100 lx where it is said
   so: texts of the vendor differ. `test_correction_of_the_vendor`
3. A full counter and a result beyond the correction's reach give no illuminance.
   `test_full_counter_gives_no_illuminance`
"""

from __future__ import annotations

from typing import Any

from fieldstation.instruments.veml7700.channels import BRIGHTEST_LX

BASE_LX = 0.0042
FULL = 65_535

# Section 2.1. Neither code is in the order of size.
GAINS = {0b00: 1.0, 0b01: 2.0, 0b10: 0.125, 0b11: 0.25}
TIMES_MS = {0b1100: 25, 0b1000: 50, 0b0000: 100, 0b0001: 200, 0b0010: 400, 0b0011: 800}
PERSISTENCE = (1, 2, 4, 8)
SHUT_DOWN = 0x0001
RESERVED = 0xE40C
CORRECTED_FROM_LX = 1000.0

# Section 2.4, from x⁴ to x.
CORRECTION = (6.0135e-13, -9.3924e-9, 8.1488e-5, 1.0023)


def lux_per_count(gain: float, integration_ms: float, base_lx: float) -> float:
    """Lux that one count stands for; `base_lx` is that of gain 2 and 800 ms."""
    return base_lx * (800 / integration_ms) * (2 / gain)


def corrected(linear_lx: float, from_lx: float = CORRECTED_FROM_LX) -> float:
    """Illuminance in lx after the correction for light above `from_lx`."""
    if linear_lx <= from_lx:
        return linear_lx
    value = 0.0
    for factor in CORRECTION:
        value = (value + factor) * linear_lx
    return value


def illuminance(
    counts: int, per_count_lx: float, from_lx: float = CORRECTED_FROM_LX
) -> dict[str, Any]:
    """What counts mean, corrected above `from_lx`. `illuminance` is None when the counter is full
    or the result is beyond 140,000 lx.
    """
    linear = counts * per_count_lx
    value = corrected(linear, from_lx)
    saturated = counts >= FULL
    usable = not saturated and value <= BRIGHTEST_LX
    return {
        "als_counts": counts,
        "lux_per_count": per_count_lx,
        "illuminance_linear": linear,
        "illuminance": value if usable else None,
        "saturated": saturated,
    }


def config_word(gain: float, integration_ms: int, *, shut_down: bool = False) -> int:
    """The configuration word. Raises ValueError for a gain or time that there is not."""
    gains = {value: code for code, value in GAINS.items()}
    times = {value: code for code, value in TIMES_MS.items()}
    if gain not in gains or integration_ms not in times:
        raise ValueError(f"a VEML7700 has no gain {gain:g} with {integration_ms} ms")
    return gains[gain] << 11 | times[integration_ms] << 6 | int(shut_down)


def decode_config(data: bytes) -> dict[str, Any]:
    """The configuration; None for a time that the part does not have."""
    word = int.from_bytes(data, "little")
    return {
        "word": word,
        "gain": GAINS[word >> 11 & 3],
        "integration_ms": TIMES_MS.get(word >> 6 & 0xF),
        "persistence": PERSISTENCE[word >> 4 & 3],
        "interrupt_enabled": bool(word & 2),
        "shutdown": bool(word & SHUT_DOWN),
    }
