"""Does what comes again say the same as what is stored?

1. Readings under numbers that were received before are compared with the stored ones: times as they
   were filed, monotonic times, trust and every value, bit for bit.
2. Another value, or no reading under a number of its time, is a contradiction.
3. The way is slow but bounded: of one batch the sealed readings of at most `MOST_SEGMENTS` segments
   are looked up; what lies in further ones counts as the same, and the first stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fieldstation.series.embedded.rows import (
    BOOT,
    OFFSET,
    SEQUENCE,
    SYSTEM_COLUMNS,
    TIME,
    TRUST,
    Block,
    Objects,
    as_objects,
)  # fmt: skip
from fieldstation.series.embedded.segments import Pieces, Segment
from fieldstation.series.embedded.streams import Stream

MOST_SEGMENTS = 16

Found = NDArray[np.bool_]
Reading = Callable[[], AbstractContextManager[Pieces]]
"""A snapshot of the segments."""


@dataclass(frozen=True, slots=True)
class Again:
    """Readings of one stream that come again, and those of its readings that are about to be
    written; all of one run.
    """

    stream: Stream
    mine: Block
    waiting: Sequence[Block]


def contradicts(comers: Iterable[Again], boot: int, reading: Reading) -> bool:
    """Whether readings that come again differ from the stored ones of the run number `boot`."""
    left = MOST_SEGMENTS
    for again in comers:
        stream, mine = again.stream, again.mine
        found = np.zeros(len(mine), dtype=np.bool_)
        hot = (block for block in stream.hot if block.upload > stream.through)
        if _differs(mine, boot, (*again.waiting, *hot), found):
            return True
        if found.all():
            continue
        with reading() as pieces:
            segments, beyond = _holding(pieces, stream, mine, found, left)
            left -= len(segments)
            if _differs(mine, boot, _sealed(pieces, segments, mine, boot), found):
                return True
        found |= beyond
        if not found.all():
            return True
    return False


def _differs(mine: Block, boot: int, stored: Iterable[Block], found: Found) -> bool:
    """Whether a stored reading differs; marks those that do not as found."""
    for block in stored:
        theirs = np.flatnonzero(block.system[BOOT] == boot)
        _, here, there = np.intersect1d(
            mine.system[SEQUENCE], block.system[SEQUENCE, theirs],
            assume_unique=True, return_indices=True,
        )  # fmt: skip
        if not len(here):
            continue
        if not _same(mine.take(here), block.take(theirs[there])):
            return True
        found[here] = True
    return False


def _same(mine: Block, theirs: Block) -> bool:
    system = [TIME, OFFSET, TRUST]
    if mine.floats.shape != theirs.floats.shape:
        return False
    if not np.array_equal(mine.system[system], theirs.system[system]):
        return False
    places = mine.objects.keys() | theirs.objects.keys()
    floats = [place for place in range(len(mine.floats)) if place not in places]
    ones, others = mine.floats[floats], theirs.floats[floats]
    # As bits, minus zero differs from zero; no value is NaN, of which there are many.
    gaps = np.isnan(ones) & np.isnan(others)
    if not (gaps | (ones.view(np.int64) == others.view(np.int64))).all():
        return False
    return all(
        as_objects(mine.column(place)).tolist() == as_objects(theirs.column(place)).tolist()
        for place in places
    )


def _holding(
    pieces: Pieces, stream: Stream, mine: Block, found: Found, most: int
) -> tuple[list[Segment], Found]:
    """The segments in which the readings that were not found should be, `most` of them, and the
    readings whose segments are beyond that.
    """
    times = mine.times
    wanted = times[~found]
    out: list[Segment] = []
    beyond = np.zeros(len(mine), dtype=np.bool_)
    for segment in pieces.segments(stream.id, int(wanted.min()), int(wanted.max()) + 1):
        inside = (times >= segment.first_us) & (times <= segment.last_us)
        if not (inside & ~found).any():
            continue
        if len(out) < most:
            out.append(segment)
        else:
            beyond |= inside
    return out, beyond


def _sealed(pieces: Pieces, segments: Iterable[Segment], mine: Block, boot: int) -> Iterator[Block]:
    """The rows of the segments that bear the same numbers."""
    for segment in segments:
        numbers = pieces.system(segment.id, SEQUENCE)
        ours = pieces.system(segment.id, BOOT) == boot
        rows = np.flatnonzero(ours & np.isin(numbers, mine.system[SEQUENCE]))
        system = np.vstack(
            [pieces.system(segment.id, place)[rows] for place in range(SYSTEM_COLUMNS)]
        )
        columns = [pieces.column(segment.id, place)[rows] for place in range(len(mine.floats))]
        objects = {p: cast(Objects, c) for p, c in enumerate(columns) if c.dtype == object}
        blank = np.full(len(rows), np.nan)
        floats = [blank if place in objects else c for place, c in enumerate(columns)]
        yield Block(
            system, np.array(floats, dtype=np.float64).reshape(len(columns), len(rows)), objects
        )
