"""The air that a simulated OPC-N3 draws: particles by size over a day, and what the unit makes of
them. A function of seed and UTC time alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from fieldstation.instruments.chance import between, smooth
from fieldstation.instruments.opc_n3.blocks import FULL

DAY_S = 86_400.0
# Numbers fall with about the fourth power of the diameter, as outdoor air does above 0.3 µm.
STEEPNESS = 4.2


@dataclass(frozen=True, slots=True)
class Place:
    """Where the unit stands: particles per cm³ in a quiet hour, and how much traffic adds."""

    quiet_per_cm3: float
    rush_per_cm3: float


URBAN = Place(25.0, 60.0)
CLEAN = Place(0.4, 0.1)


def number_per_cm3(place: Place, seed: int, utc_s: float) -> float:
    """All particles that the unit can see, with rush hours at 08:00 and 18:00 UTC."""
    hour = utc_s % DAY_S / 3600
    rush = sum(math.exp(-(((hour - peak) / 1.5) ** 2)) for peak in (8.0, 18.0))
    gust = 0.6 + 0.8 * smooth(utc_s, 600, seed, "gust")
    return (place.quiet_per_cm3 + place.rush_per_cm3 * rush) * gust


def counts(
    total_per_cm3: float, volume_ml: float, boundaries_um: Sequence[float], *key: int | str
) -> list[int]:
    """Particles counted in each bin from `volume_ml` of air, with the scatter of counting."""
    weights = [
        (high - low) * ((low + high) / 2) ** -STEEPNESS for low, high in pairwise(boundaries_um)
    ]
    scale = total_per_cm3 * volume_ml / sum(weights)
    return [_scattered(scale * weight, bin_, *key) for bin_, weight in enumerate(weights)]


def _scattered(mean: float, *key: int | str) -> int:
    """A whole number around `mean`, about as a counter scatters."""
    noise = sum(between(-1, 1, "noise", at, *key) for at in range(3))
    count = mean + math.sqrt(mean) * noise + between(0, 1, "part", *key)
    return min(FULL, max(0, int(count)))


def pm(
    bins: Sequence[int],
    volume_ml: float,
    boundaries_um: Sequence[float],
    weightings_raw: Sequence[int],
    diameter_um: float,
) -> float:
    """Mass in µg/m³ of particles up to about `diameter_um` (the model of section 8.1, which agrees
    with a real unit within 0.15 %).
    """
    if not volume_ml:
        return 0.0
    mass = 0.0
    for count, (low, high), weighting in zip(
        bins, pairwise(boundaries_um), weightings_raw, strict=True
    ):
        size = (low + high) / 2
        each_ug = weighting / 100 * math.pi / 6 * size**3 * 1e-6
        inhaled = 0.5 * (1 + math.exp(-0.06 * size))
        passing = 1 - _normal(math.log(size / diameter_um) / math.log(1.5))
        mass += count * each_ug * inhaled * passing
    return mass / (volume_ml * 1e-6)


def _normal(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))
