"""The twin's battery: a solar pack whose every value follows from the time and a seed.

The charge is a curve over the day, and the current is its slope, so counting coulombs over any
stretch of time gives the charge back. Nothing is remembered: any instant may be asked for.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from fieldstation.instruments.chance import between, smooth

DAY_S = 86_400.0
# Section 14: eight LiFePO4 cells of 180 Ah in two strings.
CELL_AH = 180.0
INTERNAL_OHM = 0.0006
# Charge and rest voltage of a LiFePO4 cell.
REST_V = (
    (0.0, 2.80),
    (0.05, 3.05),
    (0.1, 3.18),
    (0.2, 3.23),
    (0.4, 3.27),
    (0.6, 3.29),
    (0.8, 3.32),
    (0.95, 3.34),
    (1.0, 3.42),
)
# Sun comes in at 7 and the pack is fullest at 15.5 hours of local time.
EMPTIEST_H, FULLEST_H = 7.0, 15.5
SLOPE_S = 30.0


@dataclass(frozen=True, slots=True)
class Size:
    """A pack: `cells` in all, in `strings` parallel strings; whether cells have sensors of their
    own, and how many CAN modules carry them.
    """

    cells: int
    strings: int
    external_sensors: bool = False
    modules: int = 2

    @property
    def capacity_c(self) -> int:
        """Full charge in coulombs."""
        return round(CELL_AH * 3600 * self.strings)

    @property
    def series(self) -> int:
        """Cells of one string."""
        return self.cells // self.strings


class Pack:
    """The battery of one twin. Times are UTC seconds since 1970."""

    def __init__(self, size: Size, seed: int) -> None:
        self.size = size
        self._seed = seed
        cells = range(size.cells)
        self._spread_v = [between(-0.012, 0.012, seed, "cell", n) for n in cells]
        self._spread_degrees = [between(-1.5, 1.5, seed, "module", n) for n in cells]

    def charge(self, utc_s: float) -> float:
        """State of charge, 0 to 1."""
        hour = utc_s % DAY_S / 3600
        rise = (hour - EMPTIEST_H) / (FULLEST_H - EMPTIEST_H)
        fall = ((hour - FULLEST_H) % 24) / (24 - FULLEST_H + EMPTIEST_H)
        up = EMPTIEST_H <= hour < FULLEST_H
        full = (1 - math.cos(math.pi * rise)) / 2 if up else (1 + math.cos(math.pi * fall)) / 2
        depth = 0.15 + 0.35 * smooth(utc_s, DAY_S, self._seed, "depth")
        loads = 0.02 * smooth(utc_s, 1800.0, self._seed, "loads")
        return min(1.0, 1.01 - depth * (1 - full) - loads)

    def current_a(self, utc_s: float) -> float:
        """Pack current, charging positive: the slope of the charge."""
        gained = self.charge(utc_s + SLOPE_S) - self.charge(utc_s - SLOPE_S)
        return gained * self.size.capacity_c / (2 * SLOPE_S)

    def cell_volts(self, utc_s: float) -> list[float]:
        """Voltage of every cell, in steps of 0.01 V as the unit knows it."""
        through = self.current_a(utc_s) / self.size.strings
        volts = _rest_v(self.charge(utc_s)) + through * INTERNAL_OHM
        return [min(max(round(volts + part, 2), 2.0), 4.55) for part in self._spread_v]

    def module_degrees(self, utc_s: float) -> list[int]:
        """Temperature of every cell module in whole degrees."""
        day = math.sin(2 * math.pi * (utc_s % DAY_S / 3600 - 9) / 24)
        warm = 14 + 7 * day + 4 * smooth(utc_s, DAY_S, self._seed, "weather")
        own = abs(self.current_a(utc_s)) * 0.03
        return [round(warm + own + part) for part in self._spread_degrees]

    def cell_degrees(self, utc_s: float) -> list[int]:
        """Temperature of every cell, from sensors on the cells, in whole degrees."""
        return [degrees - 1 for degrees in self.module_degrees(utc_s)]

    def balancing(self, utc_s: float, threshold_v: float) -> list[float]:
        """Balancing rate of every cell in %, in the unit's 255 steps."""
        over = ((volts - threshold_v) / 0.05 for volts in self.cell_volts(utc_s))
        return [round(255 * min(max(part, 0.0), 1.0)) * 100 / 255 for part in over]


def _rest_v(charge: float) -> float:
    low, high = next(
        (pair for pair in itertools.pairwise(REST_V) if charge <= pair[1][0]),
        REST_V[-2:],
    )
    share = (max(charge, 0.0) - low[0]) / (high[0] - low[0])
    return low[1] + share * (high[1] - low[1])
