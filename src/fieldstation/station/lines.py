"""On which line of a TOML file a key stands; the standard parser does not tell.

Good enough for messages, not a second parser: what it cannot find (keys within inline tables)
takes the line of the nearest key around it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Path = tuple[str, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=\s*(.*)")
_FENCES = ('"""', "'''")


class Lines:
    """The line numbers, from 1, of all sections and keys of a TOML text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        section: Path = ()
        fence = ""
        for number, line in enumerate(text.splitlines(), 1):
            if fence:
                fence = "" if fence in line else fence
            elif header := _HEADER.match(line):
                section = _parts(header[1])
                self._note(section, number)
            elif key := _KEY.match(line):
                self._note(section + _parts(key[1]), number)
                fence = _opened(key[2])

    def of(self, path: Sequence[str]) -> int:
        """The line of the key at `path`, or of the nearest one around it; 1 when there is none."""
        for length in range(len(path), 0, -1):
            if found := self._lines.get(tuple(path[:length])):
                return found
        return 1

    def _note(self, path: Path, number: int) -> None:
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], number)


def _parts(dotted: str) -> Path:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_PART, dotted))


def _opened(value: str) -> str:
    """The fence of a text over several lines that starts in `value` and does not end there."""
    for fence in _FENCES:
        if value.startswith(fence) and value.count(fence) == 1:
            return fence
    return ""
