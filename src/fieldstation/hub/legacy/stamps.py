"""Wall times of old gateways, to the minute and without a zone, as UTC.

1. The zone is the gateway's setting.
2. A time that a clock change made happen twice, or skipped, is read with the later offset and
   marked (test_a_time_at_a_clock_change_takes_the_later_offset_and_is_marked).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from enum import IntEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fieldstation.batch.limits import MOST_INTEGER
from fieldstation.errors import BadRequest, CodecError

STAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Doubt(IntEnum):
    """Whether a wall time names one moment."""

    NONE = 0
    TWICE = 1  # the clock was set back over it
    SKIPPED = 2  # the clock was set forward over it


def zone_of(name: str) -> tzinfo:
    """The time zone named `name`. Raises BadRequest."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadRequest(
            f"There is no time zone {name!r}; names look like Europe/Dublin."
        ) from error


def utc_of(stamp: str, zone: tzinfo) -> tuple[int, Doubt]:
    """UTC in microseconds, and the doubt about it. Raises CodecError `bad_value`."""
    wall = _wall(stamp)
    before = wall.replace(tzinfo=zone).utcoffset()
    after = wall.replace(tzinfo=zone, fold=1).utcoffset()
    if before is None or after is None:
        raise CodecError("bad_value", f"{zone} has no offset at {stamp}")
    moment = (wall - after).replace(tzinfo=UTC) - EPOCH
    utc_us = (moment.days * 86_400 + moment.seconds) * 1_000_000 + moment.microseconds
    if not 0 <= utc_us < MOST_INTEGER:
        raise CodecError("bad_value", f"the time {stamp} is not of 1970 to 2255")
    if before == after:
        return utc_us, Doubt.NONE
    return utc_us, Doubt.TWICE if before > after else Doubt.SKIPPED


def _wall(stamp: str) -> datetime:
    try:
        if not STAMP.fullmatch(stamp):
            raise ValueError("not of the form YYYY-MM-DD HH:MM")
        wall = datetime.fromisoformat(stamp)
        if not 1970 <= wall.year < 2255:
            raise ValueError("not of 1970 to 2255")
    except ValueError as error:
        raise CodecError("bad_value", f"{stamp[:40]!r} is no time: {error}") from error
    return wall
