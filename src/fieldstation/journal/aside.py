"""A journal is put aside under another name, never deleted, so that work can go on at once."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from fieldstation.errors import StoreUnavailable

_COMPANIONS = ("", "-wal", "-shm")  # SQLite finds the log of a database by these names


def set_aside(path: Path, utc_us: int) -> Path:
    """Rename the journal and its companions to `name.damaged-<UTC>.sqlite3`; the new path.

    Raises StoreUnavailable when the folder does not allow it.
    """
    target = interrupted(path) or beside(path, "damaged", utc_us)
    move(path, target)
    return target


def move(path: Path, target: Path) -> None:
    """Rename a journal and its log. Raises StoreUnavailable when the folder does not allow it."""
    try:
        # The log first: a file that lost its log is found damaged again and follows it
        # (`interrupted`), while a log that is left would be wiped by the new journal.
        for ending in reversed(_COMPANIONS):
            part = path.with_name(path.name + ending)
            if part.exists():
                part.rename(target.with_name(target.name + ending))
    except OSError as error:
        raise StoreUnavailable(
            f"the damaged journal {path} cannot be put aside ({error.strerror}):"
            " check the owner of its folder"
        ) from error


def interrupted(path: Path) -> Path | None:
    """Where the journal has to go whose log was put aside already when that was cut off."""
    for part in sorted(path.parent.glob(f"{path.stem}.damaged-*{path.suffix}-wal")):
        target = part.with_name(part.name.removesuffix("-wal"))
        if not target.exists() and path.exists():
            return target
    return None


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
    for ending in (*_COMPANIONS, "-journal"):
        with suppress(OSError):
            path.with_name(path.name + ending).unlink()
