"""Second copies of the few rows that give all readings their meaning (layouts, streams, boots), so
that one flipped bit there does not cost a million readings.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence

from fieldstation.journal.digest import digest

Plain = int | str


def keep(db: sqlite3.Connection, what: str, row: Sequence[Plain]) -> None:
    """Keep a copy of a row of table `what`; its first field tells it from others."""
    fields = (what, str(row[0]), json.dumps(row, separators=(",", ":")))
    db.execute("INSERT OR REPLACE INTO spare VALUES (?, ?, ?, ?)", (*fields, digest(*fields)))


def copies(db: sqlite3.Connection, what: str) -> Iterator[list[Plain]]:
    """The intact copies of a table's rows."""
    for *fields, mark in db.execute(
        "SELECT CAST(what AS BLOB), CAST(key AS BLOB), CAST(row AS BLOB), digest FROM spare"
    ):
        if digest(*fields) == mark and fields[0] == what.encode():
            yield json.loads(fields[2])


def damaged(db: sqlite3.Connection) -> list[str]:
    """The copies that do not fit their digest."""
    rows = db.execute(
        "SELECT CAST(what AS BLOB), CAST(key AS BLOB), CAST(row AS BLOB), digest FROM spare"
    )
    return [
        f"spare {row[1].decode(errors='replace')}" for row in rows if digest(*row[:3]) != row[3]
    ]
