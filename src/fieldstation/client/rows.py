"""What all of the client's things have in common: rows of an answer as typed values, instants as
the hub reads them, and answers that become files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints
from urllib.parse import quote

from fieldstation.client.wire import Wire
from fieldstation.errors import BadRequest

When = str | datetime
"""RFC 3339 with an offset, a time back such as `-24h`, `now`, or a datetime with its time zone."""

Kind = TypeVar("Kind")


def of(kind: type[Kind], row: Mapping[str, Any], **more: Any) -> Kind:
    """A row of an answer as a dataclass of this kind; instants become datetimes. What the kind does
    not know is left out, so a newer hub can say more.
    """
    known = {
        name: moment(row[name]) if is_instant and isinstance(row[name], str) else row[name]
        for name, is_instant in _instants(cast(Any, kind)).items()
        if name in row and name not in more
    }
    return kind(**known, **more)


def moment(text: str) -> datetime:
    """An instant of an answer, with its time zone."""
    return datetime.fromisoformat(text)


def written(when: When) -> str:
    """An instant as the hub reads it. Raises BadRequest for a datetime without time zone."""
    if isinstance(when, str):
        return when
    if when.tzinfo is None:
        raise BadRequest(f"{when} has no time zone; give it one, such as tzinfo=UTC.")
    return when.isoformat()


def place(*parts: object) -> str:
    """A path below `/api/v1` of parts that may hold anything."""
    return "/".join(quote(str(part), safe="") for part in parts)


def given(**words: Any) -> dict[str, Any]:
    """Those of the words that are not None."""
    return {name: value for name, value in words.items() if value is not None}


def saved(wire: Wire, file: str | Path, path: str, method: str = "GET", **query: Any) -> int:
    """Write an answer to a file, which appears when it is whole; how many bytes. Raises
    FieldstationError.
    """
    whole = Path(file)
    part = whole.with_name(whole.name + ".part")
    try:
        with wire.stream(path, method, **query) as response, part.open("wb") as out:
            size = sum(out.write(piece) for piece in response.iter_bytes())
        part.replace(whole)
    finally:
        part.unlink(missing_ok=True)
    return size


@cache
def _instants(kind: Any) -> dict[str, bool]:
    hints = get_type_hints(kind)
    return {one.name: "datetime" in str(hints[one.name]) for one in fields(kind)}
