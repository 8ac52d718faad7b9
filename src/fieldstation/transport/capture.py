"""A capture: every byte that passed between a station and an instrument, as lines of JSON.

1. The first line is the header, `{"capture": 1, "kind", "line", "program", "started"}`; each other
   line is `{"t": seconds since the start, "way": "out" or "in", "hex": "..."}`, in the order of the
   line. `test_a_capture_is_read_as_it_was_written`
2. A request is what was sent in one piece; what came before the next piece was sent is its answer,
   and what came before the first was said unasked. `test_what_came_belongs_to_what_was_sent_last`
3. Bytes have the instant at which they came, also while nobody waited for them.
   `test_what_is_said_between_the_rounds_has_its_own_instant`
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fieldstation.errors import BadRequest, LinkLost
from fieldstation.model import Line
from fieldstation.transport.link import Link
from fieldstation.transport.mailbox import Mailbox
from fieldstation.transport.tap import Passed, Tap, Way

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Header:
    """What a capture is of. `line` are the settings of its line, `started` is the time in UTC as
    RFC 3339. `redacted`: a serial number was taken out.
    """

    kind: str
    line: Mapping[str, Any] = field(default_factory=dict)
    program: str = ""
    started: str = ""
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that passed `t_s` seconds after the start. `marked`: they were changed, and their
    checksum no longer fits.
    """

    t_s: float
    way: Way
    data: bytes
    marked: bool = False


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
        row = {"t": round(piece.t_s, 6), "way": piece.way.value, "hex": piece.data.hex()}
        yield json.dumps(row | ({"marked": True} if piece.marked else {})) + "\n"


def capture_of(lines: Iterable[str], name: str) -> Capture:
    """The capture in `lines` of the file called `name`. Raises BadRequest, naming the line."""
    rows = list(_rows(lines, name))
    if not rows or rows[0].get("capture") != FORMAT:
        raise BadRequest(f"{name} is no capture: its first line is no header of format {FORMAT}")
    fields = {key: value for key, value in rows[0].items() if key in Header.__slots__}
    try:
        header = Header(**fields)
    except TypeError as error:
        raise BadRequest(f"{name}, line 1: the header names no kind") from error
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


def _piece(row: Mapping[str, Any], where: str) -> Piece:
    try:
        t_s = float(row["t"])
        if not math.isfinite(t_s):
            raise ValueError(f"t is {t_s}")
        return Piece(t_s, Way(row["way"]), bytes.fromhex(row["hex"]), row.get("marked") is True)
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


class Recorder:
    """A tap that keeps what passes; time starts with it."""

    def __init__(self) -> None:
        self._start_s = asyncio.get_running_loop().time()
        self.pieces: list[Piece] = []

    def __call__(self, passed: Passed) -> None:
        """Keep one piece."""
        self.pieces.append(Piece(passed.at_s - self._start_s, passed.way, passed.data))


class ListeningLink:
    """A link that is always listened to, and tells `tap` each piece at its instant. It owns `link`
    and closes it.
    """

    def __init__(self, link: Link, tap: Tap, name: str) -> None:
        self._link = link
        self._tap = tap
        self._mailbox = Mailbox(name)
        self._ear = asyncio.create_task(self._listen())
        self.read = self._mailbox.read

    async def write(self, data: bytes) -> None:
        """As `Link.write`."""
        self._tell(Way.OUT, data)
        await self._link.write(data)

    async def drain(self) -> bytes:
        """As `Link.drain`."""
        self._hear(await self._link.drain())
        return await self._mailbox.drain()

    async def aclose(self) -> None:
        """As `Link.aclose`."""
        self._ear.cancel()
        await asyncio.wait([self._ear])
        await self._link.aclose()

    async def _listen(self) -> None:
        try:
            while True:
                self._hear(await self._link.read())
        except LinkLost as error:
            self._mailbox.connection_lost(error)

    def _hear(self, data: bytes) -> None:
        if data:
            self._tell(Way.IN, data)
            self._mailbox.data_received(data)

    def _tell(self, way: Way, data: bytes) -> None:
        self._tap(Passed(way, asyncio.get_running_loop().time(), data))
