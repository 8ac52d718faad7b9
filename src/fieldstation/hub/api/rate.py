"""How often one person, or one address of strangers, may ask.

1. Everybody has a bucket of questions that fills up again evenly: `settings.API_PER_MINUTE` at once
   and in every minute (test_who_asks_too_often_is_told_when_to_come_back).
2. What is remembered is bounded: beyond `MOST_SOURCES` the one longest unheard is forgotten, who
   had a full bucket by then or as good as that.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

MOST_SOURCES = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How many questions are left of how many, and when the next or all are back, in seconds."""

    limit: int
    left: int
    full_in_s: int


class TooOften(Exception):
    """The bucket is empty; the next question is answered after `wait_s` seconds."""

    def __init__(self, wait_s: int) -> None:
        text = _("This is more than the hub answers; ask again in %(wait)s s.")
        super().__init__(text % {"wait": wait_s})
        self.wait_s = wait_s


class Rates:
    """The buckets of all who asked lately. `now_s` comes from a clock that never jumps."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, who: str, limit: int, now_s: float) -> Standing:
        """Take one question out of the bucket. Raises TooOften."""
        per_s = limit / 60
        with self._lock:
            left, since_s = self._left.pop(who, (float(limit), now_s))
            left = min(float(limit), left + (now_s - since_s) * per_s)
            granted = left >= 1
            left -= granted
            self._left[who] = (left, now_s)
            while len(self._left) > MOST_SOURCES:
                self._left.popitem(last=False)
        if not granted:
            raise TooOften(max(1, math.ceil((1 - left) / per_s)))
        return Standing(limit, int(left), math.ceil((limit - left) / per_s))


_rates = Rates()


def count(request: HttpRequest, who: str) -> None:
    """Count this request. Raises TooOften."""
    limit = settings.API_PER_MINUTE
    try:
        standing = _rates.take(who, limit, time.monotonic())
    except TooOften as error:
        cast(Any, request).api_standing = Standing(limit, 0, error.wait_s)
        raise
    cast(Any, request).api_standing = standing


def tell(request: HttpRequest, response: HttpResponseBase) -> None:
    """Say in the answer how many questions are left."""
    standing: Standing | None = getattr(request, "api_standing", None)
    if standing is not None:
        response.headers["RateLimit-Limit"] = str(standing.limit)
        response.headers["RateLimit-Remaining"] = str(standing.left)
        response.headers["RateLimit-Reset"] = str(standing.full_in_s)
