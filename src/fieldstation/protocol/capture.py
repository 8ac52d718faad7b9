"""A capture: every byte that passed between a station and an instrument, as lines of JSON.

1. The first line is the header, `{"capture": 1, "kind", "line", "options", "program", "started"}`;
   each other line is `{"t": seconds since the start, "way": "out" or "in", "hex": "..."}`, in the
   order of the line. A message of a broker also has its `topic`, and `retained` when it was kept.
   `test_a_capture_is_read_as_it_was_written`
2. A request is what was sent in one piece; what came before the next piece was sent is its answer,
   and what came before the first was said unasked. `test_what_came_belongs_to_what_was_sent_last`
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from fieldstation.errors import BadRequest
from fieldstation.model import Line

FORMAT = 1


class Way(StrEnum):
    """Which way bytes went."""

    OUT = "out"  # to the instrument
    IN = "in"  # from it


@dataclass(frozen=True, slots=True)
class Header:
    """What a capture is of. `line` are the settings of its line, `options` those of its instrument,
    `started` is the time in UTC as RFC 3339. `redacted`: a serial number was taken out.
    """

    kind: str
    line: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    program: str = ""
    started: str = ""
    redacted: bool = False

    @property
    def started_us(self) -> int:
        """The start in UTC microseconds; 1970 for a header that does not tell it."""
        try:
            return round(datetime.fromisoformat(self.started).astimezone(UTC).timestamp() * 1e6)
        except ValueError:
            return 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that passed `t_s` seconds after the start. A message of a broker has a `topic`;
    `retained`: the broker had kept it.
    """

    t_s: float
    way: Way
    data: bytes
    topic: str = ""
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Capture:
    """A whole file."""

    header: Header
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """A request (empty: nothing was asked) sent `t_s` seconds after the start, and what came then,
    each piece with its delay in seconds.
    """

    t_s: float
    request: bytes
    heard: tuple[tuple[float, bytes], ...]

    @property
    def reply(self) -> bytes:
        """All that came."""
        return b"".join(data for _delay_s, data in self.heard)


def settings_of_line(line: Line) -> dict[str, Any]:
    """Settings of a line as the header has them."""
    return {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in asdict(line).items()
    }


def lines_of(capture: Capture) -> Iterator[str]:
    """The lines of a file."""
    yield json.dumps({"capture": FORMAT, **asdict(capture.header)}) + "\n"
    for piece in capture.pieces:
        row = {"t": round(piece.t_s, 6), "way": piece.way.value}
        row |= {"topic": piece.topic} if piece.topic else {}
        row |= {"retained": True} if piece.retained else {}
        yield json.dumps(row | {"hex": piece.data.hex()}) + "\n"


def capture_of(lines: Iterable[str], name: str) -> Capture:
    """The capture in `lines` of the file called `name`. Raises BadRequest, naming the line."""
    rows = list(_rows(lines, name))
    if not rows or rows[0].get("capture") != FORMAT:
        raise BadRequest(f"{name} is no capture: its first line is no header of format {FORMAT}")
    header = _header(rows[0], f"{name}, line 1")
    pieces = tuple(_piece(row, f"{name}, line {number}") for number, row in enumerate(rows[1:], 2))
    return Capture(header, pieces)


def _rows(lines: Iterable[str], name: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadRequest(f"{name}, line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise BadRequest(f"{name}, line {number} is no object with names")
        yield row


def _header(row: Mapping[str, Any], where: str) -> Header:
    plain = Header("")
    fields = {key: row.get(key, getattr(plain, key)) for key in Header.__slots__}
    odd = [key for key, value in fields.items() if type(value) is not type(getattr(plain, key))]
    if odd or not fields["kind"]:
        raise BadRequest(f"{where}: the header has no {odd[0] if odd else 'kind'} that makes sense")
    return Header(**fields)


def _piece(row: Mapping[str, Any], where: str) -> Piece:
    try:
        t_s = float(row["t"])
        if not math.isfinite(t_s):
            raise ValueError(f"t is {t_s}")
        topic, retained = str(row.get("topic", "")), row.get("retained") is True
        return Piece(t_s, Way(row["way"]), bytes.fromhex(row["hex"]), topic, retained)
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest(f'{where} has no "t", "way" and "hex" that make sense: {error}') from error


def answered(pieces: Sequence[Piece]) -> list[Answered]:
    """Requests and what came after each, in order; see rule 2."""
    found: list[Answered] = []
    t_s, request = 0.0, b""
    heard: list[tuple[float, bytes]] = []
    for piece in pieces:
        if piece.way is Way.IN:
            heard.append((max(0.0, piece.t_s - t_s), piece.data))
            continue
        if request or heard:
            found.append(Answered(t_s, request, tuple(heard)))
        t_s, request, heard = piece.t_s, piece.data, []
    if request or heard:
        found.append(Answered(t_s, request, tuple(heard)))
    return found
