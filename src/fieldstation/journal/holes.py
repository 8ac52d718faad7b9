"""What is missing has a row: which readings were due, how many, and why they are not there.

A hole belongs to one instrument and one of its layouts. It is open while readings keep missing;
its last due time and count are brought up to date when it is widened or closed.
"""

from __future__ import annotations

import sqlite3

from fieldstation.batch.facts import Hole, State

_COLUMNS = "number, instrument, layout, cause, state, boot, first_utc_us, last_utc_us, count"


def write_hole(db: sqlite3.Connection, hole: Hole) -> None:
    """Write a hole, new or changed."""
    row = (hole.instrument, hole.layout, hole.cause, hole.state, hole.boot)
    span = (hole.first_utc_us, hole.last_utc_us, hole.count)
    db.execute(
        f"INSERT OR REPLACE INTO hole ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (hole.number, *row, *span),
    )


def read_holes(db: sqlite3.Connection, most: int) -> list[Hole]:
    """The newest `most` holes, newest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM hole ORDER BY number DESC LIMIT ?",  # noqa: S608
        (most,),
    )
    return [
        Hole(number, instrument, layout, cause, boot, first, last, count, State(state))
        for number, instrument, layout, cause, state, boot, first, last, count in rows
    ]


def close_left_open(db: sqlite3.Connection, boot: bytes) -> None:
    """Close what other runs left open: nobody counts there any more."""
    db.execute("UPDATE hole SET state = 'lost' WHERE state = 'open' AND boot <> ?", (boot,))
