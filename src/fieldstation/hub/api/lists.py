"""Lists in pages: a stable order, and cursors that name the row after which to go on.

1. A row that is added or removed meanwhile neither repeats nor hides another one
   (test_a_list_read_in_pages_has_every_row_once).
2. A cursor is of one kind of list; another one, or none of this hub, is refused
   (test_a_cursor_of_another_list_is_refused).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Annotated, Any, TypeVar

import orjson
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from ninja import Field

from fieldstation.errors import BadRequest

MOST = 10_000
# As many rows as a list has by default: more than a person has things, so that who never heard of
# pages gets them all.
USUAL = MOST
Limit = Annotated[int, Field(ge=1, le=MOST)]
Row = TypeVar("Row")
Kept = TypeVar("Kept", bound=Model)


def page(
    rows: QuerySet[Kept], keys: Sequence[str], limit: int, cursor: str
) -> tuple[list[Kept], str | None]:
    """Rows in the order of `keys` (fields that together are unique; all of them turned around by a
    minus), and the cursor of the following page. Raises BadRequest.
    """
    names = [key.removeprefix("-") for key in keys]
    back = keys[0].startswith("-")
    try:
        if cursor:
            rows = rows.filter(_beyond(names, _values(cursor, len(keys)), back=back))
        found = list(rows.order_by(*keys)[: limit + 1])
    except (ValueError, TypeError, OverflowError, ValidationError) as error:
        raise _foreign() from error
    return _cut(found, limit, lambda row: [_field(row, name) for name in names])


def page_of(
    rows: Sequence[Row], key: Callable[[Row], list[str]], limit: int, cursor: str
) -> tuple[list[Row], str | None]:
    """The same for rows that are at hand, in the order of texts that `key` gives."""
    after = [str(value) for value in _values(cursor, len(key(rows[0])))] if cursor and rows else []
    found = sorted((row for row in rows if key(row) > after), key=key)
    return _cut(found, limit, key)


def _cut(
    found: list[Row], limit: int, key: Callable[[Row], list[Any]]
) -> tuple[list[Row], str | None]:
    if len(found) <= limit:
        return found, None
    text = orjson.dumps([str(value) for value in key(found[limit - 1])])
    return found[:limit], base64.urlsafe_b64encode(text).decode("ascii")


def _beyond(names: Sequence[str], values: Sequence[Any], *, back: bool) -> Q:
    compare = "lt" if back else "gt"
    steps = [
        Q(**dict(zip(names[:place], values[:place], strict=True)), **{f"{name}__{compare}": value})
        for place, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    return reduce(lambda one, other: one | other, steps)


def _values(cursor: str, count: int) -> list[Any]:
    try:
        values = orjson.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except ValueError as error:
        raise _foreign() from error
    fits = isinstance(values, list) and len(values) == count
    if not fits or not all(isinstance(value, str) for value in values):
        raise _foreign()
    return list(values)


def _field(row: Model, name: str) -> Any:
    return reduce(getattr, name.split("__"), row)


def _foreign() -> BadRequest:
    return BadRequest(_("The cursor is not one of this list; start again without it."))
