"""The hub's data folder: which files it holds and who may read them.

1. The folder belongs to the hub's user alone (0700), the secret key as well (0600)
   (test_secret_key_is_made_once_and_is_for_the_owner_only).
2. Reading a setting writes nothing: only `prepare` creates files.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from fieldstation.errors import ConfigError

ACCOUNTS = "hub.sqlite3"
SERIES = "series.sqlite3"
SECRET = "secret.key"


def prepare(data: Path) -> None:
    """Create the folder and its secret key where they are missing. Raises ConfigError when the
    place cannot be written.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create_once(data / SECRET, secrets.token_urlsafe(48))
    except OSError as error:
        raise ConfigError(
            f"The data folder {data} cannot be used: {error.strerror}. "
            "Name a folder that this user may write."
        ) from error


def secret_key(data: Path) -> str:
    """The key that signs cookies. Without a data folder it is drawn for this process alone."""
    try:
        return (data / SECRET).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return secrets.token_urlsafe(48)


def _create_once(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
