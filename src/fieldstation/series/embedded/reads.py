"""Questions to the store, each answered from one unchanging view of it.

1. A view is made by taking the streams' hot readings first and opening the database snapshot after
   that. What was sealed in between is left out of the hot part by its upload number, so a reading
   is seen exactly once, whatever is being sealed.
2. Rows come in time order; of one instant, those of the stream announced first come first, within a
   stream as they arrived.
3. Buckets of whole hours come from the hourly level. Hours that hot readings or two streams share
   are folded from the readings themselves, so an answer never depends on what is sealed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldstation.errors import BadRequest
from fieldstation.model import Channel
from fieldstation.series.api import Buckets, Column, Columns
from fieldstation.series.embedded.buckets import (
    EMPTY,
    HOUR_US,
    Fold,
    fold,
    fold_of,
    join,
    span_for,
)  # fmt: skip
from fieldstation.series.embedded.cache import Cache
from fieldstation.series.embedded.codec import Floats, Ints, Objects
from fieldstation.series.embedded.rows import Block, as_floats, as_texts, holds_text, is_text
from fieldstation.series.embedded.segments import Pieces
from fieldstation.series.embedded.streams import Stream

# Rows of one piece of a walk.
WALK_ROWS = 65_536


@dataclass(slots=True)
class Source:
    """One stream as the view shows it."""

    stream: Stream
    places: Mapping[str, int]
    hot: tuple[Block, ...]


class View:
    """An instrument's readings at one moment."""

    def __init__(self, held: Sequence[tuple[Stream, tuple[Block, ...]]]) -> None:
        """`held` pairs streams with the hot readings that they had before the view was opened."""
        self._held = held
        self._sources: list[Source] = []

    def open(self, connection: sqlite3.Connection, cache: Cache) -> None:
        """Fix the view; the caller has begun a transaction that reads, and ends it."""
        self._pieces = Pieces(connection, cache)
        for stream, hot in self._held:
            row = connection.execute(
                "SELECT through FROM stream WHERE id = ?", (stream.id,)
            ).fetchone()
            through = row[0] if row else 0
            places = {name: place for place, name in enumerate(stream.layout.names)}
            kept = tuple(block for block in hot if block.upload > through)
            self._sources.append(Source(stream, places, kept))

    # --- rows ---

    def read(
        self, channels: Mapping[str, Channel], start_us: int, end_us: int, most: int | None
    ) -> Columns:
        """Rows of the range, the first `most` of them."""
        parts: list[_Part] = []
        complete = end_us
        for source in self._sources:
            found, until = self._rows(source, list(channels), start_us, end_us, most)
            parts += found
            complete = min(complete, until)
        times = _joined([part.times for part in parts])
        order = np.argsort(times, kind="stable")
        order = order[: int(np.searchsorted(times[order], complete))][:most]
        values = {
            name: _column(channel, [part.columns[name] for part in parts], order)
            for name, channel in channels.items()
        }
        return Columns(times[order], values)

    def _rows(
        self, source: Source, names: Sequence[str], start_us: int, end_us: int, most: int | None
    ) -> tuple[list[_Part], int]:
        """A stream's rows in parts, and the time before which they are all there."""
        parts, count, until = [], 0, end_us
        for segment in self._pieces.segments(source.stream.id, start_us, end_us):
            if most is not None and count >= most:
                until = segment.first_us
                break
            times = self._pieces.times(segment.id)
            low, high = np.searchsorted(times, (start_us, end_us))
            part = _Part(times[low:high], {})
            for name in names:
                place = source.places.get(name)
                if place is None:
                    part.columns[name] = np.full(high - low, np.nan)
                else:
                    part.columns[name] = self._pieces.column(segment.id, place)[low:high]
            parts.append(part)
            count += high - low
        for block in source.hot:
            parts.append(_hot_part(block, source.places, names, start_us, end_us))
        return parts, until

    # --- buckets ---

    def buckets(
        self, channels: Mapping[str, Channel], start_us: int, end_us: int, most: int
    ) -> list[Buckets]:
        """One Buckets for each channel."""
        words = [name for name, channel in channels.items() if is_text(channel)]
        if words:
            raise BadRequest(f"channel {words[0]} holds text, which has no mean: read its values")
        span = span_for(start_us, end_us, most)
        if span % HOUR_US:
            rows = self.read(channels, start_us, end_us, None)
            folds = [fold(rows.times_us, as_floats(rows.values[name]), span) for name in channels]
        else:
            folds = [
                self._by_hours(name, channel, start_us, end_us, span)
                for name, channel in channels.items()
            ]
        return [
            Buckets(name, span, each.start * span, *each.columns()[1:])
            for name, each in zip(channels, folds, strict=True)
        ]

    def _by_hours(self, name: str, channel: Channel, start_us: int, end_us: int, span: int) -> Fold:
        """Rule 3. The ends of the range, where it cuts an hour, are folded from readings, too."""
        sources = [source for source in self._sources if name in source.places]
        first, last = -(-start_us // HOUR_US), end_us // HOUR_US
        if first >= last:
            return self._raw(name, channel, start_us, end_us, span)
        levels = [self._level(source, name, first, last) for source in sources]
        low, high = self._unsettled(sources, levels, first, last)
        settled = [
            join([level.take((level.start < low) | (level.start >= high))], 1) for level in levels
        ]
        rows = [
            self._raw(name, channel, start_us, first * HOUR_US, HOUR_US),
            *settled,
            self._raw(name, channel, low * HOUR_US, high * HOUR_US, HOUR_US),
            self._raw(name, channel, last * HOUR_US, end_us, HOUR_US),
        ]
        rows = [row for row in rows if len(row)]
        if not rows:
            return EMPTY
        whole = fold_of(list(map(_joined, zip(*(row.columns() for row in rows), strict=True))))
        return join([whole.take(np.argsort(whole.start, kind="stable"))], span // HOUR_US)

    def _level(self, source: Source, name: str, first: int, last: int) -> Fold:
        """A stream's sealed hours from `first` to before `last`."""
        segments = self._pieces.segments(source.stream.id, first * HOUR_US, last * HOUR_US)
        parts = [self._pieces.hours(segment.id, source.places[name]) for segment in segments]
        whole = join(parts, 1)
        return whole.take(slice(*np.searchsorted(whole.start, (first, last)).tolist()))

    def _unsettled(
        self, sources: Sequence[Source], levels: Sequence[Fold], first: int, last: int
    ) -> tuple[int, int]:
        """The hours, from and to before, in which the hourly level does not tell everything."""
        hours = [
            block.times[(block.times >= first * HOUR_US) & (block.times < last * HOUR_US)]
            // HOUR_US
            for source in sources
            for block in source.hot
        ]
        if len(levels) > 1:
            starts, times = np.unique(
                _joined([level.start for level in levels]), return_counts=True
            )
            hours.append(starts[times > 1])
        found = _joined(hours)
        return (int(found.min()), int(found.max()) + 1) if len(found) else (first, first)

    def _raw(self, name: str, channel: Channel, start_us: int, end_us: int, span: int) -> Fold:
        if start_us >= end_us:
            return EMPTY
        rows = self.read({name: channel}, start_us, end_us, None)
        return fold(rows.times_us, as_floats(rows.values[name]), span)


@dataclass(slots=True)
class _Part:
    """Some rows of a stream, with a column for each channel that was asked for."""

    times: Ints
    columns: dict[str, Floats | Objects]


def _hot_part(
    block: Block, places: Mapping[str, int], names: Sequence[str], start_us: int, end_us: int
) -> _Part:
    rows: NDArray[np.bool_] | slice = slice(None)
    times = block.times
    if len(times) and (times.min() < start_us or times.max() >= end_us):
        rows = (times >= start_us) & (times < end_us)
    part = _Part(times[rows], {})
    for name in names:
        place = places.get(name)
        part.columns[name] = (
            np.full(len(part.times), np.nan) if place is None else block.column(place)[rows]
        )
    return part


def _column(
    channel: Channel, parts: Sequence[Floats | Objects], order: NDArray[np.int64]
) -> Column:
    """The parts as one column in the given order: texts when the channel or a value is one."""
    if is_text(channel) or any(holds_text(part) for part in parts):
        texts = [as_texts(part) for part in parts] or [np.empty(0, dtype=object)]
        return np.concatenate(texts)[order]
    floats = [as_floats(part) for part in parts] or [np.empty(0)]
    return np.concatenate(floats)[order]


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def pages(
    read: Callable[[int, int, int | None], Columns], start_us: int, end_us: int
) -> Iterator[Columns]:
    """The rows of a range piece by piece; `read` gives the first rows of a range."""
    while start_us < end_us:
        page = read(start_us, end_us, WALK_ROWS + 1)
        if len(page.times_us) <= WALK_ROWS:
            if len(page.times_us):
                yield page
            return
        # The last instant may go on after the page; leave it to the next one.
        edge = int(page.times_us[-1])
        keep = int(np.searchsorted(page.times_us, edge))
        if keep:
            yield Columns(page.times_us[:keep], {name: c[:keep] for name, c in page.values.items()})
            start_us = edge
        else:
            yield read(edge, edge + 1, None)
            start_us = edge + 1
