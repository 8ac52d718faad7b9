"""The receiving end of scp's oldest protocol, as a pure object: bytes in, steps out.

Source: wire-compatibility sheet, C.6; the client is one library's `put`, or OpenSSH's `scp -O`.

1. One file, with the expected name and within the limit; anything else is an error and the end.
2. Any bytes, cut anywhere, give the same steps (test_the_sink_takes_bytes_as_they_come).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fieldstation.errors import CodecError

MOST_LINE = 512
_TIMES = re.compile(rb"T\d{1,19} \d{1,9} \d{1,19} \d{1,9}\Z")
_FILE = re.compile(rb"C[0-7]{4} (\d{1,15}) ([^/]+)\Z")

GO_ON = b"\0"


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes for the client."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """The next bytes of the file."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Whole:
    """The file is complete; its receiver answers `GO_ON` once it is kept."""


Step = Reply | Piece | Whole


class Sink:
    """Takes one file named `name` of at most `most_bytes`."""

    def __init__(self, name: str, most_bytes: int) -> None:
        self._name = name.encode()
        self._most = most_bytes
        self._kept = b""
        self._left: int | None = None
        self._done = False

    def feed(self, data: bytes) -> Iterator[Step]:
        """The steps that these bytes make. Raises CodecError, whose text is for the client."""
        self._kept += data
        while self._kept:
            if self._left is None:
                line, newline, rest = self._kept.partition(b"\n")
                if not newline:
                    self._check_line(line)
                    return
                self._kept = rest
                self._check_line(line)
                yield self._line(line)
            elif self._left:
                piece, self._kept = self._kept[: self._left], self._kept[self._left :]
                self._left -= len(piece)
                yield Piece(piece)
            else:
                yield self._end()

    def _check_line(self, line: bytes) -> None:
        if self._done or len(line) > MOST_LINE or line[:1] not in (b"T", b"C"):
            raise CodecError("bad_field", "only one plain file is taken here")

    def _line(self, line: bytes) -> Step:
        if _TIMES.match(line):
            return Reply(GO_ON)
        found = _FILE.match(line)
        if found is None or found[2] != self._name:
            raise CodecError("bad_field", f"only the file {self._name.decode()} is taken here")
        self._left = int(found[1])
        if self._left > self._most:
            raise CodecError("too_long", f"a batch has at most {self._most} bytes")
        return Reply(GO_ON)

    def _end(self) -> Step:
        status, self._kept = self._kept[:1], self._kept[1:]
        if status != GO_ON:
            raise CodecError("bad_field", "the sender could not read its file to the end")
        self._left, self._done = None, True
        return Whole()
