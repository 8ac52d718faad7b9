"""Several histograms as one reading (OPC-N3 sheet, section 10). Pure.

1. Counts, rejects and sampling periods add; so does the volume, and what is per volume follows from
   the sums. `test_two_histograms_give_what_one_over_both_times_would`
2. A mass is the mean by volume of those that are masses, a transit time the mean by count of those
   in which a particle passed; temperature and humidity are plain means.
   `test_masses_are_weighed_by_volume_and_transit_times_by_count`
3. A flag that warns is set when one histogram set it; what was nothing in some only was something.
   `test_one_warning_in_a_minute_is_kept`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fieldstation.instruments.opc_n3.blocks import REJECTS
from fieldstation.instruments.opc_n3.channels import BINS, MTOF_BINS
from fieldstation.model import Value

Histogram = Mapping[str, Value]
"""Channels of one histogram."""

ADDED = (*(f"bin_{at}_count" for at in range(BINS)), *REJECTS, "fan_revolutions", "sampling_period")


def summed(histograms: Sequence[Histogram]) -> dict[str, Value]:
    """One reading over the time of all `histograms`, which follow each other; one alone is as it
    was.
    """
    total = dict(histograms[-1])
    if len(histograms) == 1:
        return total
    volumes = [_of(one, "sampling_period") * _of(one, "sample_flow_rate") for one in histograms]
    total |= {name: _sum(histograms, name) for name in ADDED}
    total |= _per_volume(total, sum(volumes))
    for name in ("pm_a", "pm_b", "pm_c"):
        total[name] = _mean(histograms, name, volumes)
    for name in ("temperature", "humidity"):
        total[name] = _mean(histograms, name, [1.0] * len(histograms))
    for at in MTOF_BINS:
        passed = [_of(one, f"bin_{at}_count") for one in histograms]
        total[f"mtof_bin_{at}"] = _mean(histograms, f"mtof_bin_{at}", passed) or 0.0
    for name in ("pm_invalid", "saturated"):
        total[name] = any(one[name] for one in histograms)
    total["nothing_counted"] = all(one["nothing_counted"] for one in histograms)
    return total


def _per_volume(total: Histogram, volume_ml: float) -> dict[str, Value]:
    """Flow and concentrations; None where no volume was drawn."""
    counts = [_of(total, f"bin_{at}_count") for at in range(BINS)]
    period_s = _of(total, "sampling_period")
    names = ("total_concentration", *(f"bin_{at}_concentration" for at in range(BINS)))
    numbers = (sum(counts), *counts)
    return {
        **{n: c / volume_ml if volume_ml else None for n, c in zip(names, numbers, strict=True)},
        "sample_flow_rate": volume_ml / period_s if period_s else 0.0,
        "no_sample_volume": not volume_ml,
    }


def _sum(histograms: Sequence[Histogram], name: str) -> Value:
    whole = all(isinstance(one[name], int) for one in histograms)
    total = sum(_of(one, name) for one in histograms)
    # Periods are hundredths of a second.
    return int(total) if whole else round(total, 2)


def _mean(histograms: Sequence[Histogram], name: str, weights: Sequence[float]) -> float | None:
    """The weighted mean of the values that are there; None when nothing has a weight."""
    there = [
        (_of(one, name), weight)
        for one, weight in zip(histograms, weights, strict=True)
        if one[name] is not None
    ]
    weight = sum(weight for _value, weight in there)
    return sum(value * weight for value, weight in there) / weight if weight else None


def _of(histogram: Histogram, name: str) -> float:
    value = histogram[name]
    return 0.0 if value is None else float(value)
