"""Captured lines of an Emus control unit."""

from __future__ import annotations

from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.emus_bms.grammar import ENDS, RESTART_MARKS, crc8, name_of


def seal(frame: bytes) -> bytes:
    """A line with the checksum of what it says, its ends as they are. Raises CodecError
    `malformed`.
    """
    line = frame.strip(ENDS)
    body, comma, digits = line.rpartition(b",")
    if not comma or len(digits) != 2:
        raise CodecError("malformed", "no whole line to seal", data=frame)
    covered = body.lstrip(RESTART_MARKS) + b","
    return frame.replace(line, body + b",%02X" % crc8(covered))


def vector(_name: str, _request: bytes, frame: bytes) -> dict[str, Any]:
    """The fields of a vector of one line; it names itself, whatever was asked before it."""
    text = frame.strip(ENDS).decode("latin-1")
    return {"type": name_of(frame), "direction": "from_bms", "sentence": text}
