"""Files that hold one secret, which never appears in a message."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fieldstation.errors import ConfigError

MOST_BYTES = 4096


def read_secret(path: Path) -> str:
    """The first line of the file. Raises ConfigError when it is missing, empty, or readable by
    others than its owner.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"the file {path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigError(f"the file {path} is open to others; type: chmod 600 {path}")
    lines = content.decode("utf-8", errors="replace").splitlines()
    if not lines or not lines[0].strip() or not lines[0].isprintable():
        raise ConfigError(f"the file {path} must hold the secret in its first line")
    return lines[0].strip()
