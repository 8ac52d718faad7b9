"""Figures of curves: longer buckets out of shorter ones, a span in numbers, days in numbers. Pure.

1. A bucket covers as much time as its readings usually do; so an energy is not made up over a gap
   (test_a_gap_adds_nothing_to_a_total), nor lost when readings were rarer than they are now
   (test_rarer_readings_have_the_same_total).
2. The total of a day is the integral of the means over the time covered, in unit hours: W gives Wh.
3. Completeness is readings over readings due; where nobody said how often they are due, unknown.
   What a station says is missing counts for more, see `completeness`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from fieldstation.series.api import Buckets

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Figures:
    """A channel over a span, in its unit; all but `n` None without a value."""

    n: int
    minimum: float | None = None
    mean: float | None = None
    maximum: float | None = None
    last: float | None = None
    completeness: float | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of a channel. `change` is last minus first, `total` rule 2, `hours` the length
    of the day.
    """

    day: date
    hours: float
    figures: Figures
    change: float | None = None
    total: float | None = None


def longer(buckets: Buckets, span_us: int, origin_us: int = 0) -> Buckets:
    """The same values in buckets of `span_us`, which begin at whole multiples after `origin_us`.
    Each given bucket is counted where it begins.
    """
    if not len(buckets.start_us) or span_us <= buckets.span_us:
        return buckets
    places = (buckets.start_us - origin_us) // span_us
    edges = np.concatenate([[0], np.flatnonzero(np.diff(places)) + 1])
    n = np.add.reduceat(buckets.n, edges)
    behind = np.append(edges[1:], len(places)) - 1
    low = np.minimum.reduceat(buckets.minimum, edges)
    high = np.maximum.reduceat(buckets.maximum, edges)
    mean = np.add.reduceat(buckets.mean * buckets.n, edges) / n
    return Buckets(
        buckets.channel, span_us, places[edges] * span_us + origin_us, n, low,
        np.clip(mean, low, high), high, buckets.first[edges], buckets.last[behind],
    )  # fmt: skip


def figures_of(buckets: Buckets, every_us: int, due_us: int) -> Figures:
    """The buckets in numbers; `due_us` is the time in which readings were due."""
    n = int(buckets.n.sum())
    due = due_us // every_us if every_us > 0 and due_us > 0 else 0
    complete = min(1.0, n / due) if due else None
    if not n:
        return Figures(0, completeness=0.0 if due else None)
    low, high = float(buckets.minimum.min()), float(buckets.maximum.max())
    mean = float(np.sum(buckets.mean * (buckets.n / n)))
    return Figures(n, low, min(max(mean, low), high), high, float(buckets.last[-1]), complete)


def day_figures(
    buckets: Buckets,
    days: Iterable[tuple[date, int, int]],
    every_us: int,
    known_us: tuple[int, int],
) -> list[Day]:
    """The days in numbers, from buckets none of which reaches over a midnight. `known_us`: readings
    were due from then to then.
    """
    rows = []
    for day, first, last in days:
        part = slice(*np.searchsorted(buckets.start_us, (first, last)).tolist())
        due = min(last, known_us[1]) - max(first, known_us[0])
        of_day = _part(buckets, part)
        rows.append(
            Day(
                day,
                (last - first) / HOUR_US,
                figures_of(of_day, every_us, due),
                *_sums(of_day, _covered_us(of_day, every_us)),
            )
        )
    return rows


def _sums(buckets: Buckets, covered: NDArray[np.float64]) -> tuple[float | None, float | None]:
    if not len(buckets.n):
        return None, None
    change = float(buckets.last[-1] - buckets.first[0])
    return change, float(np.sum(buckets.mean * covered)) / HOUR_US


def _covered_us(buckets: Buckets, every_us: int) -> NDArray[np.float64]:
    if every_us <= 0 or not len(buckets.n):
        return np.full(len(buckets.n), float(buckets.span_us))
    step_us = max(float(every_us), _usual_us(buckets))
    covered: NDArray[np.float64] = np.minimum(buckets.n * step_us, max(buckets.span_us, step_us))
    return covered


def _usual_us(buckets: Buckets) -> float:
    """The usual distance of readings, told by neighbouring buckets where there are some; 0 for a
    bucket alone.
    """
    apart = np.diff(buckets.start_us)
    each = apart / buckets.n[:-1]
    near = each[apart == buckets.span_us]
    if len(near):
        return float(np.median(near))
    return float(np.quantile(each, 0.25)) if len(each) else 0.0


def _part(buckets: Buckets, part: slice) -> Buckets:
    return Buckets(
        buckets.channel, buckets.span_us, buckets.start_us[part], buckets.n[part],
        buckets.minimum[part], buckets.mean[part], buckets.maximum[part], buckets.first[part],
        buckets.last[part],
    )  # fmt: skip
