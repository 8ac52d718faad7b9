"""What the numbers in the journal stand for: layouts, streams (an instrument with one layout),
boots.

1. A row that does not fit its digest is replaced by its spare copy, and counted.
   `test_a_flipped_bit_in_a_layout_costs_no_reading`
2. Without a copy a layout is left out, which makes its readings damaged too. A stream or a boot
   still serves, because the digests of readings say what it has to be; only what else it says
   (interval, serial number, model, kernel) is not believed.
3. Boots are numbered in the order of the runs. Those that come back from a damaged journal have
   numbers from OLDER on, so that the runs before and after the damage stay in order.
   `test_runs_stay_in_order_over_a_salvage`
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from fieldstation.batch.model import Announcement
from fieldstation.journal.digest import digest
from fieldstation.journal.rows import Stream
from fieldstation.journal.schema import create_view
from fieldstation.journal.spares import Plain, copies, keep
from fieldstation.model import Layout

_COLUMNS: dict[str, dict[str, type[int | str]]] = {
    "layout": {"id": str, "kind": str, "name": str, "definition": str},
    "stream": {
        "stream": int, "instrument": str, "layout": str, "every_us": int, "serial": str,
        "model": str,
    },
    "boot": {"boot": int, "id": str, "kernel": str, "started_utc_us": int},
}  # fmt: skip

OLDER = 1 << 20  # more runs than a station ever has


class Catalogue:
    """The small tables of one journal in memory. Written within the caller's transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.layouts: dict[str, Layout] = {}
        self.streams: dict[int, Stream] = {}
        self.announcements: dict[tuple[str, str], Announcement] = {}
        self.owners: dict[int, tuple[str, str]] = {}
        """Instrument and name of the layout by stream, also where the layout is damaged."""
        self.boots: dict[int, bytes] = {}
        self.kernels: dict[bytes, str] = {}
        self.damaged: list[str] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._boot_numbers: dict[bytes, int] = {}
        self.load()

    def load(self) -> None:
        """Read the tables."""
        self.damaged = []
        for row, intact in self._table("layout"):
            layout = _layout(row[3]) if intact else None
            if layout is not None:
                self.layouts[layout.id] = layout
        for (number, instrument, layout_id, every_us, serial, model), intact in self._table(
            "stream"
        ):
            self._numbers[instrument, layout_id] = number
            self.owners[number] = (instrument, "")
            if layout_id in self.layouts:
                facts = (every_us, serial, model) if intact else (0, "", "")
                layout = self.layouts[layout_id]
                self._admit(number, Announcement(instrument, layout, *facts))
        for (number, boot, kernel, _), intact in self._table("boot"):
            with suppress(ValueError):  # damaged, and no copy
                self._enter(number, bytes.fromhex(boot), kernel if intact else "")

    def mend(self) -> None:
        """Write anew what is known from its copy."""
        if self.damaged:
            for table in _COLUMNS:
                for row, intact in self._table(table):
                    if intact:
                        self._write(table, row)
            self.load()

    def stream_of(self, instrument: str, layout: Layout) -> Stream:
        """The stream of an instrument's layout, made when new."""
        number = self._numbers.get((instrument, layout.id))
        if number is None or number not in self.streams:
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
        number = self._numbers.get(key) or self._next("stream")
        self._write("stream", [number, *key, new.every_us, new.serial, new.model])
        self._admit(number, new)

    def boot_of(
        self, boot: bytes, kernel: str = "", started_utc_us: int = 0, made: int | None = None
    ) -> int:
        """The number of a boot; a new one gets `made`, or else the next. The kernel is taken from
        whoever names it first.
        """
        number = self._boot_numbers.get(boot)
        if number is not None and kernel in ("", self.kernels[boot]):
            return number
        number = number or made or self._next("boot")
        self._write("boot", [number, boot.hex(), kernel, started_utc_us])
        self._enter(number, boot, kernel)
        return number

    @property
    def order(self) -> list[bytes]:
        """The runs of the station, oldest first."""
        return [self.boots[number] for number in sorted(self.boots, key=age)]

    def boots_of(self, kernel: str) -> list[bytes]:
        """The runs of the station in one run of the machine, oldest first."""
        return [boot for boot in self.order if kernel and self.kernels[boot] == kernel]

    def announcements_of(self, streams: Iterable[tuple[str, str]]) -> tuple[Announcement, ...]:
        """What is known about (instrument, layout id) pairs, each once, in order of name."""
        return tuple(self.announcements[key] for key in sorted(set(streams)))

    # --- in memory ---

    def _admit(self, number: int, announcement: Announcement) -> None:
        key = (announcement.instrument, announcement.layout.id)
        self._numbers[key] = number
        self.owners[number] = (announcement.instrument, announcement.layout.name)
        self.streams[number] = Stream(number, announcement.instrument, announcement.layout)
        self.announcements[key] = announcement

    def _enter(self, number: int, boot: bytes, kernel: str) -> None:
        self.boots[number], self.kernels[boot] = boot, kernel
        self._boot_numbers[boot] = number

    # --- in the file ---

    def _table(self, table: str) -> list[tuple[list[Any], bool]]:
        """The rows of a table, and whether they are intact; those that are damaged or lost from
        their copies. The intact ones come last.
        """
        made = _COLUMNS[table]
        names = ", ".join(f"CAST({name} AS BLOB)" for name in made)
        found: dict[Any, tuple[list[Any], bool]] = {}
        for *row, mark in self._db.execute(f"SELECT {names}, digest FROM {table}"):  # noqa: S608
            values = [_value(data, kind) for data, kind in zip(row, made.values(), strict=True)]
            intact = digest(*row) == mark
            found[values[0]] = values, intact
            if not intact:
                self.damaged.append(f"{table} {values[0]}")
        for copy in copies(self._db, table):
            if not found.get(copy[0], ([], False))[1]:
                found[copy[0]] = copy, True
        return sorted(found.values(), key=lambda row: row[1])

    def _write(self, table: str, row: list[Plain]) -> None:
        marks = ", ".join("?" * (len(row) + 1))
        self._db.execute(
            f"INSERT OR REPLACE INTO {table} VALUES ({marks})",  # noqa: S608 - our own names
            (*row, digest(*row)),
        )
        keep(self._db, table, row)

    def _define(self, layout: Layout) -> None:
        definition = json.dumps(layout.as_json(), separators=(",", ":"))
        self._write("layout", [layout.id, layout.kind, layout.name, definition])
        if layout.id not in self.layouts:
            create_view(self._db, layout)
        self.layouts[layout.id] = layout

    def _next(self, table: str) -> int:
        query = f"SELECT max({table}) FROM {table} WHERE {table} < {OLDER}"  # noqa: S608
        return int(self._db.execute(query).fetchone()[0] or 0) + 1


def age(number: int) -> tuple[int, int]:
    """By which the numbers of boots are in the order of the runs: a journal that was damaged before
    another one has higher numbers, in which its runs are in order.
    """
    return -(number // OLDER), number


def _value(data: bytes | None, made: type[int | str]) -> int | str:
    """A field as it was made; something else where a damaged row holds no such thing."""
    if made is str:
        return (data or b"").decode(errors="replace")
    return int(data) if data and data.removeprefix(b"-").isdigit() else 0


def _layout(text: str) -> Layout | None:
    """The layout written as `text`, None when it is none."""
    try:
        return Layout.from_json(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
