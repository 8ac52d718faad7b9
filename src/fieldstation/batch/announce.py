"""What a batch says beside its readings, as JSON, read with suspicion: the text comes from whoever
holds a gateway key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

from fieldstation.batch.facts import ClockFact
from fieldstation.batch.limits import MOST_INTEGER, Limits
from fieldstation.batch.model import Announcement
from fieldstation.batch.report import fact_of, fact_row
from fieldstation.errors import CodecError, FrameTooLong
from fieldstation.model import Layout


class Notes(NamedTuple):
    """What a batch says beside its readings: announcements, and the fact that places readings of
    an untrusted clock.
    """

    announcements: tuple[Announcement, ...] = ()
    clock: ClockFact | None = None


def encode_notes(notes: Notes, limits: Limits) -> bytes:
    """The notes as JSON, nothing when there are none; without a clock a plain list, as the
    first hubs read it. Raises as `decode_notes` would.
    """
    rows: Any = [
        {
            "instrument": each.instrument,
            "layout": each.layout.as_json(),
            "every_us": each.every_us,
            "serial": each.serial,
            "model": each.model,
        }
        for each in notes.announcements
    ]
    if notes.clock is not None:
        rows = {"announcements": rows, "clock": fact_row(notes.clock)}
    if not rows:
        return b""
    try:
        data = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise CodecError("bad_field", "an announcement holds half a character") from error
    decode_notes(data, limits)
    return data


def decode_notes(data: bytes, limits: Limits) -> Notes:
    """The notes written by `encode_notes`. Raises CodecError `bad_field`, `too_long`."""
    if not data:
        return Notes()
    try:
        found = json.loads(data, parse_constant=_refuse)
        rows, clock = found, None
        if isinstance(found, dict):
            rows, clock = found["announcements"], _clock(found["clock"])
        if not isinstance(rows, list):
            raise TypeError("announcements are a list")
        if len(rows) > limits.announcements:
            raise FrameTooLong(
                f"{len(rows)} announcements in a batch, the limit is {limits.announcements}"
            )
        return Notes(tuple(_announcement(row, limits) for row in rows), clock)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise CodecError("bad_field", f"an announcement is malformed ({reason})") from error


def _clock(row: Any) -> ClockFact:
    fact = fact_of(row)
    if not isinstance(fact, ClockFact):
        raise TypeError("the clock is another kind of fact")
    if min(fact.mono_us, fact.utc_us, fact.error_us) < 0:
        raise ValueError("the clock names a moment before 1970 or before the machine started")
    return fact


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _announcement(row: Mapping[str, Any], limits: Limits) -> Announcement:
    every_us = row["every_us"]
    if type(every_us) is not int or not 0 <= every_us < MOST_INTEGER:
        raise ValueError("every_us is not a span in microseconds")
    layout = row["layout"]
    for channel in layout["channels"]:
        _check_channel(channel, limits)
    return Announcement(
        _words(row["instrument"], limits.name, least=1),
        Layout.from_json({**layout, "kind": _words(layout["kind"], limits.name, least=1),
                          "name": _words(layout["name"], limits.name, least=1)}),
        every_us,
        _words(row.get("serial", ""), limits.label),
        _words(row.get("model", ""), limits.label),
    )  # fmt: skip


def _check_channel(row: Mapping[str, Any], limits: Limits) -> None:
    """Raise unless a channel's fields have the types and lengths that `Channel` states."""
    _words(row["name"], limits.name, least=1)
    for key in ("unit", "label", "old_name"):
        _words(row.get(key, ""), limits.label)
    for key in ("low", "high"):
        bound = row.get(key)
        if bound is not None and (type(bound) not in (int, float) or not isfinite(bound)):
            raise ValueError(f"{key} is not a number")
    if type(row.get("decimals", 0)) is not int or not 0 <= row.get("decimals", 0) <= 20:
        raise ValueError("decimals is not a small number")
    if type(row.get("headline", False)) is not bool:
        raise TypeError("headline is not true or false")
    _check_codes(row.get("codes", []), limits)


def _check_codes(codes: Any, limits: Limits) -> None:
    if not isinstance(codes, list) or len(codes) > limits.codes:
        raise ValueError(f"codes is not a list of at most {limits.codes} pairs")
    for code, label in codes:
        if type(code) is str:
            _words(code, limits.label)
        elif type(code) is not int or not -(2**63) <= code < 2**63:
            raise TypeError("a code is neither an integer nor a text")
        _words(label, limits.label)


def _words(value: object, longest: int, least: int = 0) -> str:
    """A text without control characters and half characters, within its limits."""
    if not isinstance(value, str) or not least <= len(value) <= longest:
        raise ValueError(f"a text has not {least} to {longest} characters")
    if not value.isprintable():
        raise ValueError("a text holds control characters")
    return value
