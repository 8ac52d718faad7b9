"""Taking in uploads: what is checked, what is told, what one transaction writes.

1. Everything about an upload is checked before anything is written; a faulty one changes nothing
   and does not disturb the others of its group.
2. The identity of a reading is (station, boot, sequence). What falls into a range that was received
   before is a duplicate and is not stored again; the rest of its batch is.
3. What falls into a known range has to say the same as what is stored, else the batch contradicts
   it, is refused, and the first readings stay. For a batch that simply comes again the digest
   tells; it is kept for the last `DIGESTS_KEPT` batches. Any other is compared (see `overlap`).
4. An upload is kept as it came, with the ranges that were known before, so that reading the inbox
   again gives exactly the readings that were new.
5. Bodies, ranges and channel tables of a whole group are one transaction; memory changes after it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fieldstation.batch.announce import decode_notes
from fieldstation.batch.arrays import Section, decode_sections
from fieldstation.batch.frame import Frame, open_frame
from fieldstation.batch.limits import LIMITS
from fieldstation.batch.model import Announcement, Receipt, UnknownLayout
from fieldstation.batch.ranges import Range, Ranges
from fieldstation.errors import BatchRefused
from fieldstation.series.api import Upload
from fieldstation.series.embedded.books import Books, Boot, add_blocks, fresh_rows
from fieldstation.series.embedded.overlap import Again, Reading, contradicts
from fieldstation.series.embedded.placing import (
    Placing,
    as_placed,
    changed,
    extended,
    placed,
    untrusted,
)  # fmt: skip
from fieldstation.series.embedded.rows import block_of
from fieldstation.series.embedded.streams import Key, Stream, Streams

# A receipt names at most so many gaps; the station resends those and learns of the next.
MOST_MISSING = 1_000
# An instrument has some ten layouts; more streams than this from one key is a fault or an attack.
MOST_STREAMS = 4_096
# The number of a run that has none yet: its readings are those of this very group.
_NO_BOOT = -1


@dataclass(slots=True)
class Intake:
    """An upload that passed all checks."""

    upload: Upload
    frame: Frame
    boot: Boot
    sections: list[Section]
    known: list[Range]
    announced: list[Stream]
    placed_by_us: int
    receipt: Receipt

    @property
    def kept(self) -> bool:
        """True when it brings readings that are new."""
        return self.receipt.stored > 0


class Group:
    """Uploads that are checked one after the other and written together. Nothing outside changes
    until `publish`.
    """

    def __init__(self, books: Books, streams: Streams, reading: Reading) -> None:
        """`reading` opens a snapshot of the segments."""
        self._books = books
        self._streams = streams
        self._reading = reading
        self._placings: dict[Boot, list[Placing]] = {}
        self._ranges: dict[Boot, Ranges] = {}
        self._new: dict[Key, Stream] = {}
        self._digests: dict[tuple[Boot, int, int], bytes] = {}
        self._swallowed: list[tuple[Boot, int]] = []
        self._grown: dict[tuple[Boot, int], int] = {}
        self.intakes: list[Intake] = []

    def admit(self, upload: Upload) -> Receipt:
        """Check an upload and take it into the group. Raises CodecError, UnknownLayout,
        BatchRefused.
        """
        frame = open_frame(upload.body)
        boot = (upload.station, frame.boot)
        notes = decode_notes(frame.announcements, LIMITS)
        told = self._announced(upload.station, notes.announcements)
        announced = {each.key: each for each in told}
        streams = self._found(upload.station, frame, announced)
        sections = decode_sections(frame, [stream.layout for stream in streams])
        ranges = self._ranges.get(boot) or Ranges(self._books.ranges.get(boot, Ranges()).pairs)
        known = ranges.known(frame.first, frame.last)
        if known:
            self._check_contradiction(boot, frame, streams, sections, known)
        if notes.clock is not None and untrusted(sections):
            sections = [placed(section, notes.clock.offset_us) for section in sections]
            new = ranges.absent(frame.first, frame.last)
            self._placings[boot] = extended(self._placed(boot), new, notes.clock)
        whole = known == [(frame.first, frame.last)]
        stored = readings = sum([entry.readings for entry in frame.entries])
        if known:
            stored = sum(int(fresh_rows(section, known).sum()) for section in sections)
        if not whole:
            self._grow(boot, ranges, frame)
        receipt = Receipt(
            frame.boot, frame.first, frame.last, stored, readings - stored,
            ranges.missing(frame.last, MOST_MISSING),
        )  # fmt: skip
        # A batch that comes again may be older than what was announced since.
        told_new = [s for s in announced.values() if not whole or s.key not in self._streams.by_key]
        self._new.update({stream.key: stream for stream in told_new})
        self._digests[boot, frame.first, frame.last] = frame.content
        offset_us = notes.clock.offset_us if notes.clock is not None else 0
        self.intakes.append(
            Intake(upload, frame, boot, sections, known, told_new, offset_us, receipt)
        )
        return receipt

    def _placed(self, boot: Boot) -> list[Placing]:
        return self._placings.get(boot) or self._books.placings.get(boot, [])

    def _grow(self, boot: Boot, ranges: Ranges, frame: Frame) -> None:
        swallowed, (first, last) = ranges.add(frame.first, frame.last)
        self._ranges[boot] = ranges
        for start in swallowed:
            if start != first:
                self._swallowed.append((boot, start))
                self._grown.pop((boot, start), None)
        self._grown[boot, first] = last

    def _check_contradiction(
        self,
        boot: Boot,
        frame: Frame,
        streams: Sequence[Stream],
        sections: Sequence[Section],
        known: Sequence[Range],
    ) -> None:
        """Rule 3."""
        key = (boot, frame.first, frame.last)
        before = self._digests.get(key) or self._books.digests.get(key)
        if before == frame.content:
            return
        number = self._books.boots.get(boot, _NO_BOOT)
        comers = self._again(boot, number, streams, sections, known)
        if before is not None or contradicts(comers, number, self._reading):
            raise BatchRefused(
                "contradiction",
                f"readings {frame.first} to {frame.last} of this boot were received before with"
                " other values; the first ones are kept",
            )

    def _again(
        self,
        boot: Boot,
        number: int,
        streams: Sequence[Stream],
        sections: Sequence[Section],
        known: Sequence[Range],
    ) -> Iterator[Again]:
        """The readings of known ranges, with what the group is about to write of their streams."""
        for stream, section in zip(streams, sections, strict=True):
            mine = block_of(as_placed(section, self._placed(boot)), number, 0)
            mine = mine.take(~fresh_rows(section, known))
            if not len(mine):
                continue
            waiting = [
                block_of(each, number, 0).take(fresh_rows(each, intake.known))
                for intake in self.intakes
                if intake.boot == boot
                for each in intake.sections
                if (each.instrument, each.layout.id) == stream.key[1:]
            ]
            yield Again(self._streams.by_key.get(stream.key, stream), mine, waiting)

    def _found(self, station: str, frame: Frame, announced: Mapping[Key, Stream]) -> list[Stream]:
        """The stream of each section. Raises UnknownLayout."""
        found, unknown = [], []
        for entry in frame.entries:
            key = (station, entry.instrument, entry.layout)
            stream = announced.get(key) or self._new.get(key) or self._streams.by_key.get(key)
            if stream is None:
                unknown.append(entry.layout)
            else:
                found.append(stream)
        if unknown:
            raise UnknownLayout(list(dict.fromkeys(unknown)))
        return found

    def _announced(self, station: str, announcements: Sequence[Announcement]) -> Iterator[Stream]:
        """The announcements that change what is known, as streams."""
        added = 0
        for place, each in enumerate(announcements):
            key = (station, each.instrument, each.layout.id)
            old = self._new.get(key) or self._streams.by_key.get(key)
            newest = self._streams.generation(station, each.instrument)
            if old and old.announced == each and old.generation >= newest:
                continue
            added += old is None
            if self._streams.stations.get(station, 0) + added > MOST_STREAMS:
                raise BatchRefused(
                    "too_many_layouts",
                    f"the station has announced more than {MOST_STREAMS} pairs of instrument and"
                    " layout",
                )
            yield Stream(old.id if old else 0, station, each, newest + 1, place)

    @property
    def changes(self) -> bool:
        """True when there is anything to write."""
        return bool(self._grown or self._new or any(intake.kept for intake in self.intakes))

    # --- one transaction ---

    def write(self, connection: sqlite3.Connection) -> None:
        """Write the group inside a transaction of the caller's."""
        books, stations, boots = self._books, dict(self._books.stations), dict(self._books.boots)
        for intake in self.intakes:
            name = intake.upload.station
            if name not in stations:
                stations[name] = _insert(connection, "station (name) VALUES (?)", (name,))
            if intake.boot not in boots:
                row = (stations[name], intake.frame.boot)
                boots[intake.boot] = _insert(connection, "boot (station, boot) VALUES (?, ?)", row)
            for stream in intake.announced:
                stream.id = write_stream(connection, stream, stations[name])
        connection.executemany(
            "INSERT INTO inbox (id, station, body, known) VALUES (?, ?, ?, ?)",
            [
                (number, stations[intake.upload.station], intake.upload.body, _ranges(intake.known))
                for number, intake in self._numbered()
            ],
        )
        connection.executemany(
            "DELETE FROM received WHERE boot = ? AND first = ?",
            [(boots[boot], start) for boot, start in self._swallowed],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO received (boot, first, last) VALUES (?, ?, ?)",
            [(boots[boot], first, last) for (boot, first), last in self._grown.items()],
        )
        before = books.placings
        connection.executemany(
            "INSERT OR REPLACE INTO placed (boot, first, last, kernel, mono_us, utc_us, error_us,"
            " source) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                each.row(boots[boot])
                for boot, after in self._placings.items()
                for each in changed(before.get(boot, []), after)
            ],
        )
        self._stations, self._boots = stations, boots
        self._last_upload = books.last_upload + sum(intake.kept for intake in self.intakes)

    def publish(self) -> int:
        """Let memory know what was committed; the number of readings that are new."""
        books, stored = self._books, 0
        books.stations, books.boots = self._stations, self._boots
        books.ranges.update(self._ranges)
        books.placings.update(self._placings)
        for stream in self._new.values():
            self._streams.add(stream)
        for number, intake in self._numbered():
            add_blocks(self._streams, intake.upload.station, number, books.boots[intake.boot],
                       intake.sections, intake.known, intake.placed_by_us)  # fmt: skip
            stored += intake.receipt.stored
        for intake in self.intakes:
            books.remember(intake.boot, intake.frame)
        books.last_upload = self._last_upload
        return stored

    def _numbered(self) -> Iterator[tuple[int, Intake]]:
        kept = (intake for intake in self.intakes if intake.kept)
        return enumerate(kept, self._books.last_upload + 1)


def write_stream(connection: sqlite3.Connection, stream: Stream, station: int) -> int:
    """Write a stream's definition; its row number."""
    said = stream.announced
    row = (
        station, said.instrument, said.layout.id, json.dumps(said.layout.as_json()),
        said.every_us, said.serial, said.model, stream.generation, stream.place,
    )  # fmt: skip
    found = connection.execute(
        "INSERT INTO stream (station, instrument, layout, channels, every_us, serial, model,"
        " generation, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (station, instrument, layout) DO UPDATE SET channels = excluded.channels,"
        " every_us = excluded.every_us, serial = excluded.serial, model = excluded.model,"
        " generation = excluded.generation, place = excluded.place RETURNING id",
        row,
    ).fetchone()
    return int(found[0])


def _insert(connection: sqlite3.Connection, what: str, row: tuple[object, ...]) -> int:
    return int(connection.execute(f"INSERT INTO {what} RETURNING id", row).fetchone()[0])


def _ranges(known: Sequence[Range]) -> str | None:
    return json.dumps(known) if known else None
