"""Where a program's personal token comes from: never from its source code."""

from __future__ import annotations

import os
from pathlib import Path

from fieldstation.errors import ConfigError

VARIABLE = "FIELDSTATION_TOKEN"
FILE_VARIABLE = "FIELDSTATION_TOKEN_FILE"
USUAL_FILE = Path("~/.config/fieldstation/token")


def find_token(file: str | Path | None = None) -> str:
    """The token in `file`; without one that of FIELDSTATION_TOKEN, of the file that
    FIELDSTATION_TOKEN_FILE names, or of `~/.config/fieldstation/token`. Raises ConfigError.
    """
    if file is None and (text := os.environ.get(VARIABLE, "").strip()):
        return text
    path = Path(file or os.environ.get(FILE_VARIABLE) or USUAL_FILE).expanduser()
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"There is no token in {path}. Make one on the hub's account page and put it there, "
            f"or set {VARIABLE}."
        ) from error
    if not text.startswith("fst_"):
        raise ConfigError(f"{path} holds no personal token; it begins with fst_.")
    return text
