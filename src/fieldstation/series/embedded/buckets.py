"""Equal spans of time: their ladder, the folding of values into them, the hourly level.

1. A span is one of 1, 2, 5, 10, 15, 20, 30 seconds, minutes, hours or days, then 60, 120, 240 days
   and so on. Spans start at whole multiples since 1970, so neighbouring requests share edges.
2. A fold knows n, minimum, mean, maximum, first and last of the values in each span that has any.
   Folds of spans that follow one another join into a fold of a longer span: n adds up, the mean is
   weighted by n, first and last come from the earliest and the latest.
3. The mean never leaves the range from minimum to maximum, whatever rounding did to the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldstation.errors import BadRequest
from fieldstation.series.embedded.codec import decode, encode_floats

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
_RUNGS = (1, 2, 5, 10, 15, 20, 30)
_UNITS_US = (SECOND_US, 60 * SECOND_US, HOUR_US, DAY_US)
LADDER = tuple(sorted({rung * unit for unit in _UNITS_US for rung in _RUNGS}))


def span_for(start_us: int, end_us: int, most: int) -> int:
    """The smallest span (rule 1) of which `most` cover the range. Raises BadRequest."""
    if most < 1:
        raise BadRequest(f"a plot needs at least one bucket, not {most}")
    start_us, end_us = max(start_us, 0), max(end_us, 1)
    for span in LADDER:
        if -(-end_us // span) - start_us // span <= most:
            return span
    span = LADDER[-1]
    while -(-end_us // span) - start_us // span > most:
        span *= 2
    return span


@dataclass(frozen=True, slots=True)
class Fold:
    """One channel over spans. `start` numbers the spans (time divided by span), rising."""

    start: Ints
    n: Ints
    minimum: Floats
    mean: Floats
    maximum: Floats
    first: Floats
    last: Floats

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: NDArray[np.generic] | slice) -> Fold:
        """The spans that a mask, index array or slice picks."""
        return fold_of([column[rows] for column in self.columns()])

    def columns(self) -> tuple[NDArray[Any], ...]:
        """The seven arrays in the order of the fields."""
        return (self.start, self.n, self.minimum, self.mean, self.maximum, self.first, self.last)


def fold_of(columns: Sequence[NDArray[Any]]) -> Fold:
    """A fold of the seven arrays that `Fold.columns` gives."""
    return Fold(*columns)


EMPTY = fold_of([np.empty(0, dtype=np.int64)] * 2 + [np.empty(0)] * 5)


def fold(times: Ints, values: Floats, span: int) -> Fold:
    """Values in time order folded into spans; NaN counts as no value."""
    gaps = np.isnan(values)
    if gaps.any():
        times, values = times[~gaps], values[~gaps]
    if not len(values):
        return EMPTY
    keys = times // span
    starts = _starts(keys)
    return fold_rows(keys[starts], starts, len(keys), values[None, :])[0]


def fold_rows(keys: Ints, starts: Ints, count: int, rows: Floats) -> list[Fold]:
    """Several channels without gaps over the same spans; span i begins at row `starts[i]`."""
    n = np.diff(starts, append=count)
    last = starts + n - 1
    low = np.minimum.reduceat(rows, starts, axis=1)
    high = np.maximum.reduceat(rows, starts, axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        mean: Floats = np.clip(np.add.reduceat(rows, starts, axis=1) / n, low, high)
    return [
        Fold(keys, n, low[row], mean[row], high[row], rows[row, starts], rows[row, last])
        for row in range(len(rows))
    ]


def fold_hours(times: Ints, matrix: Floats) -> list[Fold]:
    """The hourly level of all channels of a segment, rows in time order."""
    keys: Ints = times // HOUR_US
    starts = _starts(keys)
    gappy: NDArray[np.bool_] = np.any(np.isnan(matrix), axis=1)
    whole = fold_rows(keys[starts], starts, len(keys), matrix[~gappy])
    steady = iter(whole)
    return [
        fold(times, matrix[row], HOUR_US) if gappy[row] else next(steady)
        for row in range(len(matrix))
    ]


def join(parts: Sequence[Fold], factor: int) -> Fold:
    """Folds of disjoint spans in time order, joined into spans `factor` times as long."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return EMPTY
    whole = parts[0] if len(parts) == 1 else _chain(parts)
    keys = whole.start // factor
    starts = _starts(keys)
    if len(starts) == len(keys):
        return fold_of([keys, *whole.columns()[1:]])
    last = np.append(starts[1:], len(keys)) - 1
    n = np.add.reduceat(whole.n, starts)
    low = np.minimum.reduceat(whole.minimum, starts)
    high = np.maximum.reduceat(whole.maximum, starts)
    share = whole.n / np.repeat(n, last - starts + 1)
    mean = np.clip(np.add.reduceat(whole.mean * share, starts), low, high)
    return Fold(keys[starts], n, low, mean, high, whole.first[starts], whole.last[last])


def _chain(parts: Sequence[Fold]) -> Fold:
    return fold_of(
        [np.concatenate(each) for each in zip(*(part.columns() for part in parts), strict=True)]
    )


def _starts(keys: Ints) -> Ints:
    """Where each run of equal keys begins."""
    changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    return np.concatenate((np.zeros(1, dtype=np.int64), changes))


# --- the hourly level at rest ---


def encode_hours(levels: Sequence[Fold], decimals: Sequence[int | None]) -> list[bytes | None]:
    """Hourly folds as blobs, None for an empty one: the seven columns of a fold end to end, the
    mean as a sum.

    A channel of k decimals has sums of k decimals; said so, they are as small as the values.
    """
    blobs: list[bytes | None] = [None] * len(levels)
    # Channels mostly have the same hours; those of equal length are encoded together.
    for size in {len(level) for level in levels} - {0}:
        places = [place for place, level in enumerate(levels) if len(level) == size]
        rows = np.array([_flat(levels[place], decimals[place]) for place in places])
        for place, blob in zip(places, encode_floats(rows), strict=True):
            blobs[place] = blob
    return blobs


def _flat(hours: Fold, decimals: int | None) -> Floats:
    total = hours.mean * hours.n
    if decimals is not None:
        total = np.rint(total * 10.0**decimals) / 10.0**decimals
    columns = (hours.start, hours.n, hours.minimum, total, hours.maximum, hours.first, hours.last)
    return np.concatenate(columns, dtype=np.float64)


def decode_hours(blob: bytes) -> Fold:
    """A fold written by `encode_hours`."""
    start, n, low, total, high, first, last = np.split(np.asarray(decode(blob), np.float64), 7)
    mean = np.clip(total / n, low, high)
    return Fold(start.astype(np.int64), n.astype(np.int64), low, mean, high, first, last)
