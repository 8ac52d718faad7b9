"""What the counts and the registers of a BH1745NUC mean (I2C sensors sheet, sections 3.1 and 3.3).

1. Counts are counts. Illuminance, colour temperature and irradiance are computed from them with
   coefficients that are good to 10 or 20 %.
2. One full colour makes every computed value wrong, so none is given.
   `test_one_full_colour_leaves_nothing_computed`
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fieldstation.instruments.bh1745.channels import HOTTEST_K

FULL = 65_535
PART_ID, MANUFACTURER = 0x0B, 0xE0

# Section 3.1.
TIMES_MS = (160, 320, 640, 1280, 2560, 5120)
GAINS = {0: 1, 1: 2, 2: 16}
VALID, ENABLED = 0x80, 0x10
COLOURS = ("red", "green", "blue", "clear")

# Counts for 20 µW/cm² of a LED of the colour, at gain 16 and 160 ms (section 3.3).
SENSITIVITY = {"red": 4000, "green": 3350, "blue": 2370}
REFERENCE_UW_CM2, REFERENCE_GAIN, REFERENCE_MS = 20, 16, 160

# Below this ratio of clear to green, in thousandths, the light has little infrared.
INFRARED_FROM = 160

# Weights of red and green for lux at gain 1 and 160 ms: little infrared, much of it.
LUX_WEIGHTS = ((0.202, 0.766), (0.159, 0.646))

# For each: how fast blue weighs, then factor and exponent of the red and the blue curve.
KELVIN_CURVES = (
    (3.13, 12_746.0, -2.911, 1_637.0, 4.865),
    (10.67, 16_234.0, -2.781, 1_882.0, 4.448),
)


def light(
    counts: Mapping[str, int], gain: int, measurement_ms: int, window: float = 1.0
) -> dict[str, Any]:
    """What the counts of the four colours mean; `window` is the share of light that a cover lets
    through. Computed values are None when a colour is full.
    """
    values: dict[str, Any] = {f"{colour}_counts": counts[colour] for colour in COLOURS}
    saturated = any(counts[colour] >= FULL for colour in COLOURS)
    computed = {
        "illuminance": _illuminance(counts) / gain * 160 / measurement_ms / window,
        "colour_temperature": _colour_temperature(counts),
        **{
            f"{colour}_irradiance": _irradiance(counts[colour], colour, gain, measurement_ms)
            for colour in SENSITIVITY
        },
    }
    if saturated:
        computed = dict.fromkeys(computed)
    return values | {"saturated": saturated} | computed


def _illuminance(counts: Mapping[str, int]) -> float:
    """Lux at gain 1 and 160 ms."""
    if counts["green"] < 1:
        return 0.0
    red, green = LUX_WEIGHTS[_infrared(counts)]
    return red * counts["red"] + green * counts["green"]


def _colour_temperature(counts: Mapping[str, int]) -> float | None:
    """Kelvin, at most 10,000; None without green."""
    if counts["green"] < 1:
        return None
    total = counts["red"] + counts["green"] + counts["blue"]
    red, blue = counts["red"] / total, counts["blue"] / total
    steep, warm, warm_rate, cold, cold_rate = KELVIN_CURVES[_infrared(counts)]
    share = min(steep * blue, 1.0)
    kelvin = (1 - share) * warm * math.exp(warm_rate * red)
    return min(HOTTEST_K, kelvin + share * cold * math.exp(cold_rate * blue))


def _irradiance(counts: int, colour: str, gain: int, measurement_ms: int) -> float:
    scale = REFERENCE_GAIN / gain * REFERENCE_MS / measurement_ms
    return counts * REFERENCE_UW_CM2 / SENSITIVITY[colour] * scale


def _infrared(counts: Mapping[str, int]) -> bool:
    # In whole numbers, so that the border does not depend on rounding.
    return 1000 * counts["clear"] >= INFRARED_FROM * counts["green"]


def decode_mode1(byte: int) -> dict[str, Any]:
    """Measurement time; None for a code that is forbidden."""
    code = byte & 7
    return {"measurement_ms": TIMES_MS[code] if code < len(TIMES_MS) else None}


def decode_mode2(byte: int) -> dict[str, Any]:
    """Whether a result is new, whether it measures, and the gain; None for a forbidden one."""
    return {
        "valid": bool(byte & VALID),
        "rgbc_enabled": bool(byte & ENABLED),
        "gain": GAINS.get(byte & 3),
    }


def decode_system(byte: int) -> dict[str, Any]:
    """Resets under way and the part's number."""
    part = byte & 0x3F
    return {
        "sw_reset": bool(byte & 0x80),
        "int_reset": bool(byte & 0x40),
        "part_id": part,
        "is_bh1745": part == PART_ID,
    }


def encode_modes(gain: int, measurement_ms: int) -> tuple[int, int]:
    """The two mode registers of a part that measures. Raises ValueError for a gain or time that
    there is not.
    """
    gains = {value: code for code, value in GAINS.items()}
    if gain not in gains or measurement_ms not in TIMES_MS:
        raise ValueError(f"a BH1745NUC has no gain {gain} with {measurement_ms} ms")
    return TIMES_MS.index(measurement_ms), ENABLED | gains[gain]
