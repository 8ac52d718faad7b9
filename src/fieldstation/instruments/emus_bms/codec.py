"""The door to the Emus sentences for everything that is no driver: vectors, captures, checks.

A frame is one line, named by its sentence; or all lines of one poll, named `layout*lines`. Kinds of
CodecError: `crc_mismatch`, `too_long`, `malformed` (the checksum is right, the content is not),
`unknown_sentence` (right, but of a name that is not known), `unexpected` (another sentence).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.emus_bms import readings
from fieldstation.instruments.emus_bms.board import Board
from fieldstation.instruments.emus_bms.fields import Values
from fieldstation.instruments.emus_bms.grammar import line_end
from fieldstation.instruments.emus_bms.lines import decode, decode_request_line
from fieldstation.instruments.emus_bms.speech import FRAMES, encode_sentence
from fieldstation.model import Value
from fieldstation.model.talk import FrameEnd

__all__ = [
    "CHECKED", "FRAMES", "FRAME_LIMIT", "decode", "decode_frame", "decode_vector", "encode_frame",
    "frame_end", "read_frame", "vector_frame",
]  # fmt: skip

CHECKED = True
# Twice the longest line: room for all lines of any poll of the vectors.
FRAME_LIMIT = 1024

encode_frame = encode_sentence

# The words of the vectors for lines that are to be turned down.
_REJECTIONS = {
    "crc_mismatch": "reject_checksum",
    "malformed": "reject_content",
    "unknown_sentence": "ignore_unknown",
}


def frame_end(name: str) -> FrameEnd:
    """Where a frame of that name ends: with its first line, or with its last for a poll."""
    count = _line_count(name)

    def end(data: bytes) -> int | None:
        length = 0
        for _ in range(count):
            more = line_end(data[length:]) if length < len(data) else None
            if more is None:
                return None
            length += more
        return length

    return end


def _line_count(name: str) -> int:
    count = name.rpartition("*")[2]
    return int(count) if "*" in name and count.isdecimal() else 1


def _lines(data: bytes) -> list[bytes]:
    return [line for line in data.replace(b"\r", b"\n").split(b"\n") if line]


def decode_frame(name: str, data: bytes) -> dict[str, Any]:
    """All that is in a frame, as section 6 of the sheet shapes it; of a poll, what is kept.

    An empty name takes whatever sentence it is, and tells it under `sentence`. Raises CodecError.
    """
    if "*" in name:
        return read_frame(name, data)
    found, values = decode(data)
    if not name:
        return {"sentence": found} | values
    if found != name:
        raise CodecError("unexpected", f"a line of {found} where {name} was awaited", data=data)
    return values


def read_frame(name: str, data: bytes) -> dict[str, Value]:
    """What is kept of a frame, by the names of the channels. Raises CodecError."""
    if "*" not in name:
        decode_frame(name, data)
    lines = _lines(data) if "*" in name else [data]
    decoded = [decode(line) for line in lines]
    board = Board()
    for line in lines:
        board.note(line)
    layouts = readings.telling({found for found, _ in decoded}, name.partition("*")[0])
    return {key: value for row in layouts for key, value in readings.kept(row, decoded, board)}


def vector_frame(entry: Mapping[str, Any]) -> tuple[str, bytes]:
    """Name and bytes of a vector: one `sentence` of a `type`, or the `sentences` of a `layout`.
    Lines end with CR alone. Raises CodecError `no_line`.
    """
    if lines := entry.get("sentences"):
        return f"{entry['layout']}*{len(lines)}", "".join(f"{line}\r" for line in lines).encode()
    if not isinstance(entry.get("sentence"), str):
        raise CodecError("no_line", "the vector holds no sentence")
    text = entry["sentence"].encode("latin-1", "replace")
    return str(entry.get("type", "")), text + b"\r"


def decode_vector(entry: Mapping[str, Any]) -> Values:
    """A vector's line in the direction it names, or what is kept of its lines. Raises CodecError
    whose kind is the vectors' own word for a line to turn down.
    """
    name, data = vector_frame(entry)
    try:
        if entry.get("direction") == "to_bms":
            return decode_request_line(data)
        return decode_frame(name, data) if "*" in name else decode(data)[1]
    except CodecError as error:
        error.kind = _REJECTIONS.get(error.kind, error.kind)
        raise
