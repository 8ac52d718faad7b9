"""A plausible day outdoors, for twins of sensors: temperature, humidity and light as functions of
UTC time alone (I2C sensors sheet, section 6).
"""

from __future__ import annotations

import math

from fieldstation.instruments.chance import chance, smooth

DAY_S = 86_400.0

COLDEST_C, WARMEST_C = 12.0, 28.0
WARMEST_AT_S = 15 * 3600.0

DAWN_S = 6.5 * 3600
LIGHT_S = 12 * 3600.0
NOON_LX = 90_000.0


def temperature_c(utc_s: float, seed: int) -> float:
    """Air temperature in °C: 12 to 28, warmest at 15:00, some days milder."""
    day = (1 + math.cos(2 * math.pi * (utc_s - WARMEST_AT_S) / DAY_S)) / 2
    warmth = 0.8 + 0.2 * smooth(utc_s, DAY_S, seed, "warmth")
    return COLDEST_C + (WARMEST_C - COLDEST_C) * day * warmth


def humidity_percent(utc_s: float, seed: int) -> float:
    """Relative humidity in %: 95 at the coldest, 2.2 less for every degree above, 35 to 98."""
    damp = 3 * smooth(utc_s, 7200, seed, "damp")
    return min(98.0, max(35.0, 95 + damp - 2.2 * (temperature_c(utc_s, seed) - COLDEST_C)))


def illuminance_lx(utc_s: float, seed: int) -> float:
    """Light of the open sky in lx: 0 at night, up to 90,000; clouds dim it."""
    height = math.sin(math.pi * (utc_s % DAY_S - DAWN_S) / LIGHT_S)
    overcast = chance(seed, "sky", int(utc_s // DAY_S))
    cloud = 1 - 0.8 * overcast * smooth(utc_s, 900, seed, "cloud")
    return NOON_LX * math.pow(max(0.0, height), 1.3) * cloud
