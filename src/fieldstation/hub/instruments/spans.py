"""States over time: readings of a flag or an enumeration as spans in which it kept one value.

1. A value holds until the next reading. Where the next one is missing, it holds for one usual
   interval and nothing is said of the time behind it (test_a_hole_is_covered_by_no_span). A hole
   too short to be shown is none (test_a_hole_too_short_to_be_shown_is_none).
2. Spans shorter than a picture can show are put together; one that holds several values says so and
   names none. A span that can be shown is never changed (test_long_spans_are_exact).
3. Memory and answer are bounded by the number of spans asked for, not by the readings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldstation.series.api import Column, Columns

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of one channel in time order as columns of equal length; `value` is the code, or
    `mixed` is true. `n` readings held a value.
    """

    channel: str
    n: int
    start_us: Times
    end_us: Times
    value: NDArray[Any]
    mixed: NDArray[np.bool_]


@dataclass(slots=True)
class StateWalk:
    """Takes the pieces of `SeriesStore.walk` and keeps the spans of one channel.

    `every_us` is the interval at which the instrument is due, 0 when unknown; `shortest_us` the
    shortest span worth showing.
    """

    channel: str
    every_us: int
    shortest_us: int
    n: int = 0
    _kept: list[Spans] = field(default_factory=list)
    _last: tuple[int, Any, int] | None = None

    def take(self, piece: Columns) -> None:
        """The next piece, later than all before."""
        column = piece.values[self.channel]
        known = _known(column)
        times, values = piece.times_us[known], column[known]
        if not len(times):
            return
        self.n += len(times)
        usual = int(np.median(np.diff(times))) if len(times) > 1 else 0
        usual = max(usual, self.every_us)
        if self._last is not None:
            # The value before this piece goes on into it.
            at, value, before = self._last
            usual = usual or before
            times = np.concatenate([[at], times])
            values = np.concatenate([np.array([value], dtype=values.dtype), values])
        self._last = (int(times[-1]), values[-1], usual)
        if len(times) > 1:
            reach = 2 * max(usual, self.shortest_us)
            found = _between(self.channel, times, values, usual, reach)
            self._kept = [coarse(joined([*self._kept, found]), self.shortest_us, growing=True)]

    def spans(self) -> Spans:
        """All that was taken; the newest value holds for one more interval."""
        if self._last is None:
            none = np.empty(0, np.int64)
            return Spans(self.channel, 0, none, none, np.empty(0), none.astype(bool))
        at, value, usual = self._last
        kind = self._kept[0].value.dtype if self._kept else np.array([value]).dtype
        now = Spans(
            self.channel, 1, np.array([at]), np.array([at + usual]),
            np.array([value], dtype=kind), np.array([False]),
        )  # fmt: skip
        whole = coarse(joined([*self._kept, now]), self.shortest_us)
        return Spans(self.channel, self.n, whole.start_us, whole.end_us, whole.value, whole.mixed)


def states(
    pieces: Iterable[Columns], channels: Iterable[str], every_us: int, shortest_us: int
) -> list[Spans]:
    """The spans of several channels out of one walk."""
    walks = [StateWalk(name, every_us, shortest_us) for name in channels]
    for piece in pieces:
        for walk in walks:
            walk.take(piece)
    return [walk.spans() for walk in walks]


def joined(parts: list[Spans]) -> Spans:
    """Parts in time order as one, neighbours that touch and hold the same value put together."""
    start = np.concatenate([part.start_us for part in parts])
    end = np.concatenate([part.end_us for part in parts])
    value = np.concatenate([part.value for part in parts])
    mixed = np.concatenate([part.mixed for part in parts])
    first = np.ones(len(start), bool)
    same = (value[1:] == value[:-1]) & ~mixed[1:] & ~mixed[:-1]
    first[1:] = (start[1:] != end[:-1]) | ~same
    last = np.append(first[1:], True)
    return Spans(
        parts[0].channel, sum(part.n for part in parts),
        start[first], end[last], value[first], mixed[first],
    )  # fmt: skip


def coarse(spans: Spans, shortest_us: int, *, growing: bool = False) -> Spans:
    """Neighbours that touch and are each shorter than `shortest_us` put together, as far as they
    begin in the same step of that length. `growing`: the last one may yet become longer.
    """
    start, end = spans.start_us, spans.end_us
    short = end - start < shortest_us
    short[-1] &= not growing
    step = start // max(1, shortest_us)
    first = np.ones(len(start), bool)
    first[1:] = ~(short[1:] & short[:-1] & (step[1:] == step[:-1]) & (start[1:] == end[:-1]))
    if first.all():
        return spans
    last = np.append(first[1:], True)
    group = np.cumsum(first) - 1
    several = np.bincount(group)[group] > 1
    mixed = np.bincount(group, weights=spans.mixed | several) > 0
    return Spans(spans.channel, spans.n, start[first], end[last], spans.value[first], mixed)


def _between(channel: str, times: Times, values: Column, usual_us: int, reach_us: int) -> Spans:
    """The spans from the first reading to the last, whose own value is not counted in. Readings
    further apart than `reach_us` have a hole between them.
    """
    far = np.diff(times) > reach_us
    end = np.where(far, times[:-1] + usual_us, times[1:])
    each = Spans(channel, 0, times[:-1], end, values[:-1], np.zeros(len(end), bool))
    return joined([each])


def _known(column: Column) -> NDArray[np.bool_]:
    if column.dtype == object:
        return np.array([value is not None for value in column], dtype=bool)
    return ~np.isnan(column.astype(np.float64))
