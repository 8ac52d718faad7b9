"""Posted bodies as documents, each kept as it was written.

1. Any bytes give documents or a CodecError, whatever they hold
   (test_any_bytes_are_documents_or_a_refusal).
2. NaN, Infinity and numbers too large become null, and of a key that comes twice the last one
   counts; only then the text is written anew, in the order of its keys
   (test_a_document_is_kept_as_posted).
3. Levels are counted before anything is built from them.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeGuard

from fieldstation.errors import CodecError
from fieldstation.hub.sensors.limits import LIMITS

# Matches an unfinished text too, so that no start of one is tried twice.
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.?)*"?', re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]*")
# zlib sees no further back than this.
_WINDOW = 32_768
_LEVEL = 6
_RAW = -15


@dataclass(frozen=True, slots=True)
class Posted:
    """One document: its text as it is kept, and what it says."""

    text: bytes
    content: dict[str, Any]


def one(body: bytes) -> Posted:
    """The one object that the body is. Raises CodecError `not_json`, `not_object`, `too_deep`."""
    text = _text(body)
    content, changed, end = _Reader().read(text, _skip(text, 0))
    if _skip(text, end) != len(text):
        raise CodecError("not_json", "something follows after the JSON document")
    return _posted(text.strip(), content, changed)


def several(body: bytes, *, lines: bool = False) -> list[Posted]:
    """The documents of a body that is one object or an array of objects or, with `lines`, an
    object on each line. Raises CodecError also with `too_many`.
    """
    text = _text(body)
    if lines:
        found = [one(line.encode()) for line in text.split("\n") if line.strip()]
    elif text[_skip(text, 0) : _skip(text, 0) + 1] == "[":
        found = _elements(text)
    else:
        found = [one(body)]
    if not found:
        raise CodecError("not_object", "the post holds no document")
    if len(found) > LIMITS.documents:
        raise CodecError(
            "too_many", f"{len(found)} documents in a post; send at most {LIMITS.documents}"
        )
    return found


def of_content(content: dict[str, Any]) -> Posted:
    """A document that is at hand as data. Raises CodecError."""
    try:
        return one(json.dumps(content, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise CodecError("not_json", f"this cannot be written as JSON: {error}") from error


def packed(text: bytes, sample: bytes) -> bytes:
    """The document compressed against a similar one."""
    press = (
        zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, zdict=sample[:_WINDOW])
        if sample
        else zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    )
    return press.compress(text) + press.flush()


def unpacked(body: bytes, sample: bytes) -> bytes:
    """The document that `packed` compressed."""
    press = zlib.decompressobj(_RAW, zdict=sample[:_WINDOW]) if sample else zlib.decompressobj(_RAW)
    return press.decompress(body) + press.flush()


class _Reader:
    """Reads one value and notes whether its text has to be written anew."""

    def __init__(self) -> None:
        self.changed = False
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._null, parse_float=self._real
        )

    def read(self, text: str, start: int) -> tuple[Any, bool, int]:
        """The value that begins here, whether it was changed, and where it ends."""
        try:
            value, end = self._decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            raise CodecError("not_json", f"the body is no JSON: {error}"[:200]) from error
        return value, self.changed, end

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        self.changed |= len(found) != len(pairs)
        return found

    def _null(self, word: str) -> None:
        self.changed = True

    def _real(self, text: str) -> float | None:
        number = float(text)
        if isfinite(number):
            return number
        self.changed = True
        return None


def _elements(text: str) -> list[Posted]:
    found: list[Posted] = []
    at = _skip(text, _skip(text, 0) + 1)
    if text[at : at + 1] == "]":
        return []
    while True:
        content, changed, end = _Reader().read(text, at)
        found.append(_posted(text[at:end], content, changed))
        at = _skip(text, end)
        sign = text[at : at + 1]
        if sign not in (",", "]") or not sign:
            raise CodecError("not_json", "the array of documents does not end")
        at = _skip(text, at + 1)
        if sign == "]":
            break
    if at != len(text):
        raise CodecError("not_json", "something follows after the array of documents")
    return found


def _posted(text: str, content: Any, changed: bool) -> Posted:
    if not _is_object(content):
        raise CodecError("not_object", 'a document is a JSON object such as {"temperature": 21.5}')
    if changed:
        # Half characters, which have no UTF-8, can only stand in escapes.
        halved = any(
            "\ud800" <= each < "\ue000" for each in json.dumps(content, ensure_ascii=False)
        )
        text = json.dumps(content, ensure_ascii=halved)
    return Posted(text.encode(), content)


def _is_object(content: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(content, dict)


def _text(body: bytes) -> str:
    # An array of documents is a level more. Most bodies have fewer brackets than levels may be.
    if body.count(b"{") + body.count(b"[") > LIMITS.depth + 1:
        _count_levels(body)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CodecError("not_json", "the body is not UTF-8") from error


def _count_levels(body: bytes) -> None:
    depth = deepest = 0
    for byte in _TEXTS.sub(b"", body):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    if deepest > LIMITS.depth + 1:
        raise CodecError("too_deep", f"{deepest} levels of JSON; send at most {LIMITS.depth}")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
