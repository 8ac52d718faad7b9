"""The journal's file: how it is opened, its tables, and a typed view for each layout.

1. WAL with `synchronous=FULL`: a commit that returned survives a power cut. NORMAL loses the last
   ones.
2. Pages of 1 KiB: a durable reading costs 6.5 KB of device writes instead of 9.7 with 4 KiB.
3. `secure_delete=OFF`: deleting old readings must not rewrite the pages they leave.
4. One wide row per reading, appended, without a secondary index: a row per channel writes 13 times
   as much.
5. Every layout has a view with one typed column per channel, and every kind of fact one with its
   fields, so that ordinary SQLite tools can read the file.
6. Every row has a digest over what it says.
7. Many readings that wait for long are one row of `pack` (`packs.py`), a tenth as large.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack
from pathlib import Path

from fieldstation.errors import StoreUnavailable
from fieldstation.journal.about import About, new_identity, write_about
from fieldstation.journal.facts import views
from fieldstation.model import Kind, Layout

VERSION = 2
PAGE_BYTES = 1024

TABLES = """
CREATE TABLE about (
    one INTEGER PRIMARY KEY CHECK (one = 1), identity TEXT NOT NULL, floor INTEGER NOT NULL,
    origin INTEGER NOT NULL, tallied INTEGER NOT NULL, digest BLOB NOT NULL
) STRICT;
CREATE TABLE layout (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE stream (
    stream INTEGER PRIMARY KEY, instrument TEXT NOT NULL, layout TEXT NOT NULL REFERENCES layout,
    every_us INTEGER NOT NULL, serial TEXT NOT NULL, model TEXT NOT NULL, digest BLOB NOT NULL,
    UNIQUE (instrument, layout)
) STRICT;
CREATE TABLE boot (
    boot INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kernel TEXT NOT NULL,
    started_utc_us INTEGER NOT NULL, digest BLOB NOT NULL
) STRICT;
CREATE TABLE spare (
    what TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (what, key)
) STRICT;
CREATE TABLE reading (
    sequence INTEGER PRIMARY KEY, stream INTEGER NOT NULL, boot INTEGER NOT NULL,
    utc_us INTEGER NOT NULL, mono_us INTEGER NOT NULL, trust INTEGER NOT NULL,
    body TEXT NOT NULL, digest BLOB NOT NULL
) STRICT;
CREATE TABLE pack (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, boot INTEGER NOT NULL,
    outline TEXT NOT NULL, digest BLOB NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE sink (
    name TEXT PRIMARY KEY, settled INTEGER NOT NULL, islands TEXT NOT NULL, boot BLOB NOT NULL,
    number INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY, sink TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    code TEXT NOT NULL, message TEXT NOT NULL, found_utc_us INTEGER NOT NULL,
    readings TEXT NOT NULL, digest BLOB NOT NULL,
    UNIQUE (sink, first, last)
) STRICT;
CREATE TABLE fact (
    revision INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
    digest BLOB NOT NULL, UNIQUE (kind, key)
) STRICT;
CREATE TABLE sent (
    day INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, digest BLOB NOT NULL
) STRICT;
"""

_VIEW = """
CREATE VIEW IF NOT EXISTS {view} AS
SELECT sequence, instrument,
    strftime('%Y-%m-%dT%H:%M:%f', utc_us / 1e6, 'unixepoch') || 'Z' AS utc,
    utc_us, iif(trust, 'synced', 'unsynced') AS clock, {columns}
FROM reading JOIN stream USING (stream)
WHERE layout = '{layout}' AND json_valid(body)
"""
_CAST = {Kind.NUMBER: "REAL", Kind.INTEGER: "INTEGER", Kind.FLAG: "INTEGER", Kind.TEXT: "TEXT"}
_OWN_COLUMNS = {"sequence", "instrument", "utc", "utc_us", "clock"}


def open_writable(path: Path, most_bytes: int) -> sqlite3.Connection:
    """The one writing connection to the journal, its tables in place. `most_bytes` 0: no limit.

    Raises StoreUnavailable for a file of another form, else sqlite3.Error.
    """
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    with ExitStack() as undo:
        undo.callback(db.close)
        db.execute(f"PRAGMA page_size={PAGE_BYTES}")
        for setting in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=OFF"):
            db.execute(f"PRAGMA {setting}").fetchall()
        if most_bytes:
            db.execute(f"PRAGMA max_page_count={max(64, most_bytes // PAGE_BYTES)}").fetchall()
        if version_of(db, path) == 0:
            create(db)
            sync_folder(path.parent)
        undo.pop_all()
    return db


def create(db: sqlite3.Connection) -> None:
    """Make the tables of an empty file, all or none."""
    statements = "".join(f"{statement};" for statement in (TABLES, *views()))
    db.executescript(f"BEGIN IMMEDIATE;{statements}PRAGMA user_version={VERSION};")
    write_about(db, About(new_identity()))
    db.execute("COMMIT")


def open_readable(path: Path) -> sqlite3.Connection:
    """A connection that can only read. Raises like `open_writable`."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    with ExitStack() as undo:
        undo.callback(db.close)
        if version_of(db, path) == 0:
            if db.execute("SELECT 1 FROM sqlite_schema").fetchone():
                raise StoreUnavailable(f"{path} is not a journal: name the station's data folder")
            raise StoreUnavailable(f"the journal {path} holds nothing yet: has the station run?")
        undo.pop_all()
    return db


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """The version of the file's form, 0 for an empty file. Raises StoreUnavailable for any other
    than this program's.
    """
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if 0 < version < VERSION:
        raise StoreUnavailable(
            f"the journal {path} has the older form {version}: the station brings it to form"
            f" {VERSION} when it starts"
        )
    if version > VERSION:
        raise StoreUnavailable(
            f"the journal {path} has form {version}, this program knows up to {VERSION}:"
            " update fieldstation"
        )
    return version


def create_view(db: sqlite3.Connection, layout: Layout) -> None:
    """Give the layout a view named `kind_name`; a later layout of the same name gets its id added.

    Rows whose body is no JSON any more are left out: one bad row must not spoil the others.
    """
    name = f"{layout.kind}_{layout.name}"
    taken = db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
    view = quoted(f"{name}_{layout.id}" if taken else name)
    columns = ", ".join(
        f"{_expression(channel.kind, index)} AS {quoted(_column(channel.name))}"
        for index, channel in enumerate(layout.channels)
    )
    db.execute(
        _VIEW.format(view=view, columns=columns, layout=layout.id)  # names quoted, id is hex
    )


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _column(name: str) -> str:
    return f"{name}_value" if name in _OWN_COLUMNS else name


def _expression(kind: Kind, index: int) -> str:
    value = f"json_extract(body, '$[{index}]')"
    return f"CAST({value} AS {_CAST[kind]})" if kind in _CAST else value


def sync_folder(folder: Path) -> None:
    """Make names in the folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
