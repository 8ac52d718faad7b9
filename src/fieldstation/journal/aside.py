"""A damaged journal is put aside under another name, never deleted, so that work can go on at
once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fieldstation.errors import StoreUnavailable

_COMPANIONS = ("", "-wal", "-shm")  # SQLite finds the log of a database by these names


def set_aside(path: Path, utc_us: int) -> Path:
    """Rename the journal and its companions to `name.damaged-<UTC>.sqlite3`; the new path.

    Raises StoreUnavailable when the folder does not allow it.
    """
    moment = datetime.fromtimestamp(utc_us // 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
    target = _free_name(path, f"{path.stem}.damaged-{moment}")
    try:
        for ending in _COMPANIONS:
            part = path.with_name(path.name + ending)
            if part.exists():
                part.rename(target.with_name(target.name + ending))
    except OSError as error:
        raise StoreUnavailable(
            f"the damaged journal {path} cannot be put aside ({error.strerror}):"
            " check the owner of its folder"
        ) from error
    return target


def _free_name(path: Path, stem: str) -> Path:
    target = path.with_name(f"{stem}{path.suffix}")
    count = 1
    while target.exists():
        count += 1
        target = path.with_name(f"{stem}-{count}{path.suffix}")
    return target
