"""Compiles the catalogues of the hub's texts: GNU .po files to .mo files, without GNU gettext.

1. Read is what the repository's own files use: msgctxt, msgid, msgid_plural and msgstr as quoted
   strings on one or several lines, and comments.
2. The .mo file is the format of the GNU gettext manual, section "The Format of GNU MO Files":
   little endian, sorted by original, no hash table.
"""

from __future__ import annotations

import ast
import re
import struct
from pathlib import Path

_LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)\s+)?("(?:[^"\\]|\\.)*")')


def entries(text: str) -> list[dict[str, str]]:
    """The entries of a .po file, each with its keywords. Raises ValueError for a line that is
    nothing of the kind.
    """
    found: list[dict[str, str]] = []
    word = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            word = ""
            continue
        told = _LINE.fullmatch(line.strip())
        if told is None or not (told[1] or word):
            raise ValueError(f"This is no line of a catalogue: {line!r}")
        if told[1] == "msgctxt" or (told[1] == "msgid" and word != "msgctxt"):
            found.append({})
        word = told[1] or word
        found[-1][word] = found[-1].get(word, "") + ast.literal_eval(told[2])
    return found


def compiled(text: str) -> bytes:
    """The .mo file of a .po file."""
    rows = sorted(_row(entry) for entry in entries(text))
    count = len(rows)
    place = 28 + 16 * count
    tables, strings = [b"", b""], b""
    for side in (0, 1):
        for row in rows:
            tables[side] += struct.pack("<II", len(row[side]), place + len(strings))
            strings += row[side] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, place)
    return head + tables[0] + tables[1] + strings


def compile_all(folder: Path) -> None:
    """Compile every catalogue below this folder, each beside its source."""
    for source in folder.rglob("*.po"):
        source.with_suffix(".mo").write_bytes(compiled(source.read_text(encoding="utf-8")))


def _row(entry: dict[str, str]) -> tuple[bytes, bytes]:
    key = entry["msgid"]
    if "msgctxt" in entry:
        key = f"{entry['msgctxt']}\4{key}"
    if "msgid_plural" not in entry:
        return key.encode(), entry["msgstr"].encode()
    forms = [entry[word] for word in sorted(entry) if word.startswith("msgstr[")]
    return f"{key}\0{entry['msgid_plural']}".encode(), "\0".join(forms).encode()
