"""A journal is put aside under another name, never deleted, so that work can go on at once.

1. The log goes first, and is there for good before the file follows: a file whose log is gone
   already is found at the next start (`interrupted`), a log that is left would be wiped by the new
   journal. `test_a_set_aside_that_was_cut_off_is_finished`
2. All is there for good before a new journal takes the name, which a file system may otherwise give
   to the new one alone. `test_no_power_cut_while_recovering_loses_anything`
3. Nothing takes the place of what was put aside before.
4. What SQLite would destroy by looking at it is put aside unopened (`headless`).
   `test_a_log_outlives_the_head_of_its_file`
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from fieldstation.errors import StoreUnavailable
from fieldstation.journal.schema import sync_folder

_LOG, _SHARED = "-wal", "-shm"  # SQLite finds what belongs to a database by these names

_MAGIC = b"SQLite format 3\0"


def set_aside(path: Path, utc_us: int) -> Path:
    """Rename the journal and its log to `name.damaged-<UTC>.sqlite3`; the new path.

    Raises StoreUnavailable when the folder does not allow it.
    """
    target = interrupted(path) or beside(path, "damaged", utc_us)
    move(path, target)
    return target


def move(path: Path, target: Path) -> None:
    """Rename a journal and its log. Raises StoreUnavailable when the folder does not allow it."""
    try:
        for ending in (_SHARED, _LOG, ""):
            part, there = (one.with_name(one.name + ending) for one in (path, target))
            if ending and there.exists():
                part.unlink(missing_ok=True)  # made by who read the file without its log
            elif part.exists():
                part.rename(there)
                sync_folder(path.parent)
    except OSError as error:
        raise StoreUnavailable(
            f"the damaged journal {path} cannot be put aside ({error.strerror}):"
            " check the owner of its folder"
        ) from error


def interrupted(path: Path) -> Path | None:
    """Where the journal has to go whose log was put aside already when that was cut off."""
    for part in sorted(path.parent.glob(f"{path.stem}.damaged-*{path.suffix}{_LOG}")):
        target = part.with_name(part.name.removesuffix(_LOG))
        if not target.exists() and path.exists():
            return target
    return None


def headless(path: Path) -> bool:
    """Whether the file is no database any more and has a log: SQLite would drop the log while it
    finds that out. A log is only begun when the file's head is there for good.
    """
    log_file = path.with_name(path.name + _LOG)
    if not (path.is_file() and log_file.is_file() and log_file.stat().st_size):
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) != _MAGIC


def beside(path: Path, word: str, utc_us: int) -> Path:
    """A free name `name.word-<UTC>.sqlite3` beside the journal."""
    moment = datetime.fromtimestamp(utc_us // 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
    stem = f"{path.stem}.{word}-{moment}"
    target, count = path.with_name(f"{stem}{path.suffix}"), 1
    while target.exists():
        count += 1
        target = path.with_name(f"{stem}-{count}{path.suffix}")
    return target


def drop(path: Path) -> None:
    """Delete a copy of a journal, if there is one, with what SQLite keeps beside it. What cannot
    be deleted stays: whoever writes there next says why.
    """
    for ending in ("", _LOG, _SHARED, "-journal"):
        with suppress(OSError):
            path.with_name(path.name + ending).unlink()
