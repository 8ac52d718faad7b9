"""A journal of form 1 becomes one of form 2, and there is a way back.

1. The work is done on a copy, which is verified and synced before it takes the journal's name in
   one step. Interrupted anywhere, the next start finds the old journal or the new one, whole.
   `test_a_migration_cut_off_anywhere_leaves_the_old_journal_or_the_new_one`
2. The old file stays beside it as `journal.form1-<UTC>.sqlite3`, and `back` restores it.
   `test_the_way_back_says_what_it_does_not_hold`
3. The rows of readings are the same in both forms and keep their digests; only the small tables are
   written anew. `test_every_reading_cursor_and_hole_comes_over`
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

from fieldstation.batch.facts import DAY_US, Hole, State
from fieldstation.errors import NotFound, StoreDamaged, StoreFull, StoreUnavailable
from fieldstation.journal.about import About, new_identity, write_about
from fieldstation.journal.aside import beside, drop
from fieldstation.journal.catalogue import Catalogue
from fieldstation.journal.cursors import Cursor, Cursors
from fieldstation.journal.digest import digest
from fieldstation.journal.facts import Facts, views
from fieldstation.journal.faults import in_our_words
from fieldstation.journal.quarantine import Quarantined, set_apart
from fieldstation.journal.rows import COLUMNS, Row, Stream, unpack
from fieldstation.journal.schema import TABLES, VERSION, sync_folder
from fieldstation.journal.spares import keep
from fieldstation.model import Layout

log = logging.getLogger(__name__)

_COPY_PAGES = 4096  # copied in one step
_TOLD_ROWS = 500_000
_SMALL_TABLES = ("layout", "stream", "boot", "sink", "quarantine", "hole", "floor")
# Beside the copy: the small tables, and a log of the transaction that writes them.
_MARGIN_BYTES = 4 << 20
_MEGABYTE = 1_000_000


def form_of(path: Path) -> int:
    """The form of the journal at `path`; 0 when there is none, or nothing that says so."""
    if not path.is_file() or path.stat().st_size == 0:
        return 0
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return int(db.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error:
        return 0


def bring_up(path: Path, utc_us: Callable[[], int]) -> Path | None:
    """Bring a journal of form 1 to this form; where the old one is kept then. Only the one who
    holds the data folder may do this.

    Raises StoreFull with the room that is needed, StoreDamaged, StoreUnavailable.
    """
    copy = path.with_name(f"{path.stem}.migrating{path.suffix}")
    drop(copy)  # left by one that was interrupted
    if form_of(path) != 1:
        return None
    _need_room(path)
    log.info("the journal is brought to a new form", extra={"file": str(path), "form": VERSION})
    with in_our_words(path):
        _copy(path, copy)
        _rewrite(copy)
        _verify(path, copy)
    kept = beside(path, "form1", utc_us())
    _take_over(path, copy, kept)
    log.info("the journal has its new form", extra={"file": str(path), "old": kept.name})
    return kept


def back(path: Path, utc_us: Callable[[], int]) -> tuple[Path, Path, int, int]:
    """Restore the newest journal of form 1 that was kept. Which that was, where the present one is
    kept now, and the highest sequences of the two. Only the one who holds the data folder may do
    this.

    Raises NotFound when none was kept, StoreUnavailable.
    """
    found = sorted(path.parent.glob(f"{path.stem}.form1-*{path.suffix}"))
    if not found:
        raise NotFound(f"no journal of an older form is kept beside {path}: there is no way back")
    old = found[-1]
    copy = path.with_name(f"{path.stem}.migrating{path.suffix}")
    drop(copy)
    kept = beside(path, f"form{form_of(path)}", utc_us())
    with in_our_words(path):
        newest = _newest(old), _newest(path)
        _copy(old, copy)
    _take_over(path, copy, kept)
    return old, kept, *newest


# --- files ---


def _need_room(path: Path) -> None:
    log_file = path.with_name(path.name + "-wal")
    size = path.stat().st_size + (log_file.stat().st_size if log_file.exists() else 0)
    needed, free = size + size // 10 + _MARGIN_BYTES, shutil.disk_usage(path.parent).free
    if free < needed:
        raise StoreFull(
            f"the journal {path} cannot be brought to form {VERSION}: this takes"
            f" {-(-needed // _MEGABYTE)} MB of free disk space and {free // _MEGABYTE} MB are free;"
            " free some, nothing was changed"
        )


def _copy(path: Path, copy: Path) -> None:
    """A copy as one file, which is synced; the log of `path` is emptied."""

    def progress(_: int, left: int, pages: int) -> None:
        if pages > 10 * _COPY_PAGES:
            log.info("copying the journal", extra={"percent": 100 - 100 * left // pages})

    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with closing(sqlite3.connect(copy, isolation_level=None)) as new:
            old.backup(new, pages=_COPY_PAGES, progress=progress)
            new.execute("PRAGMA journal_mode=DELETE").fetchall()
            new.execute("PRAGMA synchronous=FULL")
    _sync(copy)


def _take_over(path: Path, copy: Path, kept: Path) -> None:
    """The copy takes the name of the journal, which is called `kept` from then on."""
    log_file = path.with_name(path.name + "-wal")
    if log_file.exists() and log_file.stat().st_size:
        raise StoreUnavailable(
            f"another program reads the journal {path}: close it and start again, nothing was"
            " changed"
        )
    try:
        _sync(copy)
        try:
            os.link(path, kept)
        except OSError:  # a file system without links: a copy does it too
            shutil.copyfile(path, kept)
            _sync(kept)
        sync_folder(path.parent)
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        copy.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreUnavailable(
            f"the journal {path} cannot be replaced ({error.strerror}): check its folder, nothing"
            " was changed"
        ) from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _newest(path: Path) -> int:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        return db.execute("SELECT max(sequence) FROM reading").fetchone()[0] or 0


# --- rows ---


def _rewrite(copy: Path) -> None:
    """Write the small tables anew, all in one transaction."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        old = {table: _rows(db, table) for table in _SMALL_TABLES}
        for table in _SMALL_TABLES:
            db.execute(f"DROP TABLE {table}")
        for statement in (*TABLES.split(";"), *views()):
            if statement.strip() and "CREATE TABLE reading " not in statement:
                db.execute(statement)
        _write_meaning(db, old)
        for row in old["hole"]:
            _write_hole(Facts(db), row)
        cursors = Cursors(db, 0)
        for cursor in _old_cursors(old["sink"]):
            cursors.put(cursor)
        cursors.write()
        _write_quarantine(db, old["quarantine"])
        floor, origin = old["floor"][0] if old["floor"] else (0, 0)
        write_about(db, About(new_identity(), floor, origin))
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")


def _rows(db: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """The rows of an old table; a text that is damaged comes as near to itself as can be."""
    db.text_factory = lambda data: data.decode(errors="replace")
    try:
        return db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own names
    finally:
        db.text_factory = str


def _write_meaning(db: sqlite3.Connection, old: dict[str, list[tuple[Any, ...]]]) -> None:
    """Layouts, streams and boots keep their numbers, which the readings name."""
    boots = [(number, bytes(boot).hex(), *rest) for number, boot, *rest in old["boot"]]
    for table, rows in (("layout", old["layout"]), ("stream", old["stream"]), ("boot", boots)):
        for row in rows:
            marks = ", ".join("?" * (len(row) + 1))
            db.execute(
                f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 - our own names
                (*row, digest(*row)),
            )
            keep(db, table, row)


def _write_hole(facts: Facts, row: tuple[Any, ...]) -> None:
    number, instrument, layout, cause, state, boot, first_us, last_us, count = row
    facts.write(
        Hole(
            number, instrument, layout, cause, bytes(boot), first_us, last_us, count,
            State.OPEN if state == "open" else State.LOST,
        )
    )  # fmt: skip


def _old_cursors(rows: list[tuple[Any, ...]]) -> list[Cursor]:
    """The cursors that fit their digests, by name."""
    cursors = []
    for name, settled, boot, number, first, last, mark in sorted(rows):
        meaning = f"{name} {settled} {boot!r} {number} {first} {last}"
        if hashlib.blake2b(meaning.encode(), digest_size=8).digest() == mark:
            cursors.append(Cursor(name, settled, (), boot, number, first, last))
    return cursors


def _write_quarantine(db: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    """What sinks refused. What was damaged is found again, and becomes a hole then."""
    for _, sink, first, last, code, message, found_us in rows:
        if sink:
            counts = Counter(
                {
                    (instrument, day): count
                    for instrument, day, count in db.execute(
                        f"SELECT instrument, utc_us / {DAY_US}, count(*) FROM reading"  # noqa: S608
                        " JOIN stream USING (stream) WHERE sequence BETWEEN ? AND ? GROUP BY 1, 2",
                        (first, last),
                    )
                }
            )
            set_apart(db, Quarantined(sink, first, last, code, message, found_us), counts)


# --- verification ---


def _verify(path: Path, copy: Path) -> None:
    """Raises StoreDamaged unless the copy holds the same readings, each as intact as it was, and
    every cursor and hole.
    """
    with closing(_reading(path)) as old, closing(_reading(copy)) as new:
        known, catalogue = _meaning(old), Catalogue(new)
        for count, (before, after) in enumerate(zip_longest(_all(old), _all(new)), 1):
            if before != after or (
                unpack(after, catalogue.streams, catalogue.boots) is None
                and unpack(before, *known) is not None
            ):
                raise StoreDamaged(f"row {count} of the journal {path} did not come over")
            if count % _TOLD_ROWS == 0:
                log.info("verifying the journal", extra={"readings": count})
        if _small(old, old=True) != _small(new, old=False):
            raise StoreDamaged(f"a cursor or a hole of the journal {path} did not come over")


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _all(db: sqlite3.Connection) -> Iterator[Row]:
    return db.execute(f"SELECT {COLUMNS} FROM reading ORDER BY sequence")  # noqa: S608 - our own


def _meaning(db: sqlite3.Connection) -> tuple[dict[int, Stream], dict[int, bytes]]:
    """Streams and boots of a journal of form 1."""
    layouts = {}
    for _, _, _, definition in _rows(db, "layout"):
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            layout = Layout.from_json(json.loads(definition))
            layouts[layout.id] = layout
    streams = {
        number: Stream(number, instrument, layouts[layout])
        for number, instrument, layout, *_ in _rows(db, "stream")
        if layout in layouts
    }
    return streams, {number: bytes(boot) for number, boot, *_ in _rows(db, "boot")}


def _small(db: sqlite3.Connection, *, old: bool) -> tuple[list[Cursor], int]:
    """The cursors that can be believed, and how many holes there are."""
    if old:
        return _old_cursors(_rows(db, "sink")), len(_rows(db, "hole"))
    cursors = Cursors(db, 0)
    return [cursors[name] for name in cursors.names], len(Facts(db).of(Hole))
