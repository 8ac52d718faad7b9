"""Batch files between their arrival and their storing.

1. A file gets its name when it is whole and on disk; before, it is a `.part` that nobody asks for.
2. Names are made of the slot's id, 32 hex digits that the hub drew itself.
3. A disk that is full or fails is told as a StoreError.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fieldstation.errors import StoreFull, StoreUnavailable

FOLDER = "old-batches"


@contextmanager
def told() -> Iterator[None]:
    """Errors of the disk as StoreErrors."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull("The disk of the hub is full; send the batch later.") from error
        text = f"The hub cannot keep the batch ({error.strerror}); send it later."
        raise StoreUnavailable(text) from error


class Incoming:
    """A file that arrives, at `path` below the spool's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with told():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        # Pieces come large enough; without a buffer nothing is left to fail at the end.
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def write(self, data: bytes) -> None:
        """Append bytes. Raises StoreError."""
        with told():
            while data:
                data = data[self._file.write(data) :]

    def finish(self) -> None:
        """Put all of it on disk. Raises StoreError."""
        with told():
            os.fsync(self._file.fileno())
            self._file.close()

    def drop(self) -> None:
        """Forget it, unless it was kept."""
        with told():
            self._file.close()
            self.path.unlink(missing_ok=True)


class Spool:
    """The folder of batch files below the hub's data folder."""

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER

    def open(self) -> None:
        """Make the folder, drop what a run before left unfinished. Raises StoreError."""
        with told():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in self._folder.glob("*.part"):
                part.unlink()

    def begin(self) -> Incoming:
        """A new file for what arrives. Raises StoreError."""
        return Incoming(self._folder / f"{secrets.token_hex(8)}.part")

    def keep(self, part: Path, slot: str) -> Path:
        """Give a finished file its name; the name is on disk when this returns. Raises
        StoreError.
        """
        path = self.path(slot)
        with told():
            part.replace(path)
            self._sync()
        return path

    def path(self, slot: str) -> Path:
        """Where the file of a slot lies, or would."""
        return self._folder / f"{slot}.zip"

    def held(self) -> list[str]:
        """The slots of all files."""
        return [path.stem for path in self._folder.glob("*.zip")]

    def drop(self, slot: str) -> None:
        """Delete a slot's file, if there is one. Raises StoreError."""
        with told():
            self.path(slot).unlink(missing_ok=True)

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
