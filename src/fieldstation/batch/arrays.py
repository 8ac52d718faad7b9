"""The batch format as numpy arrays, for the hub: the same bytes, checks and refusals as `decode`.

One view, one transpose, one running sum and one division turn a whole section into floats. Only
the series store imports this module; a station has no numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fieldstation.batch.codec import MOST_TRUST, check_size
from fieldstation.batch.columns import (
    EMPTY,
    FLOAT,
    FORM_BITS,
    INT64,
    NULLS,
    POWERS,
    TABLE,
    in_table,
    misfit,
    plan_fits,
    table_of,
)  # fmt: skip
from fieldstation.batch.frame import Entry, Form, Frame, System
from fieldstation.batch.limits import LIMITS, MOST_INTEGER, Limits
from fieldstation.batch.wire import Cursor
from fieldstation.errors import CodecError
from fieldstation.model import Channel, Kind, Layout

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_POWERS = np.array(POWERS, dtype=np.float64)
_PLACES = np.arange(LIMITS.readings, dtype=np.int64)
# Integers up to here are exact as float64; a channel that holds a larger one goes by objects.
EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Section:
    """Readings of one instrument and layout as arrays of one length, in sequence order.

    `system` holds sequences, UTC, UTC minus monotonic (microseconds) and trust as int64 rows.
    `floats` has a row for each channel, NaN where there is no value. `objects` holds, by column
    number, the channels that floats cannot carry (texts, integers beyond 2^53) as Value or None;
    their rows of `floats` are NaN.
    """

    instrument: str
    layout: Layout
    system: Ints
    floats: Floats
    objects: dict[int, NDArray[np.object_]]


def decode_sections(
    frame: Frame, layouts: Sequence[Layout], limits: Limits = LIMITS
) -> list[Section]:
    """The sections of an opened batch; `layouts` has one for each entry. Raises CodecError."""
    check_size(frame, layouts, limits)
    cursor = Cursor(frame.sections)
    sections = [
        _section(cursor, frame, entry, layout, limits)
        for entry, layout in zip(frame.entries, layouts, strict=True)
    ]
    if cursor.left:
        raise CodecError("bad_field", f"{cursor.left} bytes follow the last section")
    if len(sections) > 1:
        sequences = np.concatenate([section.system[0] for section in sections])
        if len(np.unique(sequences)) != len(sequences):
            raise CodecError("bad_field", "two readings have the same sequence")
    return sections


def _section(cursor: Cursor, frame: Frame, entry: Entry, layout: Layout, limits: Limits) -> Section:
    count, channels = entry.readings, layout.channels
    plan = cursor.take(len(channels))
    shape = _shape(tuple([channel.kind for channel in channels]), plan)
    if shape is None:
        raise misfit(channels, plan)
    leading = [head.form for head in entry.system].count(Form.STEPS)
    rows = _integer_table(cursor, leading + shape.width, count)
    system = _system(cursor, entry.system, count, rows)
    _check_system(frame, system)
    objects: dict[int, NDArray[np.object_]] = {}
    if shape.plain:
        floats = rows[leading:] / shape.divisors
        _check_flags(channels, floats, shape.flags)
    else:
        floats, objects = _mixed(cursor, channels, plan, count, rows[leading:], limits)
    return Section(entry.instrument, layout, system, floats, objects)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the plan bytes of a section mean: rows in the integer table, powers of ten, and whether
    all channels are such rows without gaps.
    """

    width: int
    plain: bool
    divisors: Floats
    flags: tuple[int, ...]


# A station sends the same few plans over and over; working them out costs as much as the sums.
@lru_cache(maxsize=4096)
def _shape(kinds: tuple[Kind, ...], plan: bytes) -> _Shape | None:
    """None when a plan byte does not suit the kind of its channel."""
    if not all(plan_fits(kind, byte) for kind, byte in zip(kinds, plan, strict=True)):
        return None
    forms = np.frombuffer(plan, dtype=np.uint8) & FORM_BITS
    return _Shape(
        width=sum(map(in_table, forms.tolist())),
        plain=max(plan, default=0) < len(POWERS),
        divisors=_POWERS[np.minimum(forms, len(POWERS) - 1)][:, None],
        flags=tuple(place for place, kind in enumerate(kinds) if kind is Kind.FLAG),
    )


def _integer_table(cursor: Cursor, width: int, count: int) -> NDArray[np.int32]:
    """The integer table as int32[width, count], sums modulo 2^32 taken along each row."""
    raw = np.frombuffer(cursor.take(4 * width * count), dtype=np.uint8)
    words = raw.reshape(4, width * count).T.copy().view("<u4").reshape(width, count)
    steps = (words >> 1) ^ -(words & 1)
    return np.cumsum(steps, axis=1, dtype=np.uint32).view(np.int32)


def _system(cursor: Cursor, heads: Sequence[System], count: int, rows: NDArray[np.int32]) -> Ints:
    out = np.empty((len(heads), count), dtype=np.int64)
    places, row = _PLACES[:count], 0
    for place, head in enumerate(heads):
        if head.form == Form.PLAIN:
            out[place] = _words(cursor, count, "<i8")
            continue
        out[place] = head.base + places * head.step if head.step else head.base
        if head.form == Form.STEPS:
            out[place] += rows[row].astype(np.int64) * head.unit
            row += 1
    return out


def _words(cursor: Cursor, count: int, kind: str) -> NDArray[np.generic]:
    raw = np.frombuffer(cursor.take(8 * count), dtype=np.uint8)
    return raw.reshape(8, count).T.copy().view(kind).reshape(count)


def _check_system(frame: Frame, system: Ints) -> None:
    sequences, utc, offsets, _ = system
    rising = len(sequences) < 2 or (sequences[1:] > sequences[:-1]).all()
    if not rising or sequences[0] < frame.first or sequences[-1] > frame.last:
        raise CodecError("bad_field", "the sequences do not rise within the batch's range")
    # As unsigned numbers, negative ones are the largest.
    _, latest, _, trust = system.view(np.uint64).max(axis=1).tolist()
    if max(latest, (utc - offsets).view(np.uint64).max()) >= MOST_INTEGER:
        raise CodecError("bad_field", "an instant lies outside 1970 to 2255")
    if trust > MOST_TRUST:
        raise CodecError("bad_field", "a reading has an unknown trust in the clock")


def _check_flags(channels: Sequence[Channel], floats: Floats, flags: Sequence[int]) -> None:
    for place in flags:
        row = floats[place]
        if not ((row == 0) | (row == 1)).all():
            raise _bad(channels[place], "holds a flag that is neither 0 nor 1")


def _mixed(
    cursor: Cursor,
    channels: Sequence[Channel],
    plan: bytes,
    count: int,
    rows: NDArray[np.int32],
    limits: Limits,
) -> tuple[Floats, dict[int, NDArray[np.object_]]]:
    """The slower way, for sections with gaps, texts, long integers or raw floats."""
    floats = np.full((len(channels), count), np.nan)
    objects: dict[int, NDArray[np.object_]] = {}
    row = 0
    for place, (channel, byte) in enumerate(zip(channels, plan, strict=True)):
        form = byte & FORM_BITS
        if form == EMPTY:
            continue
        gaps = _gaps(cursor, count) if byte & NULLS else None
        if form == FLOAT:
            floats[place] = _words(cursor, count, "<f8")
            if not np.isfinite(floats[place]).all():
                raise _bad(channel, "holds a value that is not finite")
        elif form == INT64:
            objects[place] = _words(cursor, count, "<i8").astype(object)
        elif form == TABLE:
            objects[place] = _table(cursor, channel, rows[row], limits)
        else:
            floats[place] = rows[row] / POWERS[form]
            if channel.kind is Kind.FLAG:
                _check_flags(channels, floats, (place,))
        row += in_table(form)
        if gaps is not None:
            floats[place, gaps] = np.nan
            if place in objects:
                objects[place][gaps] = None
    return floats, _settle(floats, objects)


def _settle(
    floats: Floats, objects: dict[int, NDArray[np.object_]]
) -> dict[int, NDArray[np.object_]]:
    """Move columns of small integers from objects to floats; what is left cannot be a float."""
    left = {}
    for place, column in objects.items():
        if all(value is None or (type(value) is int and abs(value) <= EXACT) for value in column):
            floats[place] = np.array(
                [np.nan if value is None else value for value in column], dtype=np.float64
            )
        else:
            left[place] = column
    return left


def _gaps(cursor: Cursor, count: int) -> NDArray[np.bool_]:
    raw = np.frombuffer(cursor.take((count + 7) // 8), dtype=np.uint8)
    return np.unpackbits(raw, count=count, bitorder="little").view(np.bool_)


def _table(
    cursor: Cursor, channel: Channel, codes: NDArray[np.int32], limits: Limits
) -> NDArray[np.object_]:
    values = table_of(cursor, channel, limits)
    if codes.min() < 0 or codes.max() >= len(values):
        raise _bad(channel, "points outside its table")
    table = np.empty(len(values), dtype=object)
    table[:] = values
    return table[codes]


def _bad(channel: Channel, what: str) -> CodecError:
    return CodecError("bad_field", f"channel {channel.name} {what}")
