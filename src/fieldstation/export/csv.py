"""Comma separated values after RFC 4180, streamed piece by piece at full precision.

1. Times are RFC 3339 in UTC to the microsecond; numbers are the shortest text that reads back as
   the same double, integers without a point, flags `true` and `false`, nothing for no value
   (test_numbers_read_back_bit_for_bit).
2. A text that a spreadsheet would take for a formula gets an apostrophe in front
   (test_a_hostile_text_is_no_formula).
3. The decimal sign is a point and the separator a comma in every language.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from fieldstation.model import Channel, Kind, Value

Piece = tuple[Sequence[int], Sequence[Sequence[Value]]]
"""Times in UTC microseconds, and one sequence of as many values per channel."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The wide forms count in some spreadsheets, too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_text(
    channels: Sequence[Channel], pieces: Iterable[Piece], *, unit_row: bool = False
) -> Iterator[str]:
    """The file as a stream of text: a header with the channel names, a row of units if wanted, then
    a row for each reading.
    """
    header: list[list[object]] = [["time", *(channel.name for channel in channels)]]
    if unit_row:
        header.append(["UTC", *(_words(channel.unit) for channel in channels)])
    yield _text(header)
    cells = [_cell_maker(channel.kind) for channel in channels]
    for times_us, columns in pieces:
        made = [list(map(cell, column)) for cell, column in zip(cells, columns, strict=True)]
        yield _text(zip(map(time_text, times_us), *made, strict=True))


def time_text(utc_us: int) -> str:
    """RFC 3339 in UTC to the microsecond."""
    moment = _EPOCH + timedelta(microseconds=utc_us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(rows: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _cell_maker(kind: Kind) -> Callable[[Value], object]:
    if kind is Kind.NUMBER:
        return _number
    if kind is Kind.FLAG:
        return _flag
    return _code if kind in (Kind.INTEGER, Kind.ENUM) else _words


def _number(value: Value) -> object:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _code(value: Value) -> object:
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return int(value) if value.is_integer() else value
    return _words(value)


def _flag(value: Value) -> object:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return "true" if value else "false"


def _words(value: Value) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value
