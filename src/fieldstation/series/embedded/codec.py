"""One column of a segment as bytes: exact, small, and readable by anyone with numpy and zlib.

1. A blob is a CRC-32 over the rest, a fixed head, and one compressed payload.
2. Numbers that are decimals become integers (value = integer / 10^k, checked bit for bit); integers
   are written on a LINE (no payload), as PLAIN distances from the smallest, or as STEPS along time,
   whichever varies less. Anything else is RAW float64 or a TABLE of distinct values.
3. Elements take the smallest of 1, 2, 4, 8 bytes and stand as byte planes.
4. Gaps are a bitmap (lowest bit first) before the planes; the integers below a gap repeat their
   neighbour.
5. Compression is named by a byte: 0 none, 1 raw deflate, 2 Zstandard. Deflate is always readable.

`docs/reference/series-file.md` tells the same to readers of the file, with a decoder.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldstation.errors import StoreDamaged
from fieldstation.series.embedded.squeeze import expand, squeeze

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Objects = NDArray[np.object_]

EMPTY, LINE, PLAIN, STEPS, RAW, TABLE = range(6)
GAPS = 0x10
# CRC-32, form, compression, element width, decimals, count, unit, base, step.
HEAD = struct.Struct("<I4BIIqq")
MOST_DECIMALS = 9
# Sums of 64 k such integers stay within int64.
_LARGEST = 2.0**47
# System columns are microseconds; what an instrument stamps in ms or s is written in ms or s.
_UNITS = (1_000_000, 1_000)
_SAMPLE = 2048


# --- encode ---


def encode_floats(matrix: Floats) -> list[bytes]:
    """A blob for each row of `matrix`; NaN means that there is no value."""
    count = matrix.shape[1]
    missing = np.isnan(matrix)
    gappy = missing.any(axis=1)
    bitmaps = {
        int(row): np.packbits(missing[row], bitorder="little").tobytes()
        for row in np.flatnonzero(gappy)
    }
    filled = _fill(matrix, missing, np.flatnonzero(gappy)) if bitmaps else matrix
    places, integers = _decimals(filled)
    packed = dict(zip(np.flatnonzero(places >= 0).tolist(), _integer_rows(integers), strict=True))
    blobs = []
    for row, decimals in enumerate(places.tolist()):
        if row in bitmaps and missing[row].all():
            blobs.append(_blob(_Body(EMPTY, count)))
            continue
        body = packed.get(row) or _Body(RAW, count, _planes(filled[row]), 8)
        body.decimals = max(decimals, 0)
        blobs.append(_blob(body, bitmaps.get(row, b"")))
    return blobs


def encode_integers(column: Ints) -> bytes:
    """The blob of a system column; elements within 2^53."""
    steps = np.diff(column)
    step = int(np.median(steps)) if len(steps) else 0
    rests = steps - step
    unit = next((unit for unit in _UNITS if not (rests % unit).any()), 1)
    if not rests.any():
        return _blob(_Body(LINE, len(column), base=int(column[0]), step=step))
    folded = _fold(np.concatenate(([0], rests // unit)))
    data, width = _narrow(folded)
    return _blob(_Body(STEPS, len(column), data, width, 0, unit, int(column[0]), step))


def encode_objects(column: Objects) -> bytes:
    """The blob of a column of texts, integers or None."""
    places: dict[object, int] = {}
    codes = np.array([places.setdefault(value, len(places)) for value in column.tolist()])
    words = json.dumps(list(places), ensure_ascii=True, separators=(",", ":")).encode()
    data, width = _narrow(codes.astype(np.uint64))
    return _blob(_Body(TABLE, len(column), struct.pack("<I", len(words)) + words + data, width))


@dataclass(slots=True)
class _Body:
    """What a blob says, before compression."""

    form: int
    count: int
    data: bytes = b""
    width: int = 1
    decimals: int = 0
    unit: int = 1
    base: int = 0
    step: int = 0


def _blob(body: _Body, bitmap: bytes = b"") -> bytes:
    method, payload = squeeze(bitmap + body.data)
    form = body.form | (GAPS if bitmap else 0)
    head = HEAD.pack(
        0, form, method, body.width, body.decimals, body.count, body.unit, body.base, body.step
    )
    rest = head[4:] + payload
    return struct.pack("<I", zlib.crc32(rest)) + rest


def _fill(matrix: Floats, missing: NDArray[np.bool_], rows: NDArray[np.int64]) -> Floats:
    """A copy in which every gap repeats the value before it (or the first one after)."""
    filled = matrix.copy()
    places = np.arange(matrix.shape[1])
    for row in rows:
        holes = missing[row]
        if holes.all():
            filled[row] = 0.0
            continue
        before = np.maximum.accumulate(np.where(holes, -1, places))
        before[before < 0] = int(np.argmin(holes))
        filled[row] = matrix[row, before]
    return filled


def _decimals(matrix: Floats) -> tuple[NDArray[np.int64], Ints]:
    """For each row the smallest k for which it is integers / 10^k bit for bit, -1 for none; and
    the integers of the rows that have one, in order.
    """
    rows, count = matrix.shape
    places = np.full(rows, -1)
    integers = np.empty((rows, count), dtype=np.int64)
    left = np.flatnonzero(np.abs(matrix).max(axis=1) < _LARGEST)
    stride = max(1, count // 64)
    for k in range(MOST_DECIMALS + 1):
        if not len(left):
            break
        # Most rows fail already on a few values; only those that pass are looked at in full.
        hopeful = left[_exact(matrix[left, ::stride], k)[0]]
        if not len(hopeful):
            continue
        exact, scaled = _exact(matrix[hopeful], k)
        found = hopeful[exact]
        places[found] = k
        integers[found] = scaled[exact]
        left = left[places[left] < 0]
    return places, integers[places >= 0]


def _exact(matrix: Floats, k: int) -> tuple[NDArray[np.bool_], Floats]:
    power = 10.0**k
    # Adding zero makes a minus zero plain; compared as words, it is told from what was there.
    scaled = np.rint(matrix * power) + 0.0
    same = (scaled / power).view(np.int64) == np.ascontiguousarray(matrix).view(np.int64)
    return same.all(axis=1) & (np.abs(scaled).max(axis=1) < _LARGEST), scaled


def _integer_rows(integers: Ints) -> list[_Body]:
    """Each row in the form that varies least."""
    rows, count = integers.shape
    steps = np.diff(integers, axis=1)
    even = (steps == steps[:, :1]).all(axis=1) if count > 1 else np.ones(rows, dtype=bool)
    stride = max(1, count // _SAMPLE)
    calm = steps[:, ::stride].std(axis=1) < integers[:, ::stride].std(axis=1) if count > 1 else even
    folded = np.zeros((rows, count), dtype=np.uint64)
    folded[:, 1:] = _fold(steps)
    smallest = integers.min(axis=1)
    bodies = []
    for row in range(rows):
        base = int(integers[row, 0])
        if even[row]:
            step = int(steps[row, 0]) if count > 1 else 0
            bodies.append(_Body(LINE, count, base=base, step=step))
        elif calm[row]:
            bodies.append(_Body(STEPS, count, *_narrow(folded[row]), base=base))
        else:
            low = int(smallest[row])
            data, width = _narrow((integers[row] - low).astype(np.uint64))
            bodies.append(_Body(PLAIN, count, data, width, base=low))
    return bodies


def _fold(steps: Ints) -> NDArray[np.uint64]:
    """0, -1, 1, -2 as 0, 1, 2, 3: small steps of either sign are small numbers."""
    return ((steps << 1) ^ (steps >> 63)).view(np.uint64)


def _narrow(numbers: NDArray[np.uint64]) -> tuple[bytes, int]:
    """Byte planes of the smallest width that holds the numbers, and that width."""
    most = int(numbers.max(initial=0))
    width = next(width for width in (1, 2, 4, 8) if most < 1 << 8 * width)
    return _planes(numbers.astype(f"<u{width}")), width


def _planes(elements: NDArray[np.generic]) -> bytes:
    width = elements.itemsize
    return np.ascontiguousarray(elements).view(np.uint8).reshape(-1, width).T.tobytes()


# --- decode ---


@dataclass(frozen=True, slots=True)
class Opened:
    """A blob's head, its bitmap of gaps (None without gaps), and its payload after the bitmap."""

    form: int
    width: int
    decimals: int
    count: int
    unit: int
    base: int
    step: int
    gaps: NDArray[np.bool_] | None
    data: bytes


def open_blob(blob: bytes) -> Opened:
    """Check and decompress a blob. Raises StoreDamaged."""
    if len(blob) < HEAD.size or zlib.crc32(blob[4:]) != int.from_bytes(blob[:4], "little"):
        raise StoreDamaged("a column of the series store does not fit its checksum")
    _, form, method, width, decimals, count, unit, base, step = HEAD.unpack_from(blob)
    data = expand(method, blob[HEAD.size :])
    gaps = None
    if form & GAPS:
        size = (count + 7) // 8
        raw = np.frombuffer(data[:size], dtype=np.uint8)
        gaps = np.unpackbits(raw, count=count, bitorder="little").view(np.bool_)
        data = data[size:]
    return Opened(form & ~GAPS, width, decimals, count, unit, base, step, gaps, data)


def decode(blob: bytes) -> Floats | Objects:
    """The column written by `encode_floats` or `encode_objects`."""
    opened = open_blob(blob)
    if opened.form == TABLE:
        return _decode_table(opened)
    if opened.form == EMPTY:
        return np.full(opened.count, np.nan)
    values: Floats
    if opened.form == RAW:
        values = _elements(opened.data, 8, "f").astype(np.float64)
    elif opened.decimals:
        values = _integers(opened) / 10.0**opened.decimals
    else:
        values = _integers(opened).astype(np.float64)
    if opened.gaps is not None:
        values[opened.gaps] = np.nan
    return values


def decode_integers(blob: bytes) -> Ints:
    """The column written by `encode_integers`."""
    return _integers(open_blob(blob))


def decimals_of(blob: bytes) -> int | None:
    """k when the blob holds integers / 10^k, None otherwise."""
    form, decimals = blob[4] & ~GAPS, blob[7]
    return decimals if form in (LINE, PLAIN, STEPS) else None


def _integers(opened: Opened) -> Ints:
    if opened.form == LINE:
        return opened.base + opened.step * np.arange(opened.count, dtype=np.int64)
    numbers = _elements(opened.data, opened.width, "u").astype(np.int64)
    if opened.form == PLAIN:
        numbers += opened.base
        return numbers
    steps = (numbers >> 1) ^ -(numbers & 1)
    if opened.unit != 1:
        steps *= opened.unit
    if opened.step:
        steps[1:] += opened.step
    steps[0] += opened.base
    return np.cumsum(steps, out=steps)


def _elements(data: bytes, width: int, kind: str) -> NDArray[np.generic]:
    planes = np.frombuffer(data, dtype=np.uint8).reshape(width, -1)
    return np.ascontiguousarray(planes.T).view(f"<{kind}{width}").reshape(-1)


def _decode_table(opened: Opened) -> Objects:
    size = int.from_bytes(opened.data[:4], "little")
    values: Sequence[object] = json.loads(opened.data[4 : 4 + size])
    table = np.empty(len(values), dtype=object)
    table[:] = values
    codes = _elements(opened.data[4 + size :], opened.width, "u")
    return np.asarray(table[codes.astype(np.int64)])
