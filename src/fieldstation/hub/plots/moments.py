"""Instants as people order them, in the time zone of a site; its days, which have 23 to 25 hours.

1. A time without an offset is one of the site's zone. Of a time that a clock change shows twice it
   is the first, one that is skipped counts as an hour later
   (test_times_of_a_clock_change_are_taken_as_said).
2. A day is from one local midnight to the next; where midnight is skipped, from the first instant
   of the day (test_both_days_of_a_clock_change_have_their_own_length).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub.api.instants import instant_us

Span = tuple[int, int]
"""From, and to before, in UTC microseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_LOCAL = re.compile(r"\d{4}-\d\d?-\d\d?(?:[T ]\d\d?:\d\d?(?::\d\d?)?)?", re.ASCII)
LAST_YEAR = 2200


def moment_us(name: str, text: str, zone: ZoneInfo, now_us: int) -> int:
    """UTC microseconds of `today` or `yesterday` (their midnight), of a local time such as
    2026-05-01T12:00, or of anything that `instant_us` takes. Raises BadRequest.
    """
    text = " ".join(text.split())
    if text in ("today", "yesterday"):
        day = local(now_us, zone).date()
        return midnight_us(day if text == "today" else day - timedelta(days=1), zone)
    if not _LOCAL.fullmatch(text):
        # A plus sign that an address did not escape arrives as a blank.
        return instant_us(name, re.sub(r" (\d\d:\d\d)\Z", r"+\1", text), now_us)
    numbers = [int(number) for number in re.split(r"[-T :]", text)]
    try:
        year, month, date_, hour, minute, second = [*numbers, 0, 0, 0][:6]
        moment = datetime(year, month, date_, hour, minute, second, tzinfo=zone)
    except ValueError as error:
        raise BadRequest(
            _("%(name)s %(text)r is no time that exists; check day and hour.")
            % {"name": name, "text": text}
        ) from error
    if not 1970 <= moment.year < LAST_YEAR:
        raise BadRequest(
            _("%(name)s %(text)r lies before 1970 or after %(last_year)s.")
            % {"name": name, "text": text, "last_year": LAST_YEAR}
        )
    return max(0, _us(moment))


def span_of(start: str, end: str, zone: ZoneInfo, now_us: int) -> Span:
    """The range of a picture. Raises BadRequest when it is empty or ends after `LAST_YEAR`."""
    first, last = moment_us("start", start, zone, now_us), moment_us("end", end, zone, now_us)
    if first >= last:
        raise BadRequest(
            _("The end %(end)r does not lie after the start %(start)r.")
            % {"end": end, "start": start}
        )
    if last > _us(datetime(LAST_YEAR, 1, 1, tzinfo=UTC)):
        raise BadRequest(
            _("end %(end)r lies after the year %(last_year)s.")
            % {"end": end, "last_year": LAST_YEAR}
        )
    return first, last


def earlier(span: Span, compare: str, zone: ZoneInfo) -> Span:
    """The span to compare with: so many days of the calendar before, or the one just before."""
    first, last = span
    if compare == "before":
        return 2 * first - last, first
    back = timedelta(days=int(compare.removesuffix("d")))
    moved = (_us((local(at, zone).replace(tzinfo=None) - back).replace(tzinfo=zone)) for at in span)
    first, last = moved
    return first, last


def days(span: Span, zone: ZoneInfo) -> Iterator[tuple[date, int, int]]:
    """The days of the zone that reach into the span: date, first instant, first instant after."""
    day, (first, last) = local(span[0], zone).date(), span
    begin = midnight_us(day, zone)
    while begin < last:
        following = day + timedelta(days=1)
        end = midnight_us(following, zone)
        if end > first:
            yield day, begin, end
        day, begin = following, end


def midnight_us(day: date, zone: ZoneInfo) -> int:
    """The first instant of the day."""
    return _us(datetime(day.year, day.month, day.day, tzinfo=zone))


def local(at_us: int, zone: ZoneInfo) -> datetime:
    """The instant on the clocks of the zone."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)


def _us(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // _US
