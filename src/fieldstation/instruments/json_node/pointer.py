"""JSON pointers (RFC 6901): where a value stands in a document."""

from __future__ import annotations

import re

_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"(?:0|[1-9]\d{0,5})\Z")

Json = object


def parse_pointer(text: str) -> tuple[str, ...]:
    """The steps of a pointer; `""` and `/` alike mean the whole document, which may be one number.

    Raises ValueError.
    """
    if text in ("", "/"):
        return ()
    if not text.startswith("/") or _BAD_ESCAPE.search(text):
        raise ValueError(f"{text!r} is no JSON pointer; write /outer/inner or /list/0")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def find(document: Json, steps: tuple[str, ...]) -> Json:
    """The value at a place; None where the document has none."""
    for step in steps:
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and _INDEX.match(step) and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document
