"""Room on the disk that is kept for the end: a file that is given up when the disk is full, so that
the journal can still be told what is missing, and why.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

_SMALL = 50  # on a small disk the reserve takes this part of it
_LEAST_BYTES = 1 << 20  # free beside the reserve before it is made again


class Reserve:
    """The file `path` of up to `size` bytes, 0 for none. `make` it at first."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    @property
    def there(self) -> bool:
        """Whether it can be given up."""
        return self._path.exists()

    def make(self) -> bool:
        """Take the room, unless it is taken. Whether the disk has room, for the reserve and more;
        a disk that cannot be asked has none.
        """
        try:
            disk = os.statvfs(self._path.parent)
            size = min(self._size, disk.f_blocks * disk.f_frsize // _SMALL)
            taken = self._path.stat().st_size if self._path.exists() else 0
            if taken + disk.f_bavail * disk.f_frsize < size + _LEAST_BYTES:
                return False
            if taken != size:
                self._allocate(size)
        except OSError as error:
            log.debug("no reserve", extra={"reason": str(error)})
            return False
        return True

    @property
    def short(self) -> bool:
        """Whether the disk itself is full, not only the journal's own limit reached."""
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return False
        return disk.f_bavail * disk.f_frsize < _LEAST_BYTES

    def give_up(self) -> None:
        """Let the room go."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.debug("the reserve stays", extra={"reason": str(error)})

    def _allocate(self, size: int) -> None:
        self.give_up()
        if not size:
            return
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError:
            self.give_up()
            raise
        finally:
            os.close(handle)
