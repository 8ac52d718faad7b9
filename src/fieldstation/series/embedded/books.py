"""What the store has received, in memory: the books, and how they are read from the file again.

The inbox is decoded once at the start; after that its readings live in their streams until they are
sealed.
"""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldstation.batch.announce import decode_notes
from fieldstation.batch.arrays import Section, decode_sections
from fieldstation.batch.facts import ClockFact, Source
from fieldstation.batch.frame import Frame, open_frame
from fieldstation.batch.limits import LIMITS
from fieldstation.batch.model import Announcement
from fieldstation.batch.ranges import Range, Ranges
from fieldstation.errors import CodecError, StoreDamaged
from fieldstation.model import Layout
from fieldstation.series.embedded.placing import Placing, placed
from fieldstation.series.embedded.rows import block_of
from fieldstation.series.embedded.streams import Stream, Streams

# Enough for every batch that stations may still be sending again.
DIGESTS_KEPT = 10_000

Boot = tuple[str, bytes]


@dataclass(slots=True)
class Books:
    """What was received: ranges by station and boot, which of them a clock fact placed, digests of
    the last batches, row numbers.
    """

    ranges: dict[Boot, Ranges] = field(default_factory=dict)
    placings: dict[Boot, list[Placing]] = field(default_factory=dict)
    digests: OrderedDict[tuple[Boot, int, int], bytes] = field(default_factory=OrderedDict)
    boots: dict[Boot, int] = field(default_factory=dict)
    stations: dict[str, int] = field(default_factory=dict)
    last_upload: int = 0

    def remember(self, boot: Boot, frame: Frame) -> None:
        """Keep the batch's digest, and forget the oldest beyond the limit."""
        self.digests[boot, frame.first, frame.last] = frame.content
        while len(self.digests) > DIGESTS_KEPT:
            self.digests.popitem(last=False)


def fresh_rows(section: Section, known: Sequence[Range]) -> NDArray[np.bool_]:
    """Which of the section's readings lie in none of the known ranges."""
    sequences = section.system[0]
    fresh = np.ones(len(sequences), dtype=np.bool_)
    for first, last in known:
        fresh &= (sequences < first) | (sequences > last)
    return fresh


def add_blocks(
    streams: Streams,
    station: str,
    number: int,
    boot: int,
    sections: Iterable[Section],
    known: Sequence[Range],
    placed_by_us: int,
) -> None:
    """Make the new readings of upload `number` visible, unless segments hold them already."""
    for section in sections:
        stream = streams.by_key[station, section.instrument, section.layout.id]
        if number <= stream.through:
            continue
        block = block_of(section, boot, number, placed_by_us)
        if known:
            block = block.take(fresh_rows(section, known))
        if len(block):
            stream.add(block)


def load(connection: sqlite3.Connection) -> tuple[Books, Streams]:
    """Everything that lives in memory, read from the file. Raises StoreDamaged."""
    names = dict(connection.execute("SELECT id, name FROM station"))
    streams = Streams()
    for row in connection.execute(
        "SELECT id, station, instrument, channels, every_us, serial, model, generation, place,"
        " through, readings, first_us, last_us, newest FROM stream ORDER BY id"
    ):
        streams.add(_stream(row, names))
    books = Books(stations={name: key for key, name in names.items()})
    books.last_upload = max((stream.through for stream in streams.by_key.values()), default=0)
    _load_ranges(connection, books, names)
    _load_placings(connection, books)
    for number, station, body, known in connection.execute(
        "SELECT id, station, body, known FROM inbox ORDER BY id"
    ):
        _reload(books, streams, number, names[station], body, json.loads(known or "[]"))
    return books, streams


def _load_ranges(connection: sqlite3.Connection, books: Books, names: Mapping[int, str]) -> None:
    boots: dict[int, Boot] = {}
    for key, station, boot in connection.execute("SELECT id, station, boot FROM boot"):
        boots[key] = (names[station], boot)
    books.boots = {boot: key for key, boot in boots.items()}
    for key, first, last in connection.execute(
        "SELECT boot, first, last FROM received ORDER BY boot, first"
    ):
        books.ranges.setdefault(boots[key], Ranges()).pairs.append((first, last))


def _load_placings(connection: sqlite3.Connection, books: Books) -> None:
    boots = {key: boot for boot, key in books.boots.items()}
    for key, first, last, kernel, mono_us, utc_us, error_us, source in connection.execute(
        "SELECT boot, first, last, kernel, mono_us, utc_us, error_us, source FROM placed"
        " ORDER BY boot, first"
    ):
        clock = ClockFact(bytes(16), 0, kernel, mono_us, utc_us, error_us, Source(source))
        books.placings.setdefault(boots[key], []).append(Placing(first, last, clock))


def _stream(row: Sequence[Any], names: Mapping[int, str]) -> Stream:
    (key, station, instrument, channels, every_us, serial, model, generation, place,
     through, readings, first_us, last_us, newest) = row  # fmt: skip
    layout = Layout.from_json(json.loads(channels))
    stream = Stream(
        key, names[station], Announcement(instrument, layout, every_us, serial, model),
        generation, place, through, readings, first_us, last_us,
    )  # fmt: skip
    if newest is not None:
        stream.newest_us, values = json.loads(newest)
        stream.newest = tuple(values)
    return stream


def _reload(
    books: Books,
    streams: Streams,
    number: int,
    station: str,
    body: bytes,
    known: Sequence[Range],
) -> None:
    try:
        frame = open_frame(body)
        layouts = [
            streams.by_key[station, entry.instrument, entry.layout].layout
            for entry in frame.entries
        ]
        sections = decode_sections(frame, layouts)
        clock = decode_notes(frame.announcements, LIMITS).clock
        offset_us = clock.offset_us if clock is not None else 0
        if clock is not None:
            sections = [placed(section, offset_us) for section in sections]
    except (CodecError, KeyError) as error:
        raise StoreDamaged(f"upload {number} in the series store's inbox is damaged") from error
    boot = (station, frame.boot)
    add_blocks(streams, station, number, books.boots[boot], sections, known, offset_us)
    books.remember(boot, frame)
    books.last_upload = max(books.last_upload, number)
