"""Instants as the old site writes them: `YYYY-MM-DD HH:MM:SS`, UTC, without a zone. Pure.

Source: wire-compatibility sheet, A.5. Leading zeros may be missing and several blanks count as one;
a `+`, a `T`, missing seconds, fractions and impossible dates are errors.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from fieldstation.errors import BadRequest

SECOND_US, MINUTE_US = 1_000_000, 60_000_000
_TEXT = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\s+(\d{1,2}):(\d{1,2}):(\d{1,2})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_us(text: str) -> int:
    """UTC microseconds. Raises BadRequest."""
    found = _TEXT.fullmatch(text)
    try:
        if found is None:
            raise ValueError("it has another form")
        moment = datetime(*(int(part) for part in found.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError as error:
        raise BadRequest(
            f"{text[:40]!r} is no date; write it like 2019-10-31 10:30:44, in UTC."
        ) from error
    return us_of(moment)


def us_of(moment: datetime) -> int:
    """UTC microseconds of a moment with a zone, exact."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def text_of(at_us: int) -> str:
    """The instant, padded, its seconds cut off."""
    moment = _EPOCH + timedelta(microseconds=at_us)
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")
