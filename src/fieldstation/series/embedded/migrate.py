"""An older series file becomes one of this version, and the older one stays beside it.

1. The work is done on a copy. Only a copy that is complete, in agreement with the catalogue and on
   the disk takes the name of the file, by one rename; before it the old file stands there whole,
   after it the new one (test_a_migration_that_is_cut_off_leaves_the_old_file).
2. The old file gets a second name, `NAME.format1.sqlite3`, before that. It is never written again.
3. The caller owns the file, so nobody writes it meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from fieldstation.errors import StoreDamaged, StoreFull, StoreUnavailable
from fieldstation.series.embedded.cache import Cache
from fieldstation.series.embedded.days import counted_days
from fieldstation.series.embedded.schema import ADDED_2, VERSION, told
from fieldstation.series.embedded.segments import Pieces

_CACHE_BYTES = 1 << 20
# Room for the copy, its new tables and the log of the change.
_ROOM = 1.1


def migrate(path: Path) -> None:
    """Bring the file to this version if it is older. Raises StoreError."""
    if not path.exists() or not path.stat().st_size:
        return
    with told(path):
        version = _settled(path)
        if version != 1:
            return
        _check_room(path)
        copy = path.with_name(path.name + ".new")
        try:
            _copied(path, copy)
            _upgraded(copy)
            _swapped(path, copy)
        except OSError as error:
            raise StoreUnavailable(
                f"{path} could not be brought to format {VERSION} and is unchanged:"
                f" {error.strerror}"
            ) from error


def kept_as(path: Path) -> Path:
    """Where the file of format 1 stays."""
    return path.with_name(f"{path.stem}.format1{path.suffix}")


def _settled(path: Path) -> int:
    """The file's version, everything in the file itself and nothing in a log beside it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version == 1:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise StoreUnavailable(f"{path} is read by another program: stop that program")
    return version


def _check_room(path: Path) -> None:
    need = int(path.stat().st_size * _ROOM)
    if shutil.disk_usage(path.parent).free < need:
        raise StoreFull(
            f"{path} needs {need / 1e6:.0f} MB beside it to be brought to format {VERSION}: free"
            " some disk space; nothing was changed"
        )


def _copied(path: Path, copy: Path) -> None:
    for leftover in (copy, Path(f"{copy}-wal"), Path(f"{copy}-shm"), Path(f"{copy}-journal")):
        leftover.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"file:{path.absolute()}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(copy)) as new,
    ):
        old.backup(new)


def _upgraded(copy: Path) -> None:
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        # The copy is nothing until it is renamed, so it needs no log to be safe.
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(f"BEGIN;{ADDED_2}")
        _count_days(connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")


def _count_days(connection: sqlite3.Connection) -> None:
    pieces = Pieces(connection, Cache(_CACHE_BYTES))
    rows = connection.execute("SELECT id, readings FROM stream ORDER BY id").fetchall()
    for stream, readings in rows:
        segments = connection.execute("SELECT id FROM segment WHERE stream = ?", (stream,))
        days = counted_days(pieces.times(segment) for (segment,) in segments.fetchall())
        if days.total() != readings:
            raise StoreDamaged(
                f"stream {stream} of the series file has {days.total()} readings in its segments"
                f" and {readings} in its books: restore the file from a backup"
            )
        connection.executemany(
            "INSERT INTO day (stream, day, stored, taken) VALUES (?, ?, ?, ?)",
            [(stream, day, count, count) for day, count in sorted(days.items())],
        )


def _swapped(path: Path, copy: Path) -> None:
    """Rules 1 and 2."""
    _synced(copy)
    kept = kept_as(path)
    kept.unlink(missing_ok=True)
    os.link(path, kept)
    _synced(path.parent)
    for leftover in (Path(f"{path}-wal"), Path(f"{path}-shm")):
        leftover.unlink(missing_ok=True)
    os.rename(copy, path)
    _synced(path.parent)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
