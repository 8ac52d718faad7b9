"""Opaque cursors of paged readings.

A cursor says: go on at this instant, and leave out so many readings of exactly this instant that
were delivered already. It stays right while new readings arrive at the end.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest

_FORM = struct.Struct(">qI")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins."""

    at_us: int
    skip: int

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(_FORM.pack(self.at_us, self.skip)).decode("ascii")


def cursor_from(text: str) -> Cursor:
    """The cursor that an earlier page ended with. Raises BadRequest."""
    try:
        return Cursor(*_FORM.unpack(base64.b64decode(text, altchars=b"-_", validate=True)))
    except (binascii.Error, struct.error, ValueError) as error:
        raise BadRequest(_("The cursor is not one of this hub; start again without it.")) from error


def paged(
    rows: Sequence[Row], begin: Cursor, limit: int, at_us: Callable[[Row], int]
) -> tuple[Sequence[Row], str | None]:
    """The first `limit` of rows that go on from `begin` in the order of `at_us`, and the cursor of
    the following page if there are more.
    """
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    last = at_us(page[-1])
    delivered = sum(at_us(row) == last for row in page)
    return page, str(Cursor(last, delivered + (begin.skip if last == begin.at_us else 0)))
