"""What is in a capture, as the kind's own folder reads it.

A folder may have a module `captured`, each part of it optional:

* `asked(request) -> str`: the codec's name of the reply to a request, empty when it is none;
* `frames(exchanges) -> Iterator[list[tuple[str, bytes]]]`: for each (request, reply) in turn the
  frames that are whole with it, by the codec's names, for a kind whose frames are gathered from
  several exchanges;
* `decode(request, frame) -> dict`: what is in a frame of a form that `codec.decode_frame` does not
  know;
* `seal` and `mask`: see `redacted`.

Frames of a stream are cut by `codec.frame_end`. A folder `captures` holds captures that are tests:
`NAME.jsonl`, and beside it `NAME.decoded.jsonl`, what `told` makes of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, cast

from fieldstation.errors import CodecError, InstrumentRefused
from fieldstation.instruments import registry
from fieldstation.model import Heard, Instant, Listener, Message, Remark, Trust, chosen
from fieldstation.model.talk import FrameEnd
from fieldstation.protocol.capture import Answered, Capture, Piece, answered

# What stands behind the last frame and is none: the rest of a line end, the filling of a report.
PADDING = b"\r\n\0"
UNSAID = frozenset({"request", "frame", "message"})
"""What a row has of the capture itself, and the words of an error, which may be put better."""

Row = dict[str, Any]


@cache
def _captured(kind: str) -> ModuleType | None:
    name = f"{registry.package(kind)}.captured"
    return import_module(name) if find_spec(name) else None


def part(kind: str, name: str) -> Any:
    """A part of the kind's module `captured`; None when it has none. Raises NotFound."""
    return getattr(_captured(kind), name, None)


def rows(capture: Capture) -> Iterator[Row]:
    """Everything that came, a row each: `t`, the bytes or the message, and `decoded`, or `error`
    and `message`; only bytes where they belong to a frame that is not whole yet. Raises NotFound,
    and ConfigError for options that the kind does not have.
    """
    if registry.listened(capture.header.kind) is not None:
        yield from _messages(capture)
        return
    kind, exchanges = capture.header.kind, answered(capture.pieces)
    for one, frames in zip(exchanges, _frames(kind, exchanges), strict=True):
        head: Row = {"t": round(one.t_s, 6), "request": one.request.hex()}
        if not one.heard:
            yield {**head, "error": "silence", "message": "no answer was recorded"}
        elif not frames:
            yield {**head, "frame": one.reply.hex()}
        for name, data in frames:
            yield {**head, "frame": data.hex(), "name": name, **_told(kind, name, one, data)}


def told(capture: Capture) -> list[Row]:
    """The rows of `rows` that say something, without UNSAID; what is said again, once."""
    found: dict[str, Row] = {}
    for row in rows(capture):
        said = {key: value for key, value in row.items() if key not in UNSAID}
        found.setdefault(repr({**said, "t": None}), said)
    return [said for said in found.values() if len(said) > 1]


def cut(kind: str, request: bytes, reply: bytes) -> Iterator[bytes]:
    """The frames of all that came after `request`, the last one perhaps not whole."""
    end = _frame_end(kind, _asked(kind, request)) if part(kind, "frames") is None else len
    while reply:
        try:
            length = end(reply) or len(reply)
        except CodecError:
            length = len(reply)
        if not reply[length:].strip(PADDING):
            length = len(reply)
        yield reply[:length]
        reply = reply[length:]


def _frames(kind: str, exchanges: Iterable[Answered]) -> Iterator[list[tuple[str, bytes]]]:
    if gather := part(kind, "frames"):
        yield from gather((one.request, one.reply) for one in exchanges)
        return
    for one in exchanges:
        name = _asked(kind, one.request)
        yield [(name, frame) for frame in cut(kind, one.request, one.reply)]


def _asked(kind: str, request: bytes) -> str:
    asked = part(kind, "asked")
    return cast(str, asked(request)) if asked and request else ""


def _frame_end(kind: str, name: str) -> FrameEnd:
    """Where a reply of that name ends; for one that the codec does not know, where it stops."""
    try:
        return cast(FrameEnd, registry.module(kind, "codec").frame_end(name))
    except CodecError:
        return len


def _told(kind: str, name: str, one: Answered, data: bytes) -> Row:
    decode = part(kind, "decode")
    try:
        found = decode(one.request, data) if decode else registry.decode_frame(kind, data, name)
        return {"decoded": _finite(found)}
    except CodecError as error:
        return {"error": error.kind, "message": str(error)}
    except InstrumentRefused as error:
        return {"error": error.code, "message": str(error)}


def _finite(value: Any) -> Any:
    """`value` as JSON can say it: what is no number is None."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- instruments that are heard ---


def listener(kind: str, options: Mapping[str, Any]) -> Listener:
    """Who hears a kind with these options, all others at their defaults. Raises NotFound, and
    ConfigError for options that it does not have.
    """
    listened = registry.listened(kind)
    assert listened is not None
    return listened.configured(chosen(listened.options, options)).listener()


def _messages(capture: Capture) -> Iterator[Row]:
    hearing = listener(capture.header.kind, capture.header.options)
    for piece in capture.pieces:
        payload = piece.data.decode("utf-8", "replace")
        head: Row = {"t": round(piece.t_s, 6), "topic": piece.topic, "frame": payload}
        yield head | _said(hearing, piece, capture.header.started_us + round(piece.t_s * 1e6))


def _said(hearing: Listener, piece: Piece, utc_us: int) -> Row:
    # The capture does not tell how far its clock was to be trusted.
    now = Instant(utc_us, 0, bytes(16), Trust.SYNCED)
    try:
        news = hearing.hear(Message(piece.topic, piece.data, piece.retained), now)
    except CodecError as error:
        return {"error": error.kind, "message": str(error)}
    readings = [_reading(one) for one in news if isinstance(one, Heard)]
    return {"decoded": readings, "remarks": [one.word for one in news if isinstance(one, Remark)]}


def _reading(heard: Heard) -> Row:
    found = {"name": heard.name, "layout": heard.layout.name, "utc_us": heard.utc_us}
    return {**found, "serial": heard.serial, "values": dict(heard.values)}
