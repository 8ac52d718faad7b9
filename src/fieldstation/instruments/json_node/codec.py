"""JSON documents as the frames of the kit, and what vectors of a JSON node contain.

A frame is one document. What is in it are its leaves, each by the path to it (`tank/level`). A
vector has `options` as in the configuration, `topic`, `payload` (or `payload_hex`) and perhaps
`retain`; it gives the readings and the words of remarks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fieldstation.errors import CodecError, ConfigError
from fieldstation.instruments.json_node.driver import LISTENED
from fieldstation.instruments.json_node.simulator import CHANNELS
from fieldstation.model import Channel, Heard, Instant, Message, Remark, Trust, Value, chosen
from fieldstation.model.talk import FrameEnd
from fieldstation.protocol.safejson import LONGEST, decode_json

FRAMES: tuple[tuple[str, tuple[Channel, ...]], ...] = (("document", CHANNELS),)
FRAME_LIMIT = LONGEST
CHECKED = False
STREAMED = False

# Vectors do not depend on the arrival unless they say so.
_ARRIVAL = Instant(1_779_969_600_000_000, 0, bytes(16), Trust.SYNCED)


def encode_frame(_name: str, values: Mapping[str, Value]) -> bytes:
    """A flat document."""
    return json.dumps(values, allow_nan=False).encode()


def decode_frame(_name: str, data: bytes) -> dict[str, Any]:
    """The leaves of a document by their paths. Raises CodecError."""
    return dict(_leaves(decode_json(data), ""))


def read_frame(name: str, data: bytes) -> dict[str, Value]:
    """As `decode_frame`: which leaves are kept is a matter of the configuration."""
    return decode_frame(name, data)


def frame_end(_name: str) -> FrameEnd:
    """A message is as long as the broker says."""
    return lambda data: len(data) if len(data) <= FRAME_LIMIT else None


def vector_frame(entry: Mapping[str, Any]) -> tuple[str, bytes]:
    """The document of a vector. Raises CodecError."""
    try:
        if "payload_hex" in entry:
            return "document", bytes.fromhex(entry["payload_hex"])
        return "document", entry["payload"].encode()
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise CodecError("unsupported", "a vector without payload") from error


def decode_vector(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the configured listener makes of the message. Raises CodecError."""
    try:
        listener = LISTENED.configured(
            chosen(LISTENED.options, entry.get("options", {}))
        ).listener()
    except (ConfigError, TypeError, AttributeError) as error:
        raise CodecError("unsupported", f"options of a vector: {error}") from error
    topic = str(entry.get("topic", ""))
    message = Message(topic, vector_frame(entry)[1], entry.get("retain") is True)
    news = listener.hear(message, _ARRIVAL)
    return {
        "readings": [_reading(one) for one in news if isinstance(one, Heard)],
        "remarks": [one.word for one in news if isinstance(one, Remark)],
    }


def _reading(heard: Heard) -> dict[str, Any]:
    values = dict(heard.values)
    return {"name": heard.name, "utc_us": heard.utc_us, "values": values}


def _leaves(document: object, path: str) -> Iterator[tuple[str, Value]]:
    if isinstance(document, dict | list):
        pairs = document.items() if isinstance(document, dict) else enumerate(document)
        for key, value in pairs:
            yield from _leaves(value, f"{path}/{key}" if path else str(key))
    elif document is None or isinstance(document, bool | int | float | str):
        yield path, document
