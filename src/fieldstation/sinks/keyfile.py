"""The file that holds the gateway key. Its content never appears in a message."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fieldstation.errors import ConfigError

MOST_BYTES = 4096


def read_key(path: Path) -> str:
    """The key in the file. Raises ConfigError when it is missing, empty, or readable by others."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"the key file {path} cannot be read ({error.strerror}); add a gateway at the hub and"
            " save its key there"
        ) from error
    if mode & 0o077:
        raise ConfigError(f"the key file {path} is open to others; type: chmod 600 {path}")
    key = content.decode("ascii", errors="replace").strip()
    if not key or len(content) > MOST_BYTES or not key.isprintable() or not key.isascii():
        raise ConfigError(f"the key file {path} holds no key; save the key of the gateway there")
    return key
