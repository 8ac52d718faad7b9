"""The battery of a simulated site (TriStar MPPT sheet, section 11.2).

Its resistance while charging rises towards full, an addition to the sheet's battery without which
a constant 10 mOhm would never reach the absorption voltage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CAPACITY_AH = 200.0
RESISTANCE_OHM = 0.010
# The resistance begins to rise at this state of charge, e-fold for each thirtieth more.
FILLING = 0.85
RISE = 30.0


@dataclass(slots=True)
class Battery:
    """`blocks` of 12 V in series; `soc` is the state of charge, 0 to 1."""

    blocks: int
    soc: float

    @property
    def rest_v(self) -> float:
        """Voltage without current."""
        return self.blocks * (11.8 + 1.2 * self.soc)

    @property
    def charging_ohm(self) -> float:
        """Resistance to a current that charges."""
        rise = math.exp(RISE * max(0.0, self.soc - FILLING))
        return self.blocks * RESISTANCE_OHM * rise

    def volts(self, net_a: float) -> float:
        """Voltage with `net_a` flowing in."""
        ohm = self.charging_ohm if net_a > 0 else self.blocks * RESISTANCE_OHM
        return self.rest_v + ohm * net_a

    def amps_at(self, volts: float) -> float:
        """The current in that holds the battery at `volts`."""
        over = volts - self.rest_v
        return over / (self.charging_ohm if over > 0 else self.blocks * RESISTANCE_OHM)

    def flow(self, net_a: float, seconds: float) -> None:
        """Let `net_a` flow in for a while."""
        self.soc = min(1.0, max(0.05, self.soc + net_a * seconds / 3600 / CAPACITY_AH))
