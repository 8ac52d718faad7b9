"""The time that a document or its sender gives."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from fieldstation.errors import CodecError
from fieldstation.hub.sensors.limits import LIMITS

_NUMBER = re.compile(r"\d{1,18}(?:\.\d{0,9})?\Z", re.ASCII)
# Numbers below are seconds, below the next milliseconds, else microseconds: years 1973 to 5138.
_SECONDS_BELOW, _MILLISECONDS_BELOW = 10**11, 10**14


def moment_us(told: object, now_us: int) -> int:
    """UTC microseconds of a time: ISO 8601 (without a zone: UTC), or seconds, milliseconds or
    microseconds since 1970. Raises CodecError `bad_time`, also for one that lies ahead.
    """
    try:
        at_us = _us(told)
    except (ValueError, OverflowError) as error:
        raise CodecError(
            "bad_time",
            f"the time {told!r:.40} is not understood; send 2026-05-01T12:00:00Z or seconds since"
            " 1970, or leave it out",
        ) from error
    if not 0 <= at_us <= now_us + LIMITS.ahead_s * 1_000_000:
        raise CodecError(
            "bad_time", f"the time {told!r:.40} lies before 1970 or in the future; set the clock"
        )
    return at_us


def _us(told: object) -> int:
    if isinstance(told, str) and not _NUMBER.match(told):
        moment = datetime.fromisoformat(told)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1_000_000)
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        raise ValueError("no time")
    number = float(told)
    if abs(number) < _SECONDS_BELOW:
        return round(number * 1_000_000)
    return round(number * 1000 if abs(number) < _MILLISECONDS_BELOW else number)
