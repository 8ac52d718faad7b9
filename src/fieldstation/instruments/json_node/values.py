"""JSON values as channel values, and the node's own time."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from fieldstation.errors import CodecError
from fieldstation.model import Channel, Kind, Value

_NUMBER = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:[eE][+-]?\d{1,2})?\Z")
_FLAGS = {"true": True, "on": True, "yes": True, "1": True,
          "false": False, "off": False, "no": False, "0": False}  # fmt: skip
LONGEST_TEXT = 4096

SECOND_US = 1_000_000
# Numbers below are seconds, below the next milliseconds, else microseconds: years 1970 to 5138.
_SECONDS_BELOW, _MILLISECONDS_BELOW = 10**11, 10**14
_END_US = 4_102_444_800 * SECOND_US


def value_of(channel: Channel, found: object) -> Value:
    """What `found` means for the channel. Numbers may also be texts, flags also on, off, yes, no, 0
    and 1. Raises ValueError for what does not fit.
    """
    if found is None:
        return None
    match channel.kind:
        case Kind.FLAG:
            return _flag(found)
        case Kind.TEXT if isinstance(found, str) and len(found) <= LONGEST_TEXT:
            return found
        case Kind.NUMBER:
            return _number(found)
        case Kind.INTEGER:
            number = _number(found)
            if number == int(number):
                return int(number)
    raise ValueError("is of another kind")


def _number(found: object) -> float:
    if isinstance(found, str) and _NUMBER.match(found.strip()):
        found = float(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError("is no number")
    return float(found)


def _flag(found: object) -> bool:
    flag = _FLAGS.get(str(found).lower()) if isinstance(found, bool | int | str) else None
    if flag is None:
        raise ValueError("is neither true nor false")
    return flag


def time_us(found: object) -> int:
    """UTC microseconds of a time that a document tells: ISO 8601 (without a zone: UTC), or seconds,
    milliseconds or microseconds since 1970. Raises CodecError `bad_time`.
    """
    try:
        told_in_words = isinstance(found, str) and not _NUMBER.match(found)
        utc_us = _iso(str(found)) if told_in_words else _epoch(found)
    except (ValueError, OverflowError) as error:
        raise CodecError("bad_time", f"{found!r:.60} is no time") from error
    if not 0 <= utc_us < _END_US:
        raise CodecError("bad_time", f"the time {found!r:.60} is not between 1970 and 2100")
    return utc_us


def _iso(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * SECOND_US)


def _epoch(found: object) -> int:
    number = _number(found)
    if abs(number) < _SECONDS_BELOW:
        return round(number * SECOND_US)
    return round(number * 1000 if abs(number) < _MILLISECONDS_BELOW else number)
