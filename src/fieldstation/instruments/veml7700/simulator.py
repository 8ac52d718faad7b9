"""The twin of a VEML7700 (I2C sensors sheet, section 6).

A result appears once in each integration time while the part is on; until then, and while it is
shut down, the one before stays. `fast` makes results at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fieldstation.errors import NotFound
from fieldstation.instruments import outdoors
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.veml7700 import lux
from fieldstation.protocol.i2c import ChipTwin

FAULTS = {
    "absent": "does not acknowledge",
    "power_dip": "forgets its settings and is shut down",
    "full": "counts 65535, as in direct light at too high a gain",
}
"""Faults that belong to this instrument, beside those of any line."""

PROFILES: Mapping[str, float] = MappingProxyType(
    {"outdoors": 1.0, "greenhouse": 0.6, "indoors": 0.005}
)
"""Places, and the share of the sky's light that reaches them."""

RESET_WORD = 0x0001
WHITE_RATIO = 1.6
CONFIG, ALS, WHITE = 0x00, 0x04, 0x05


class Veml7700Chip:
    """One simulated part; `plan` holds its faults."""

    def __init__(self, share: float, seed: int, plan: FaultPlan, *, fast: bool) -> None:
        self._share = share
        self._seed = seed
        self.plan = plan
        self._fast = fast
        self._words = {CONFIG: RESET_WORD, ALS: 0, WHITE: 0}
        self._on_since_s = 0.0
        self._sampled_s = 0.0

    def transact(self, write: bytes, read: int, utc_s: float) -> bytes | None:
        """As `Chip.transact`."""
        if self.plan.strikes("absent"):
            return None
        if self.plan.strikes("power_dip"):
            self._words[CONFIG] = RESET_WORD
        self._sample(utc_s)
        if len(write) == 3 and write[0] < ALS:
            self._set(write[0], int.from_bytes(write[1:], "little"), utc_s)
        word = self._words.get(write[0], 0) if write else 0
        return word.to_bytes(2, "little").ljust(read, b"\xff")[:read]

    def _set(self, register: int, word: int, utc_s: float) -> None:
        was_off = self._words[CONFIG] & lux.SHUT_DOWN
        self._words[register] = word
        if register == CONFIG and was_off and not word & lux.SHUT_DOWN:
            self._on_since_s = self._sampled_s = utc_s

    def _sample(self, utc_s: float) -> None:
        """Bring the results to what they are at `utc_s`."""
        config = lux.decode_config(self._words[CONFIG].to_bytes(2, "little"))
        if config["shutdown"] or config["integration_ms"] is None:
            return
        period_s = config["integration_ms"] / 1000
        ended_s = utc_s
        if not self._fast:
            ended_s = self._on_since_s + (utc_s - self._on_since_s) // period_s * period_s
            if ended_s <= self._sampled_s:
                return
        self._sampled_s = ended_s
        light_lx = outdoors.illuminance_lx(ended_s, self._seed) * self._share
        per_count = lux.lux_per_count(config["gain"], config["integration_ms"], lux.BASE_LX)
        counts = int(linear(light_lx) / per_count)
        if self.plan.strikes("full"):
            counts = lux.FULL
        self._words[ALS] = min(lux.FULL, counts)
        self._words[WHITE] = min(lux.FULL, int(counts * WHITE_RATIO))


def linear(illuminance_lx: float) -> float:
    """The reading before correction that means `illuminance_lx`: the correction backwards."""
    if illuminance_lx <= lux.CORRECTED_FROM_LX:
        return illuminance_lx
    low, high = 0.0, 24_500.0
    for _ in range(60):
        middle = (low + high) / 2
        if lux.corrected(middle) < illuminance_lx:
            low = middle
        else:
            high = middle
    return low


def twin(profile_name: str, seed: int, plan: FaultPlan, *, fast: bool = False) -> ChipTwin:
    """A part at the named place; outdoors for an empty name. Raises NotFound."""
    share = PROFILES.get(profile_name or "outdoors")
    if share is None:
        known = ", ".join(PROFILES)
        raise NotFound(f"no VEML7700 twin is called {profile_name!r}; there are {known}")
    return ChipTwin(Veml7700Chip(share, seed, plan, fast=fast))
