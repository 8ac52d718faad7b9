"""Instants as callers of the API write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later

from fieldstation.errors import BadRequest

UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_RELATIVE = re.compile(r"-(\d{1,9})([smhdwy])\Z", re.ASCII)
_DAYS_BACK = re.compile(r"-(\d{1,6})d\Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = later(
    "write RFC 3339 such as 2026-05-01T12:00:00Z, a time back such as -24h (s m h d w y), or now"
)


def instant_us(name: str, text: str, now_us: int) -> int:
    """UTC microseconds of the parameter `name`, written as RFC 3339 with offset, as a time back
    from `now_us`, or as `now`. Raises BadRequest.
    """
    if text == "now":
        return now_us
    relative = _RELATIVE.match(text)
    if relative:
        return max(0, now_us - int(relative[1]) * UNIT_S[relative[2]] * 1_000_000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(
            _("%(name)s %(text)r is no instant; %(form)s.")
            % {"name": name, "text": text[:40], "form": _FORM}
        ) from error
    if moment.tzinfo is None:
        raise BadRequest(
            _("%(name)s %(text)r has no offset from UTC; %(form)s.")
            % {"name": name, "text": text[:40], "form": _FORM}
        )
    if moment < _EPOCH:
        raise BadRequest(
            _("%(name)s %(text)r lies before 1970; %(form)s.")
            % {"name": name, "text": text[:40], "form": _FORM}
        )
    return (moment - _EPOCH) // timedelta(microseconds=1)


def span_us(start: str, end: str, now_us: int) -> tuple[int, int]:
    """The range from `start` to `end`, which is half open. Raises BadRequest when it is empty."""
    first, last = instant_us("start", start, now_us), instant_us("end", end, now_us)
    if first >= last:
        raise BadRequest(
            _("The range is empty: start %(start)r does not lie before end %(end)r.")
            % {"start": start, "end": end}
        )
    return first, last


def days(start_day: str, end_day: str, now_us: int) -> tuple[int, int]:
    """The UTC days (since 1970-01-01) from `start_day` to `end_day`, both included, each written as
    a date, as days back such as -30d, or as `today`. Raises BadRequest when there are none.
    """
    first, last = _day("start_day", start_day, now_us), _day("end_day", end_day, now_us)
    if first > last:
        raise BadRequest(
            _("There are no days: %(start_day)r does not lie before %(end_day)r.")
            % {"start_day": start_day, "end_day": end_day}
        )
    return first, last


def _day(name: str, text: str, now_us: int) -> int:
    today = now_us // 1_000_000 // 86400
    relative = _DAYS_BACK.match(text)
    if text == "today" or relative:
        return max(0, today - (int(relative[1]) if relative else 0))
    try:
        number = (date.fromisoformat(text) - _EPOCH.date()).days
    except ValueError as error:
        raise BadRequest(
            _("%(name)s %(text)r is no day; write 2026-05-01, days back such as -30d, or today.")
            % {"name": name, "text": text[:40]}
        ) from error
    if number < 0:
        raise BadRequest(
            _("%(name)s %(text)r lies before 1970; name a later day.")
            % {"name": name, "text": text[:40]}
        )
    return number
