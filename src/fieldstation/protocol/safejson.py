"""JSON from outside, as plain data.

1. Bounded: at most `longest` bytes and DEEPEST levels, looked at before anything is built.
   `test_deep_and_long_documents_are_refused`
2. Every number is finite and fits 64 bits; NaN, Infinity and 1e400 are refused.
   `test_numbers_that_nothing_can_hold_are_refused`
3. A key that comes twice is refused: which one was meant is unknown.
   `test_a_key_that_comes_twice_is_refused`
4. Texts can be written as UTF-8: no half of a surrogate pair.
   `test_half_of_a_surrogate_pair_is_refused`
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, NoReturn

from fieldstation.errors import CodecError

LONGEST = 65_536
DEEPEST = 32

_INT64 = 2**63
_INT64_DIGITS = 20
# Matches an unfinished text too, so that no start of one is tried twice.
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.?)*"?', re.DOTALL)


class _Refused(Exception):
    """Why a document is not taken; becomes a CodecError where its bytes are known."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def decode_json(data: bytes, *, longest: int = LONGEST) -> Any:
    """The document in `data`, UTF-8. Raises CodecError (`too_long`, `too_deep`, `not_json`,
    `bad_number`, `double_key`) with one sentence.
    """
    if len(data) > longest:
        raise CodecError("too_long", f"{len(data)} bytes of JSON, more than {longest}")
    try:
        _check_depth(data)
        document = _DECODER.decode(data.decode("utf-8"))
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except _Refused as error:
        raise CodecError(error.kind, f"JSON with {error}", data=data) from error
    except UnicodeError as error:
        raise CodecError("not_json", "JSON whose text is not UTF-8", data=data) from error
    except ValueError as error:
        raise CodecError("not_json", f"no JSON: {error}", data=data) from error
    return document


def _check_depth(data: bytes) -> None:
    """The parser recurses, so depth is counted before it runs."""
    depth = deepest = 0
    for byte in _TEXTS.sub(b"", data):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    if deepest > DEEPEST:
        raise _Refused("too_deep", f"{deepest} levels, more than {DEEPEST}")


def _whole(text: str) -> int:
    if len(text) > _INT64_DIGITS or not -_INT64 <= int(text) < _INT64:
        raise _Refused("bad_number", f"the number {text[:24]}, which needs more than 64 bits")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise _Refused("bad_number", f"the number {text[:24]}, which is too large")
    return value


def _constant(word: str) -> NoReturn:
    raise _Refused("bad_number", f"the word {word} for a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise _Refused("double_key", f"the key {double[:40]!r} twice")
    return found


_DECODER = json.JSONDecoder(
    parse_int=_whole, parse_float=_real, parse_constant=_constant, object_pairs_hook=_object
)
