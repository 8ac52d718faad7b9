"""What a simulated OPC-N3 counts between two reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fieldstation.instruments import outdoors
from fieldstation.instruments.chance import between
from fieldstation.instruments.opc_n3 import air
from fieldstation.instruments.opc_n3.blocks import FULL

# The field's end (OPC-N3 sheet, section 7).
LONGEST_S = 655.35
# What the unit reports when it measured nothing, and about what it draws (section 7.3, 17).
IDLE_FLOW_ML_S = 3.69
FLOW_ML_S = (4.5, 4.7)
LASER_STATUS = (606, 614)
# The unit is warmer inside than the air (section 7).
WARMER_K = 6.0


class Sampler:
    """Counters that are cleared by each read. They run while fan and laser are on and a whole
    histogram was the last to be read. `config` is shared with the unit.
    """

    def __init__(self, place: air.Place, seed: int, config: Mapping[str, Any]) -> None:
        self._place = place
        self._seed = seed
        self._config = config
        self._since_s = 0.0
        self._lit_since_s: float | None = None
        self._laser = False
        self._armed = True
        self._reads = 0

    def arm(self, utc_s: float) -> None:
        """Begin counting at `utc_s`."""
        self._armed, self._since_s = True, utc_s

    def disarm(self) -> None:
        """Stop counting until the next read."""
        self._armed = False

    def light(self, lit: bool, laser: bool, utc_s: float) -> None:
        """Fan and laser were switched: `lit` when both are on."""
        self._laser = laser
        if not lit:
            self._lit_since_s = None
        elif self._lit_since_s is None:
            self._lit_since_s = utc_s

    def sample(self, utc_s: float) -> dict[str, Any]:
        """All of a histogram, by the sheet's names; the counters begin anew."""
        self._reads += 1
        period_s = min(LONGEST_S, max(0.0, round(utc_s - self._since_s, 2)))
        flow, bins = self._counted(utc_s)
        self.arm(utc_s)
        return self._climate(utc_s) | {
            "bins": bins,
            "mtof_raw": [self._transit(bins[bin_], bin_) for bin_ in (1, 3, 5, 7)],
            "sampling_period_s": period_s,
            "sample_flow_rate_ml_s": flow,
            **self._masses(bins, period_s * flow),
            "reject_glitch": min(FULL, sum(bins) // 40),
            "reject_ratio": min(FULL, sum(bins)),
            "reject_long_tof": bins[0] // 300,
            "laser_status": self._whole(*LASER_STATUS, "laser") if self._laser else 0,
        }

    def _counted(self, utc_s: float) -> tuple[float, list[int]]:
        since_s = max(self._since_s, utc_s if self._lit_since_s is None else self._lit_since_s)
        seconds = min(LONGEST_S, utc_s - since_s) if self._armed else 0.0
        edges = self._config["bin_boundaries_um"]
        if seconds <= 0:
            return IDLE_FLOW_ML_S, [0] * (len(edges) - 1)
        flow = round(between(*FLOW_ML_S, self._seed, "flow", self._reads), 2)
        number = air.number_per_cm3(self._place, self._seed, utc_s)
        return flow, air.counts(number, flow * seconds, edges, self._seed, self._reads)

    def _masses(self, bins: list[int], volume_ml: float) -> dict[str, float]:
        edges, weights = self._config["bin_boundaries_um"], self._config["bin_weightings_raw"]
        return {
            f"pm_{letter}": air.pm(
                bins, volume_ml, edges, weights, self._config[f"pm_diameter_{letter}_um"]
            )
            for letter in "abc"
        }

    def _climate(self, utc_s: float) -> dict[str, int]:
        inside_c = outdoors.temperature_c(utc_s, self._seed) + WARMER_K
        # Warm air of the same water holds about 6 % less relative humidity for each kelvin.
        humidity = outdoors.humidity_percent(utc_s, self._seed) * 0.94**WARMER_K
        return {
            "temperature_raw": round((inside_c + 45) / 175 * 65535),
            "humidity_raw": round(humidity / 100 * 65535),
        }

    def _transit(self, count: int, bin_: int) -> int:
        return self._whole(20 + bin_, 30 + bin_, "transit", bin_) if count else 0

    def _whole(self, low: int, high: int, *key: int | str) -> int:
        return int(between(low, high, self._seed, self._reads, *key))
