"""What is not delivered for good: refused by a sink, or (sink "") found damaged here."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass

from fieldstation.batch.ranges import Ranges
from fieldstation.journal.digest import digest

_COLUMNS = "number, sink, first, last, code, message, found_utc_us, readings"

Counts = Counter[tuple[str, int]]
"""Readings by instrument and day."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Sequences `first` to `last` that a sink refused for good, or (sink "") that were found
    damaged.
    """

    sink: str
    first: int
    last: int
    code: str
    message: str
    found_utc_us: int


def set_apart(db: sqlite3.Connection, entry: Quarantined, counts: Counts) -> None:
    """Note an entry, and how many readings it holds; the same again takes its place."""
    number = db.execute("SELECT max(number) FROM quarantine").fetchone()[0] or 0
    readings = json.dumps([[*key, count] for key, count in sorted(counts.items())])
    fields = (entry.sink, entry.first, entry.last, entry.code, entry.message, entry.found_utc_us)
    row = (number + 1, *fields, readings)
    db.execute(
        f"INSERT OR REPLACE INTO quarantine ({_COLUMNS}, digest)"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, digest(*row)),
    )


def no_longer_refused(db: sqlite3.Connection, first: int, last: int, counts: Counts) -> None:
    """Readings of `first` to `last`, `counts` by instrument and day, turned out to be damaged:
    where a sink had refused them, they are not refused any more but missed.
    """
    query = (
        f"SELECT {_COLUMNS} FROM quarantine WHERE sink <> '' AND first <= ? AND last >= ?"  # noqa: S608
        " AND json_valid(readings)"
    )
    for *fields, readings in db.execute(query, (last, first)).fetchall():
        held = Counter({(name, day): count for name, day, count in json.loads(readings)})
        rest = held - counts
        if rest != held:
            row = (*fields, json.dumps([[*key, count] for key, count in sorted(rest.items())]))
            db.execute(
                "UPDATE quarantine SET readings = ?, digest = ? WHERE number = ?",
                (row[-1], digest(*row), row[0]),
            )


def quarantined(db: sqlite3.Connection, most: int) -> list[Quarantined]:
    """The entries, newest first."""
    rows = db.execute(
        "SELECT sink, first, last, code, message, found_utc_us FROM quarantine"
        " ORDER BY number DESC LIMIT ?",
        (most,),
    )
    return [Quarantined(*row) for row in rows]


def given_up(db: sqlite3.Connection, sink: str) -> Ranges:
    """The sequences that will not go to this sink any more."""
    ranges = Ranges()
    for first, last in db.execute(
        "SELECT first, last FROM quarantine WHERE sink IN ('', ?) ORDER BY first", (sink,)
    ):
        ranges.add(first, last)
    return ranges


def refused(db: sqlite3.Connection, sink: str) -> Counts:
    """How many readings the sink refused, also of those that are deleted since."""
    counts: Counts = Counter()
    query = "SELECT readings FROM quarantine WHERE sink = ? AND json_valid(readings)"
    for (readings,) in db.execute(query, (sink,)):
        for instrument, day, count in json.loads(readings):
            counts[instrument, day] += count
    return counts


def damaged_notes(db: sqlite3.Connection) -> list[str]:
    """The small rows here and beside that do not fit their digests, by table and number."""
    found = []
    for table, columns in (
        ("quarantine", _COLUMNS),
        ("sink", "name, settled, islands, boot, number, first, last"),
        ("sent", "day, bytes"),
    ):
        names = ", ".join(f"CAST({name} AS BLOB)" for name in columns.split(", "))
        for *row, mark in db.execute(f"SELECT {names}, digest FROM {table}"):  # noqa: S608
            if digest(*row) != mark:
                found.append(f"{table} {row[0].decode(errors='replace')}")
    return found
