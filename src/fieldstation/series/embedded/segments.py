"""Segments: the sealed readings of a stream, cut along time, each column a blob of its own.

1. A segment owns the time from its first to its last reading, both included; no reading of the
   stream outside it lies there. Readings of one instant are never in two segments.
2. Readings stand in time order, those of one instant in the order in which they came.
3. New readings that fall into a segment are merged into it; others make a new one. While a stream
   has more than `MOST_SMALL` small segments, the two neighbours that are smallest together become
   one. So each reading is rewritten a few times in all, however small the portions come.
4. A segment of more than `LARGEST` readings is cut into pieces of about `FULL`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fieldstation.errors import StoreDamaged
from fieldstation.series.embedded.buckets import EMPTY, Fold, decode_hours, encode_hours, fold_hours
from fieldstation.series.embedded.cache import Cache
from fieldstation.series.embedded.codec import (
    Floats,
    Ints,
    Objects,
    decimals_of,
    decode,
    decode_integers,
    encode_floats,
    encode_integers,
    encode_objects,
)  # fmt: skip
from fieldstation.series.embedded.rows import (
    SYSTEM_COLUMNS,
    TIME,
    Block,
    as_floats,
    concat,
    holds_text,
)  # fmt: skip

FULL = 65_536
SMALL = FULL // 2
LARGEST = FULL + SMALL
MOST_SMALL = 8
# Column numbers: the system columns from 0, the channels from 8; a row of `piece` is numbered
# segment * 1024 + column.
CHANNELS_AT, STRIDE = 8, 1024


@dataclass(frozen=True, slots=True)
class Segment:
    """A row of the table `segment`."""

    id: int
    first_us: int
    last_us: int
    readings: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A segment that is ready to be written: its span and its rows of `piece` without the id."""

    first_us: int
    last_us: int
    readings: int
    pieces: list[tuple[int, bytes | None, bytes]]


@dataclass(slots=True)
class Portion:
    """What becomes one segment: segments that go into it, and the new rows from `low` to `high`."""

    segments: list[Segment]
    low: int
    high: int

    @property
    def readings(self) -> int:
        """How many it will hold."""
        return sum(segment.readings for segment in self.segments) + self.high - self.low

    @property
    def changes(self) -> bool:
        """True when it is more than one segment as it stands."""
        return self.high > self.low or len(self.segments) > 1

    def joined(self, other: Portion) -> Portion:
        """This one and its right neighbour."""
        return Portion(self.segments + other.segments, self.low, other.high)


def plan(segments: Sequence[Segment], times: Ints) -> list[Portion]:
    """How the rows with these times (rising) join a stream's segments (in time order): the
    portions that change anything.
    """
    portions = _placed(segments, times)
    while sum(portion.readings < SMALL for portion in portions) > MOST_SMALL:
        at = _cheapest(portions)
        portions[at : at + 2] = [portions[at].joined(portions[at + 1])]
    return [portion for portion in portions if portion.changes]


def _placed(segments: Sequence[Segment], times: Ints) -> list[Portion]:
    """Rule 3, first sentence."""
    portions, low = [], 0
    for segment in segments:
        begin = int(np.searchsorted(times, segment.first_us, side="left"))
        end = int(np.searchsorted(times, segment.last_us, side="right"))
        if begin > low:
            portions.append(Portion([], low, begin))
        portions.append(Portion([segment], begin, end))
        low = end
    if low < len(times):
        portions.append(Portion([], low, len(times)))
    return portions


def _cheapest(portions: Sequence[Portion]) -> int:
    """The left one of the two neighbours to join: both small if there are such, the fewest
    readings together, one of them small in any case.
    """
    sizes = [portion.readings for portion in portions]

    def cost(at: int) -> tuple[int, int]:
        pair = sizes[at : at + 2]
        return (sum(size >= SMALL for size in pair), sum(pair))

    return min(range(len(sizes) - 1), key=cost)


def cuts(times: Ints) -> list[slice]:
    """The rows of the segments that readings with these times (rising) make (rules 1 and 4)."""
    count = len(times)
    if count <= LARGEST:
        return [slice(0, count)]
    pieces = -(-count // FULL)
    edges = {int(np.searchsorted(times, times[count * i // pieces])) for i in range(1, pieces)}
    bounds = [0, *sorted(edges - {0}), count]
    return [slice(low, high) for low, high in pairwise(bounds)]


def seal(block: Block) -> Sealed:
    """Encode rows (in time order) as one segment."""
    times = block.times
    pieces: list[tuple[int, bytes | None, bytes]] = [
        (place, None, encode_integers(column)) for place, column in enumerate(block.system)
    ]
    blobs = encode_floats(block.floats)
    for place, column in block.objects.items():
        blobs[place] = encode_objects(column)
    levels = fold_hours(times, _numbers(block))
    hours = encode_hours(levels, [decimals_of(blob) for blob in blobs])
    for place, (level, blob) in enumerate(zip(hours, blobs, strict=True)):
        pieces.append((CHANNELS_AT + place, level, blob))
    return Sealed(int(times[0]), int(times[-1]), len(block), pieces)


def _numbers(block: Block) -> Floats:
    """The floats, with integers too long for them rounded in."""
    long = {p: column for p, column in block.objects.items() if not holds_text(column)}
    if not long:
        return block.floats
    floats = block.floats.copy()
    for place, column in long.items():
        floats[place] = as_floats(column)
    return floats


class Pieces:
    """Columns of segments, read through a cache. Segment numbers are never used twice."""

    def __init__(self, connection: sqlite3.Connection, cache: Cache) -> None:
        self._connection = connection
        self._cache = cache

    def segments(self, stream: int, start_us: int, end_us: int) -> list[Segment]:
        """The stream's segments that reach into the range, in time order."""
        rows = self._connection.execute(
            "SELECT id, first_us, last_us, readings FROM segment"
            " WHERE stream = ? AND first_us < ? AND last_us >= ? ORDER BY first_us",
            (stream, end_us, start_us),
        )
        return [Segment(*row) for row in rows]

    def times(self, segment: int) -> Ints:
        """UTC microseconds of a segment."""
        return self.system(segment, TIME)

    def system(self, segment: int, place: int) -> Ints:
        """A system column."""
        found: Ints = self._cache.find(
            (segment, place), lambda: decode_integers(self._blob(segment, place, "data"))
        )
        return found

    def column(self, segment: int, place: int) -> Floats | Objects:
        """Channel number `place`."""
        found: Floats | Objects = self._cache.find(
            (segment, CHANNELS_AT + place),
            lambda: decode(self._blob(segment, CHANNELS_AT + place, "data")),
        )
        return found

    def hours(self, segment: int, place: int) -> Fold:
        """The hourly level of channel number `place`."""
        found: Fold = self._cache.find(
            (segment, -1 - place), lambda: self._hours(segment, CHANNELS_AT + place)
        )
        return found

    def whole(self, segment: Segment, channels: int) -> Block:
        """All rows of a segment, past the cache."""
        base = segment.id * STRIDE
        blobs = dict(
            self._connection.execute(
                "SELECT id, data FROM piece WHERE id BETWEEN ? AND ?", (base, base + STRIDE - 1)
            )
        )
        try:
            system = [decode_integers(blobs[base + place]) for place in range(SYSTEM_COLUMNS)]
            columns = [decode(blobs[base + CHANNELS_AT + place]) for place in range(channels)]
        except KeyError as error:
            raise StoreDamaged(
                f"segment {segment.id} of the series store lacks a column"
            ) from error
        return _block(system, columns)

    def _hours(self, segment: int, column: int) -> Fold:
        blob = self._blob(segment, column, "hours")
        return decode_hours(blob) if blob is not None else EMPTY

    def _blob(self, segment: int, column: int, part: str) -> bytes:
        row = self._connection.execute(
            f"SELECT {part} FROM piece WHERE id = ?",  # noqa: S608
            (segment * STRIDE + column,),
        ).fetchone()
        if row is None:
            raise StoreDamaged(f"segment {segment} of the series store lacks column {column}")
        blob: bytes = row[0]
        return blob


def _block(system: Sequence[Ints], columns: Sequence[NDArray[np.generic]]) -> Block:
    objects = {p: column for p, column in enumerate(columns) if column.dtype == object}
    blank = np.full(len(system[0]), np.nan)
    floats = np.vstack([blank if p in objects else column for p, column in enumerate(columns)])
    return Block(np.vstack(system), floats, objects)  # type: ignore[arg-type]


def rebuilt(
    portion: Portion, rows: Block | None, pieces: Pieces, channels: int
) -> Iterator[Sealed]:
    """The segments that stand in the place of a portion. `rows` are all new rows of the stream in
    time order.
    """
    parts = [pieces.whole(segment, channels) for segment in portion.segments]
    if rows is not None and portion.high > portion.low:
        parts.append(rows.take(slice(portion.low, portion.high)))
    block = concat(parts).by_time()
    for rows_of in cuts(block.times):
        yield seal(block.take(rows_of))
