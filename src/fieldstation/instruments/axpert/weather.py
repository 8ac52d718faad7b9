"""Sun, clouds and household of a simulated site, each a function of seed and UTC time alone."""

from __future__ import annotations

import math

from fieldstation.instruments.chance import between, chance, smooth

DAY_S = 86400
# PI30 sheet, section 11.4: light from 07:00 to 19:00.
DAWN_S = 7 * 3600
LIGHT_S = 12 * 3600

# Household of section 11.4: a base load and peaks on top.
BASE_W = 150.0
FRIDGE_W = 90.0
FRIDGE_S = 2400
PEAK_SLOT_S = 600
# Chance of a large appliance in a slot of ten minutes, by hour of the day.
_NIGHT, _MORNING, _NOON = (0.01,) * 6, (0.10, 0.20, 0.15, 0.06, 0.06, 0.06), (0.15, 0.18)
_PEAKS = (*_NIGHT, *_MORNING, *_NOON, *(0.06,) * 4, 0.20, 0.25, 0.22, 0.15, 0.10, 0.04)


def sunlight(utc_s: float) -> float:
    """Share of the clear-sky noon, 0 to 1."""
    return max(0.0, math.sin(math.pi * (utc_s % DAY_S - DAWN_S) / LIGHT_S))


def lit_since_midnight(utc_s: float) -> bool:
    """Whether dawn of this day has passed."""
    return utc_s % DAY_S >= DAWN_S


def clear_sky(seed: int, utc_s: float) -> float:
    """Share of sunlight that clouds let through, 0 to 1. Every day draws its own kind of sky."""
    overcast = chance(seed, "sky", int(utc_s // DAY_S)) ** 2
    slow = smooth(utc_s, 5400, seed, "front")
    fast = smooth(utc_s, 180, seed, "cloud")
    shade = overcast * (0.35 + 0.4 * slow) + overcast * (1 - overcast) * fast
    return 1.0 - min(0.95, shade)


def load_w(seed: int, utc_s: float) -> float:
    """What the household draws, in W."""
    fridge = FRIDGE_W if (utc_s % FRIDGE_S) < FRIDGE_S * 0.4 else 0.0
    evening = 120.0 if utc_s % DAY_S >= 18 * 3600 else 0.0
    noise = 15 * smooth(utc_s, 30, seed, "small")
    return BASE_W + fridge + evening + noise + _peak_w(seed, utc_s)


def _peak_w(seed: int, utc_s: float) -> float:
    slot, at_s = divmod(utc_s, PEAK_SLOT_S)
    key = (seed, "peak", int(slot))
    if chance(*key) >= _PEAKS[int(utc_s % DAY_S // 3600)]:
        return 0.0
    start_s = between(0, PEAK_SLOT_S / 2, *key, "start")
    long_s = between(60, PEAK_SLOT_S / 2, *key, "long")
    return between(300, 2000, *key, "watt") if start_s <= at_s < start_s + long_s else 0.0
