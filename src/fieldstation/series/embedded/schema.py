"""The series file: tables, settings of SQLite and why, versions, and what its errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from fieldstation.errors import StoreDamaged, StoreError, StoreFull, StoreUnavailable

VERSION = 2
APPLICATION_ID = 0x46535331  # "FSS1"

# Blobs end inside a page; small pages waste little of the last one.
PAGE_SIZE = 1024

# What version 2 added.
ADDED_2 = """
CREATE TABLE day (                         -- readings in segments by UTC day (since 1970-01-01)
    stream INTEGER NOT NULL REFERENCES stream,
    day INTEGER NOT NULL,
    stored INTEGER NOT NULL,               -- by the time under which they are filed
    taken INTEGER NOT NULL,                -- by the time that the station gave them
    PRIMARY KEY (stream, day)
) WITHOUT ROWID;
CREATE TABLE placed (                      -- sequences whose readings a clock fact has dated
    boot INTEGER NOT NULL REFERENCES boot,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    kernel TEXT NOT NULL,                  -- the machine's run that the fact is about
    mono_us INTEGER NOT NULL,              -- its monotonic time
    utc_us INTEGER NOT NULL,               -- and the UTC at that moment
    error_us INTEGER NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (boot, first)
) WITHOUT ROWID;
"""

TABLES = """
CREATE TABLE station (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE              -- the gateway's id at the hub
);
CREATE TABLE stream (                      -- one instrument's readings of one layout
    id INTEGER PRIMARY KEY,
    station INTEGER NOT NULL REFERENCES station,
    instrument TEXT NOT NULL,
    layout TEXT NOT NULL,                  -- the layout's id
    channels TEXT NOT NULL,                -- the layout as JSON
    every_us INTEGER NOT NULL,
    serial TEXT NOT NULL,
    model TEXT NOT NULL,
    generation INTEGER NOT NULL,           -- announcement that was the newest to bring it
    place INTEGER NOT NULL,                -- its place among the announcements of a batch
    through INTEGER NOT NULL DEFAULT 0,    -- uploads up to this one are in segments
    readings INTEGER NOT NULL DEFAULT 0,   -- in segments
    first_us INTEGER,
    last_us INTEGER,
    newest TEXT,                           -- values of the newest reading as JSON
    UNIQUE (station, instrument, layout)
);
CREATE TABLE boot (
    id INTEGER PRIMARY KEY,
    station INTEGER NOT NULL REFERENCES station,
    boot BLOB NOT NULL,
    UNIQUE (station, boot)
);
CREATE TABLE received (                    -- sequences, both ends included
    boot INTEGER NOT NULL REFERENCES boot,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (boot, first)
) WITHOUT ROWID;
CREATE TABLE inbox (                       -- uploads as they came, until they are in segments
    id INTEGER PRIMARY KEY,
    station INTEGER NOT NULL REFERENCES station,
    body BLOB NOT NULL,
    known TEXT                             -- JSON ranges that had been received before
);
CREATE TABLE segment (                     -- readings of a stream over a span that is its alone
    id INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES stream,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    readings INTEGER NOT NULL
);
CREATE INDEX segment_span ON segment (stream, first_us);
CREATE TABLE piece (                       -- one column of a segment
    id INTEGER PRIMARY KEY,                -- segment * 1024 + column
    hours BLOB,                            -- before data, so that reading it touches one page
    data BLOB NOT NULL
);
CREATE TABLE doomed (                      -- segments whose pieces are to be deleted
    segment INTEGER PRIMARY KEY
);

CREATE VIEW catalogue AS                   -- every channel with what is known of its stream
SELECT station.name AS station, stream.instrument, json_extract(stream.channels, '$.name') AS part,
       json_extract(channel.value, '$.name') AS channel,
       json_extract(channel.value, '$.kind') AS kind,
       coalesce(json_extract(channel.value, '$.unit'), '') AS unit,
       coalesce(json_extract(channel.value, '$.label'), '') AS label,
       stream.id AS stream, channel.key AS place, stream.readings AS sealed_readings,
       strftime('%Y-%m-%dT%H:%M:%SZ', stream.first_us / 1e6, 'unixepoch') AS sealed_from,
       strftime('%Y-%m-%dT%H:%M:%SZ', stream.last_us / 1e6, 'unixepoch') AS sealed_until
FROM stream JOIN station ON station.id = stream.station,
     json_each(stream.channels, '$.channels') AS channel;
CREATE VIEW holdings AS                    -- every segment with its span and size
SELECT station.name AS station, stream.instrument, segment.id AS segment, segment.readings,
       strftime('%Y-%m-%dT%H:%M:%SZ', segment.first_us / 1e6, 'unixepoch') AS begins,
       strftime('%Y-%m-%dT%H:%M:%SZ', segment.last_us / 1e6, 'unixepoch') AS ends,
       (SELECT sum(length(data) + coalesce(length(hours), 0)) FROM piece
        WHERE piece.id BETWEEN segment.id * 1024 AND segment.id * 1024 + 1023) AS bytes
FROM segment JOIN stream ON stream.id = segment.stream
             JOIN station ON station.id = stream.station;
"""


def open_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes; makes the file when there is none. Raises StoreError."""
    with told(path):
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=10
        )
        with ExitStack() as undo:
            undo.callback(connection.close)
            _prepare(connection, path)
            undo.pop_all()
        return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises StoreError."""
    with told(path):
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro",
            uri=True, isolation_level=None, check_same_thread=False, timeout=10,
        )  # fmt: skip
        connection.execute("PRAGMA cache_size = -16384")
        return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    # Freed pages of the inbox go back to the system without a VACUUM.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    # NORMAL loses receipted readings in a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    # Some systems overwrite freed pages by default, which doubles what sealing writes.
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA journal_size_limit = 4194304")
    connection.execute("PRAGMA cache_size = -16384")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise StoreUnavailable(
            f"{path} was written by a newer fieldstation (format {version}, this one knows"
            f" {VERSION}): upgrade the program"
        )
    if version == 0:
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise StoreDamaged(f"{path} is an SQLite file but not a series store: name another")
        connection.executescript(
            f"BEGIN;{TABLES}{ADDED_2}PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {VERSION};COMMIT;"
        )


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into sentences about the series file."""
    try:
        yield
    except sqlite3.Error as error:
        raise explained(error, path) from error


def explained(error: sqlite3.Error, path: Path) -> StoreError:
    """The StoreError that an SQLite error about `path` means."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL"):
        return StoreFull(f"no room left to write {path}: free some disk space")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreDamaged(
            f"{path} is damaged ({error}): stop the hub and restore the file from a backup"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreUnavailable(f"{path} is locked by another program: stop that program")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return StoreUnavailable(f"{path} cannot be opened for writing: check folder and rights")
    return StoreUnavailable(f"{path} could not be read or written ({error})")
