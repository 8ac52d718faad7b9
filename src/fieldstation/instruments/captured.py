"""What is in captured bytes, as the kind's own folder reads them.

A folder may have a module `captures`, each part of it optional:

* `asked(request) -> str`: the codec's name of the reply to a request, empty when it is none;
* `seal(frame) -> bytes`: a frame of a unit with its checksum made good, of the same length. Raises
  CodecError;
* `vector(name, request, frame) -> dict`: the fields of a vector of the folder's own form. Without
  it they are `command`, `request_hex` and `response_hex`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, cast

from fieldstation.errors import CodecError, InstrumentRefused
from fieldstation.instruments import registry
from fieldstation.model.talk import FrameEnd

UNREADABLE = re.compile(r"[^a-z0-9]+")
# What stands behind the last frame and is none: the rest of a line end, the filling of a report.
PADDING = b"\r\n\0"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that a unit sent after `request` (empty: unasked). `name` is the codec's name of
    the reply to that, empty where the frame has to tell by itself.
    """

    name: str
    request: bytes
    data: bytes


@cache
def _captures(kind: str) -> ModuleType | None:
    name = f"{registry.package(kind)}.captures"
    return import_module(name) if find_spec(name) else None


def _part(kind: str, name: str) -> Any:
    return getattr(_captures(kind), name, None)


def asked(kind: str, request: bytes) -> str:
    """The name of the reply to `request`, empty when it is not known. Raises NotFound."""
    part = _part(kind, "asked")
    return cast(str, part(request)) if part and request else ""


def seal(kind: str) -> Callable[[bytes], bytes] | None:
    """How a frame's checksum is made good; None when the kind does not tell. Raises NotFound."""
    return cast(Callable[[bytes], bytes] | None, _part(kind, "seal"))


def frame_end(kind: str, name: str = "") -> FrameEnd:
    """Where a reply of that name ends; for one that the codec does not know, where it stops."""
    try:
        return cast(FrameEnd, registry.module(kind, "codec").frame_end(name))
    except CodecError:
        return len


def frames_of(kind: str, request: bytes, reply: bytes) -> Iterator[Frame]:
    """The frames of all that came after `request`, the last one perhaps not whole."""
    name = asked(kind, request)
    end = frame_end(kind, name)
    while reply:
        try:
            length = end(reply) or len(reply)
        except CodecError:
            length = len(reply)
        if not reply[length:].strip(PADDING):
            length = len(reply)
        yield Frame(name, request, reply[:length])
        reply = reply[length:]


def told(kind: str, frame: Frame) -> dict[str, Any]:
    """What a frame says: its name where it has one, and `decoded`, or `error` and `message`."""
    if _part(kind, "vector"):
        fields = entry(kind, frame)
        return {"name": fields.get("type", frame.name), **registry.decode_entry(kind, fields)}
    try:
        found = registry.decode_frame(kind, frame.data, frame.name)
    except CodecError as error:
        return {"name": frame.name, "error": error.kind, "message": str(error)}
    except InstrumentRefused as error:
        return {"name": frame.name, "error": error.code, "message": str(error)}
    return {"name": frame.name, "decoded": found}


def entry(kind: str, frame: Frame) -> dict[str, Any]:
    """The fields of a vector that say what was sent and what came."""
    part = _part(kind, "vector")
    if part:
        return cast(dict[str, Any], part(frame.name, frame.request, frame.data))
    return {
        "command": frame.name,
        "request_hex": frame.request.hex(),
        "response_hex": frame.data.hex(),
    }


def vectors(kind: str, frames: Iterable[Frame], title: str, source: str) -> list[dict[str, Any]]:
    """Vectors of everything that differs in `frames`, decoded by the codec of today."""
    found: list[dict[str, Any]] = []
    for number, frame in enumerate(dict.fromkeys(frames), 1):
        fields = entry(kind, frame)
        result = registry.decode_entry(kind, fields)
        word = UNREADABLE.sub("_", frame.name.lower()).strip("_")
        row = {"id": "_".join(filter(None, (title, str(number), word))), **fields}
        row["decoded"] = result.get("decoded")
        if "error" in result:
            row["expected_error"] = result["error"]
        found.append(row | {"source": source})
    return found
