"""Readings of one stream in memory, as columns.

A stream is what one instrument of one station sends in one layout. Rows stand in arrival order
until they are sealed; sorting by time is stable, so readings of the same microsecond stay in the
order in which they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fieldstation.batch.arrays import Section
from fieldstation.model import Channel, Kind, Trust, Value

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Objects = NDArray[np.object_]

# Rows of `Block.system`, and the numbers of these columns in a segment.
TIME, SEQUENCE, OFFSET, TRUST, BOOT = range(5)
SYSTEM_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one stream.

    `system` is int64[5, n]: UTC, sequence, UTC minus monotonic (microseconds), trust, boot number.
    `floats` is float64[channels, n] with NaN where there is no value. `objects` holds, by column
    number, the channels that floats cannot carry; their rows of `floats` are NaN. `upload` is the
    inbox number of the newest upload in it. Where trust is PLACED, UTC is monotonic time plus
    `placed_by_us`.
    """

    system: Ints
    floats: Floats
    objects: dict[int, Objects]
    upload: int = 0
    placed_by_us: int = 0

    @property
    def times(self) -> Ints:
        """UTC microseconds."""
        times: Ints = self.system[TIME]
        return times

    @property
    def taken_us(self) -> Ints:
        """UTC microseconds as the station gave them; only of rows of one upload."""
        placed = self.system[TRUST] == Trust.PLACED
        taken = self.times - self.placed_by_us + self.system[OFFSET]
        return np.where(placed, taken, self.times) if placed.any() else self.times

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: NDArray[Any] | slice) -> Block:
        """The rows that a mask, index array or slice picks."""
        objects = {place: column[rows] for place, column in self.objects.items()}
        return Block(
            self.system[:, rows], self.floats[:, rows], objects, self.upload, self.placed_by_us
        )

    def by_time(self) -> Block:
        """The rows in time order, those of one instant in the order they had."""
        times = self.times
        if len(times) < 2 or (times[1:] >= times[:-1]).all():
            return self
        return self.take(np.argsort(times, kind="stable"))

    def column(self, place: int) -> Floats | Objects:
        """One channel's values."""
        objects = self.objects.get(place)
        return self.floats[place] if objects is None else objects

    def values(self, row: int, channels: Sequence[Channel]) -> tuple[Value, ...]:
        """One reading with the types that its channels have."""
        return tuple(
            value_of(channel.kind, self.column(place)[row])
            for place, channel in enumerate(channels)
        )


def block_of(section: Section, boot: int, upload: int, placed_by_us: int = 0) -> Block:
    """The rows of an upload's section."""
    system = np.empty((SYSTEM_COLUMNS, section.system.shape[1]), dtype=np.int64)
    system[TIME] = section.system[1]
    system[SEQUENCE] = section.system[0]
    system[OFFSET:BOOT] = section.system[2:]
    system[BOOT] = boot
    return Block(system, section.floats, section.objects, upload, placed_by_us)


def concat(blocks: Sequence[Block]) -> Block:
    """All rows of the blocks (at least one) in their order."""
    if len(blocks) == 1:
        return blocks[0]
    places = {place for block in blocks for place in block.objects}
    objects = {
        place: np.concatenate([as_objects(block.column(place)) for block in blocks])
        for place in places
    }
    floats = np.concatenate([block.floats for block in blocks], axis=1)
    for place in places:
        floats[place] = np.nan
    system = np.concatenate([block.system for block in blocks], axis=1)
    return Block(system, floats, objects, max(block.upload for block in blocks))


def as_objects(column: Floats | Objects) -> Objects:
    """A column as objects: whole numbers as int, NaN as None."""
    if column.dtype == object:
        return cast(Objects, column)
    out = np.empty(len(column), dtype=object)
    out[:] = [
        None if number != number else int(number) if number.is_integer() else number
        for number in column.tolist()
    ]
    return out


def as_floats(column: Floats | Objects) -> Floats:
    """A column as float64, texts and None as NaN."""
    if column.dtype != object:
        return cast(Floats, column)
    return np.array(
        [float(value) if isinstance(value, int) else np.nan for value in column.tolist()],
        dtype=np.float64,
    )


def as_texts(column: Floats | Objects) -> Objects:
    """A column as str or None."""
    out = np.empty(len(column), dtype=object)
    out[:] = [None if value is None else str(value) for value in as_objects(column).tolist()]
    return out


def holds_text(column: Floats | Objects) -> bool:
    """True when some value is a text."""
    return column.dtype == object and any(isinstance(value, str) for value in column.tolist())


def is_text(channel: Channel) -> bool:
    """True for a channel whose values are drawn as words: TEXT, and ENUM with text codes."""
    return channel.kind is Kind.TEXT or any(isinstance(code, str) for code in channel.codes)


def value_of(kind: Kind, value: object) -> Value:
    """A stored value with the type that its channel's kind gives it."""
    if value is None or isinstance(value, (str, int)):
        return value
    number = float(value)  # type: ignore[arg-type]
    if number != number:
        return None
    if kind is Kind.NUMBER:
        return number
    return bool(number) if kind is Kind.FLAG else int(number)
