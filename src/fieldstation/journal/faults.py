"""SQLite's errors in the program's own words.

1. Full, damaged and unavailable are different to the one who has to act, so they are different
   classes.
2. An input/output error stands apart (`DiskFault`): after it the connection's cache can no longer
   be trusted, because the system reports a failed write once and then calls the page clean.
3. So does a file that may only be read (`DiskReadOnly`): only a new connection finds out that this
   is over.
4. An answer that is not what was asked for is damage as well (`in_order`), though SQLite does not
   say so. `test_rows_out_of_order_are_damage_and_end`
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from fieldstation.errors import StoreDamaged, StoreError, StoreFull, StoreUnavailable

_PRIMARY = 0xFF  # the low byte of an extended result code is the plain one

_UNDECODABLE = 254  # our number for text that is no UTF-8: Python reports it without a code
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, _UNDECODABLE}
_OF_THE_FILE = ("no such ", "unsupported file format")
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "is locked by another program: close the program that writes to it",
    sqlite3.SQLITE_LOCKED: "is locked by another program: close the program that writes to it",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that the folder exists and who owns it",
    sqlite3.SQLITE_PERM: "may not be opened: check the owner of the folder",
    sqlite3.SQLITE_AUTH: "may not be opened: check the owner of the folder",
}


class DiskFault(StoreUnavailable):
    """The disk gave an input/output error; what the last transaction left behind is unknown."""


class DiskReadOnly(DiskFault):
    """The file may only be read. A connection made now stays so, also when that is mended."""


def translate(path: Path, error: sqlite3.Error) -> StoreError | None:
    """The error in the program's words, None for one that is a defect of ours."""
    code = getattr(error, "sqlite_errorcode", _UNDECODABLE) & _PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"no room for the journal {path}: free disk space or raise its limit")
    if code == sqlite3.SQLITE_ERROR and str(error).startswith(_OF_THE_FILE):
        code = sqlite3.SQLITE_CORRUPT  # our statements are fixed, so the file is at fault
    if code in _DAMAGED and not isinstance(error, sqlite3.ProgrammingError):
        return StoreDamaged(f"the journal {path} is damaged ({error})")
    if code == sqlite3.SQLITE_IOERR:
        return DiskFault(f"the disk failed under the journal {path} ({error}): check the disk")
    if code == sqlite3.SQLITE_READONLY or (code == sqlite3.SQLITE_CANTOPEN and _read_only(path)):
        return DiskReadOnly(
            f"the journal {path} is read-only: check the mount and the owner of the folder"
        )
    if code in _UNAVAILABLE:
        return StoreUnavailable(f"the journal {path} {_UNAVAILABLE[code]}")
    return None


def _read_only(path: Path) -> bool:
    """Whether the file system there is read-only: then the log cannot be made."""
    try:
        return bool(os.statvfs(path.parent).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _of_the_system(path: Path, error: OSError) -> StoreError | None:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return StoreFull(f"no room for the journal {path}: free disk space")
        case errno.EIO:
            return DiskFault(f"the disk failed under the journal {path} ({error}): check the disk")
        case errno.EROFS:
            return DiskReadOnly(f"the journal {path} is read-only: check the mount")
    return None


def in_order(numbers: Sequence[int], first: int, last: int, *, down: bool = False) -> None:
    """Raise sqlite3.DatabaseError unless the numbers that SQLite found from `first` to `last` rise,
    or with `down` fall. It does not always notice that a tree of pages is damaged, and who goes on
    from the last number would go in circles.
    """
    along = [first - 1, *(reversed(numbers) if down else numbers), last + 1]
    if numbers and any(one >= two for one, two in pairwise(along)):
        raise sqlite3.DatabaseError("its rows are out of order")


@contextmanager
def in_our_words(path: Path) -> Iterator[None]:
    """Turn SQLite's errors within into StoreFull, StoreDamaged, StoreUnavailable or DiskFault."""
    try:
        yield
    except sqlite3.Error as error:
        ours = translate(path, error)
        if ours is None:
            raise
        raise ours from error
    except OSError as error:  # of a folder: SQLite has numbers of its own
        ours = _of_the_system(path, error)
        if ours is None:
            raise
        raise ours from error
    except UnicodeDecodeError as error:  # SQLite quotes the damaged text in its own message
        raise StoreDamaged(f"the journal {path} is damaged (its texts are no UTF-8)") from error
