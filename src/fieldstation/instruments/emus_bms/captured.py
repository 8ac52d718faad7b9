"""Captured lines of an Emus control unit."""

from __future__ import annotations

import re

from fieldstation.errors import CodecError
from fieldstation.instruments.emus_bms.grammar import ENDS, RESTART_MARKS, crc8

# VR1 and the parameters of the modules' numbers (Emus BMS sheet, sections 4 and 6): the digits of a
# number that is too short to be looked for everywhere.
_NUMBER = re.compile(rb"(?:VR1,[^,\r\n]*|CF2,0D[0-9A-F]{2}),([0-9A-Fa-f]+)")


def mask(_request: bytes, frame: bytes) -> bytes:
    """A line without the number of the unit or of a module."""
    return _NUMBER.sub(_zeros, frame)


def _zeros(found: re.Match[bytes]) -> bytes:
    return found[0][: -len(found[1])] + b"0" * len(found[1])


def seal(_request: bytes, frame: bytes) -> bytes:
    """A line with the checksum of what it says, its ends as they are. Raises CodecError
    `malformed`.
    """
    line = frame.strip(ENDS)
    body, comma, digits = line.rpartition(b",")
    if not comma or len(digits) != 2:
        raise CodecError("malformed", "no whole line to seal", data=frame)
    covered = body.lstrip(RESTART_MARKS) + b","
    return frame.replace(line, body + b",%02X" % crc8(covered))
