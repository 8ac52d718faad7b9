"""Panels and weather of a simulated site, each a function of seed and UTC time alone (TriStar MPPT
sheet, section 11.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fieldstation.instruments.chance import between, smooth

DAY_S = 86400
SUNRISE_S = 6.5 * 3600
SUNSET_S = 18.5 * 3600
# Open-circuit voltage of the array in full sun at 25 °C, and the share where its power is highest.
VOC = 75.0
VMP_SHARE = 0.815
# Power of the array for each 12 V of the battery.
POWER_W = 400.0


@dataclass(frozen=True, slots=True)
class Sun:
    """One instant: `light` 0 to 1, air and cell temperature in °C, `voc` in V, `power_w` that the
    array could give to a 12 V system.
    """

    light: float
    air: float
    voc: float
    power_w: float

    @property
    def vmp(self) -> float:
        """The voltage at which the array gives most."""
        return VMP_SHARE * self.voc


def sun(seed: int, utc_s: float) -> Sun:
    """The sun at an instant."""
    light = _clear(utc_s) * _clouds(seed, utc_s)
    air = 12 + 10 * math.sin(2 * math.pi * (utc_s / 3600 - 9) / 24)
    cell = air + 25 * light
    if light == 0:
        return Sun(0.0, air, between(0.3, 1.2, seed, "dark", int(utc_s)), 0.0)
    voc = VOC * (1 + 0.06 * math.log(max(light, 0.001))) * (1 - 0.003 * (cell - 25))
    return Sun(light, air, voc, POWER_W * light * (1 - 0.004 * (cell - 25)))


def _clear(utc_s: float) -> float:
    share = (utc_s % DAY_S - SUNRISE_S) / (SUNSET_S - SUNRISE_S)
    return math.sin(math.pi * share) ** 1.2 if 0 < share < 1 else 0.0


def _clouds(seed: int, utc_s: float) -> float:
    """Share that passes, 0.3 to 1; each day has its own kind of sky."""
    heavy = between(0, 1, seed, "sky", int(utc_s // DAY_S)) ** 2
    return 1 - 0.7 * heavy * smooth(utc_s, 900, seed, "cloud")


def load_a(seed: int, utc_s: float) -> float:
    """Current that the site draws, in A: the 2 A of the sheet day and night, and work by day,
    without which a day's energy would find no use.
    """
    work = 12 * max(0.0, math.sin(math.pi * (utc_s % DAY_S / 3600 - 7) / 12))
    return 2 + work + 0.5 * smooth(utc_s, 300, seed, "load")
