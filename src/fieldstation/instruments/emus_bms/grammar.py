"""Lines of the Emus serial protocol: where they end, their name, fields and checksum.

Sections are those of the Emus BMS sheet.

1. CR and LF both end a line, alone or together; empty lines mean nothing (section 2).
2. The checksum covers everything up to and including the last comma (section 3).
   `test_every_flipped_bit_of_a_line_is_noticed`
3. Fields are cut at commas and never counted: newer firmware appends some, older sends fewer.
   `test_an_appended_field_changes_nothing`
4. A `#` or NUL in front of a line is the unit's restart talking, not a part of the line
   (section 10). `test_a_restart_mark_in_front_of_a_line_is_no_part_of_it`
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fieldstation.errors import ChecksumMismatch, CodecError, FrameTooLong

# Section 2: the longest sentence known has 204 characters; what is longer than this is no line.
LONGEST_LINE = 512

ENDS = b"\r\n"
RESTART_MARKS = b"#\0"

_START = re.compile(rb"[^\r\n]")
_LINE_END = re.compile(rb"[\r\n]")
_PRINTABLE = re.compile(rb"[ -~]*\Z")
_NAME = re.compile(r"[A-Z]{2}[0-9]\Z")
_CHECKSUM = re.compile(rb"[0-9A-Fa-f]{2}\Z")


def _crc8_step(crc: int) -> int:
    for _ in range(8):
        crc = (crc >> 1) ^ 0x8C if crc & 1 else crc >> 1
    return crc


_CRC8 = tuple(_crc8_step(value) for value in range(256))


def crc8(data: bytes) -> int:
    """CRC-8/MAXIM: polynomial 0x31 reflected, start 0, no final xor (section 3).

    The text `123456789` gives 0xA1.
    """
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def line_end(data: bytes) -> int | None:
    """As FrameEnd: a frame is one line that is not empty, with the line ends before it and one
    behind it. Raises FrameTooLong.
    """
    start = _START.search(data)
    end = _LINE_END.search(data, start.start()) if start else None
    if end and end.end() <= LONGEST_LINE:
        return end.end()
    if len(data) >= LONGEST_LINE:
        raise FrameTooLong(f"no end of line within {LONGEST_LINE} characters", data=data[:16])
    return None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A line whose checksum is right. `fields` are all the texts between name and checksum."""

    name: str
    fields: tuple[str, ...]


def parse(line: bytes) -> Sentence:
    """The sentence of one line, with or without its line ends. Raises ChecksumMismatch, CodecError
    of kind `malformed`.
    """
    text = line.strip(ENDS).lstrip(RESTART_MARKS)
    if not _PRINTABLE.match(text):
        raise malformed("characters that no sentence has", line)
    body, _, digits = text.rpartition(b",")
    if not _CHECKSUM.match(digits):
        raise ChecksumMismatch("a line without a checksum of two digits", data=line)
    computed = crc8(body + b",")
    if computed != int(digits, 16):
        raise ChecksumMismatch(
            f"checksum {digits.decode()} where {computed:02X} was computed", data=line
        )
    name, *fields = body.decode("ascii").split(",")
    if not _NAME.match(name) or not fields:
        raise malformed("a line without a name of two letters and a digit", line)
    return Sentence(name, tuple(fields))


def name_of(line: bytes) -> str:
    """The first three characters of a line, which are its name when the line is whole."""
    return line.strip(ENDS).lstrip(RESTART_MARKS)[:3].decode("latin-1")


def restarted(line: bytes) -> bool:
    """True when the unit's restart mark stands in front of the line."""
    return line.lstrip(ENDS).startswith(b"#")


def malformed(what: str, data: bytes | str) -> CodecError:
    """The error for a line whose checksum is right and whose content is not."""
    shown = data.encode("latin-1", "replace") if isinstance(data, str) else data
    return CodecError("malformed", f"{what}; the line is dropped", data=shown)
