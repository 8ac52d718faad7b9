"""What a journal says of itself, in one row."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass

from fieldstation.errors import StoreDamaged
from fieldstation.journal.digest import digest


@dataclass(frozen=True, slots=True)
class About:
    """`identity` (8 random bytes in hex) names this numbering of facts. No sequence up to `floor`
    is given again; the journal started after `origin`. Tallies hold the readings up to `tallied`.
    """

    identity: str
    floor: int = 0
    origin: int = 0
    tallied: int = 0


def new_identity() -> str:
    """An identity that no other journal has."""
    return os.urandom(8).hex()


def write_about(db: sqlite3.Connection, about: About) -> None:
    """Put it in the place of what was there."""
    row = (about.identity, about.floor, about.origin, about.tallied)
    db.execute("INSERT OR REPLACE INTO about VALUES (1, ?, ?, ?, ?, ?)", (*row, digest(*row)))


def read_about(db: sqlite3.Connection) -> About:
    """Raises StoreDamaged when the row is missing or does not fit its digest: without it a sequence
    could be given twice.
    """
    found = db.execute(
        "SELECT CAST(identity AS BLOB), floor, origin, tallied, digest FROM about WHERE one = 1"
    ).fetchone()
    if found is None or digest(*found[:-1]) != found[-1]:
        raise StoreDamaged(
            "the journal is damaged (what it says of itself does not fit its digest)"
        )
    return About(found[0].decode(), *found[1:-1])
