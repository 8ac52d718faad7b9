"""Kept documents by time, as the old reads look for them: the earliest one in a window, both ends
included.

1. A range asks for no more than its grid needs: rows are read in pages, and spans between windows
   are skipped.
2. Answers are bounded: `MOST_INSTANTS` of the grid, `MOST_BYTES` of documents
   (test_a_huge_grid_is_refused).
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub.greenhouse.dates import MINUTE_US, SECOND_US
from fieldstation.hub.sensors.documents import unpacked
from fieldstation.hub.sensors.history import visible
from fieldstation.hub.sensors.models import Document, Sensor

MOST_INSTANTS = 100_000
MOST_BYTES = 64_000_000
SMALLEST_PAGE, LARGEST_PAGE = 16, 1_024
_AT_ONCE = 500

Place = tuple[int, int]
"""Time and number of a kept document."""


def grid(start_us: int, end_us: int, minutes: int) -> range:
    """Start, and every `minutes` after it before the end. Raises BadRequest."""
    if minutes < 1:
        raise BadRequest(_("An interval of 0 minutes has no end; ask for 1 or more."))
    instants = range(start_us, end_us, minutes * MINUTE_US)
    if start_us < end_us and (end_us - start_us) // instants.step >= MOST_INSTANTS:
        raise BadRequest(
            _(
                "That is more than %(most_instants)s instants; ask for a shorter span or a "
                "longer interval."
            )
            % {"most_instants": MOST_INSTANTS}
        )
    return instants


def earliest(sensor: Sensor, first_us: int, last_us: int) -> Document | None:
    """The first document of the window."""
    found = visible(sensor).filter(at_us__gte=first_us, at_us__lte=last_us)
    return found.select_related("sample").order_by("at_us", "pk").first()


def on_grid(
    sensor: Sensor, instants: range, before_us: int, after_us: int
) -> Iterator[tuple[int, Place]]:
    """Each instant that has a row in its window, with the earliest such row."""
    pages = _Pages(sensor, instants)
    for instant in instants:
        place = pages.first_from(instant - before_us)
        if place is None:
            return
        if place[0] <= instant + after_us:
            yield instant, place


def contents(numbers: list[int]) -> dict[int, dict[str, Any]]:
    """The documents with these numbers. Raises BadRequest when they are too much for an answer."""
    found: dict[int, dict[str, Any]] = {}
    size = 0
    for at in range(0, len(numbers), _AT_ONCE):
        some = Document.objects.filter(pk__in=numbers[at : at + _AT_ONCE]).select_related("sample")
        for row in some:
            text = text_of_document(row)
            size += len(text)
            found[row.pk] = json.loads(text)
        if size > MOST_BYTES:
            raise BadRequest(_("That is too much for one answer; ask for a shorter span."))
    return found


def text_of_document(row: Document) -> bytes:
    """The document as posted."""
    return unpacked(bytes(row.body), bytes(row.sample.body) if row.sample else b"")


class _Pages:
    """Looks for rows forward in time."""

    def __init__(self, sensor: Sensor, instants: range) -> None:
        self._rows = visible(sensor).order_by("at_us", "pk").values_list("at_us", "pk")
        self._page: list[Place] = []
        self._size = SMALLEST_PAGE
        self._ended = not instants

    def first_from(self, from_us: int) -> Place | None:
        """The first row at or after this time; the times asked for never go back."""
        at = bisect_left(self._page, (from_us, -1))
        if at == len(self._page) and not self._ended:
            follows = bool(self._page) and from_us - self._page[-1][0] <= self._reach()
            self._size = min(self._size * 2, LARGEST_PAGE) if follows else SMALLEST_PAGE
            self._page = list(self._rows.filter(at_us__gte=from_us)[: self._size])
            self._ended = not self._page
            at = 0
        return self._page[at] if at < len(self._page) else None

    def _reach(self) -> int:
        """How far the page's rows lie apart."""
        span_us = self._page[-1][0] - self._page[0][0]
        return max(2 * span_us // len(self._page), SECOND_US)
