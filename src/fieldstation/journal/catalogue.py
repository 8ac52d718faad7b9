"""What the numbers in the journal stand for: layouts, streams (an instrument with one layout),
boots.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from fieldstation.batch.model import Announcement
from fieldstation.journal.rows import Stream
from fieldstation.journal.schema import create_view
from fieldstation.model import Layout


class Catalogue:
    """The small tables of one journal in memory. Written within the caller's transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.layouts: dict[str, Layout] = {}
        self.streams: dict[int, Stream] = {}
        self.announcements: dict[tuple[str, str], Announcement] = {}
        self.boots: dict[int, bytes] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._boot_numbers: dict[bytes, int] = {}
        self.load()

    def load(self) -> None:
        """Read the tables. A damaged layout is left out, which makes its readings damaged too."""
        for (text,) in self._db.execute("SELECT CAST(definition AS BLOB) FROM layout"):
            layout = _layout(text)
            if layout is not None:
                self.layouts[layout.id] = layout
        for number, every_us, *texts in self._db.execute(
            "SELECT stream, every_us, CAST(instrument AS BLOB), CAST(layout AS BLOB),"
            " CAST(serial AS BLOB), CAST(model AS BLOB) FROM stream"
        ):
            instrument, layout_id, serial, model = (
                text.decode(errors="replace") if isinstance(text, bytes) else "" for text in texts
            )
            self._numbers[instrument, layout_id] = number
            if layout_id in self.layouts:
                layout = self.layouts[layout_id]
                self._admit(number, Announcement(instrument, layout, every_us, serial, model))
        for number, boot in self._db.execute("SELECT boot, id FROM boot"):
            self.boots[number], self._boot_numbers[boot] = boot, number

    def stream_of(self, instrument: str, layout: Layout) -> Stream:
        """The stream of an instrument's layout, made when new."""
        number = self._numbers.get((instrument, layout.id))
        if number is None:
            self.announce(Announcement(instrument, layout, 0))
            number = self._numbers[instrument, layout.id]
        return self.streams[number]

    def announce(self, new: Announcement) -> None:
        """Remember what the hub has to know about a stream; writes only what changed."""
        key = (new.instrument, new.layout.id)
        if self.announcements.get(key) == new:
            return
        if self.layouts.get(new.layout.id) != new.layout:
            self._define(new.layout)
        facts = (new.every_us, new.serial, new.model)
        number = self._numbers.get(key)
        if number is None:
            number = self._db.execute(
                "INSERT INTO stream (instrument, layout, every_us, serial, model)"
                " VALUES (?, ?, ?, ?, ?)",
                (*key, *facts),
            ).lastrowid
        else:
            self._db.execute(
                "UPDATE stream SET every_us = ?, serial = ?, model = ? WHERE stream = ?",
                (*facts, number),
            )
        self._admit(int(number or 0), new)

    def boot_of(self, boot: bytes, kernel: str = "", started_utc_us: int = 0) -> int:
        """The number of a boot, made when new."""
        if boot not in self._boot_numbers:
            number = self._db.execute(
                "INSERT INTO boot (id, kernel, started_utc_us) VALUES (?, ?, ?)",
                (boot, kernel, started_utc_us),
            ).lastrowid
            self._boot_numbers[boot] = int(number or 0)
            self.boots[self._boot_numbers[boot]] = boot
        return self._boot_numbers[boot]

    def announcements_of(self, streams: Iterable[tuple[str, str]]) -> tuple[Announcement, ...]:
        """What is known about (instrument, layout id) pairs, each once, in order of name."""
        return tuple(self.announcements[key] for key in sorted(set(streams)))

    def _define(self, layout: Layout) -> None:
        definition = json.dumps(layout.as_json(), separators=(",", ":"))
        self._db.execute(
            "INSERT OR REPLACE INTO layout VALUES (?, ?, ?, ?)",
            (layout.id, layout.kind, layout.name, definition),
        )
        if layout.id not in self.layouts:
            create_view(self._db, layout)
        self.layouts[layout.id] = layout

    def _admit(self, number: int, announcement: Announcement) -> None:
        key = (announcement.instrument, announcement.layout.id)
        self._numbers[key] = number
        self.streams[number] = Stream(number, announcement.instrument, announcement.layout)
        self.announcements[key] = announcement


def _layout(text: object) -> Layout | None:
    """The layout written as `text`, None when it is none. Its id follows from what it says, so one
    that was changed is another one and takes no readings over.
    """
    try:
        return Layout.from_json(json.loads(text if isinstance(text, bytes) else b""))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
