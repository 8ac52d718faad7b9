"""An ESP node's messages as the frames of the kit.

Frames are `init` and `sample`, the payloads of single messages, and `sequence`, a recorded exchange
(see `vectors`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fieldstation.instruments.esp_node.channels import SAMPLE, START_TOLD
from fieldstation.instruments.esp_node.payload import (
    decode_init,
    decode_sample,
    encode_init,
    encode_sample,
)
from fieldstation.instruments.esp_node.vectors import Replay, decode_vector, vector_frame
from fieldstation.model import Channel, Value
from fieldstation.model.talk import FrameEnd
from fieldstation.protocol.safejson import LONGEST, decode_json

__all__ = [
    "CHECKED", "FRAMES", "FRAME_LIMIT", "STREAMED", "decode_frame", "decode_vector",
    "encode_frame", "frame_end", "read_frame", "vector_frame",
]  # fmt: skip

FRAMES: tuple[tuple[str, tuple[Channel, ...]], ...] = (("init", START_TOLD), ("sample", SAMPLE))
FRAME_LIMIT = LONGEST
CHECKED = False
STREAMED = False

# The published example of the contract starts then.
_BASE_S = 1_512_980_647


def encode_frame(name: str, values: Mapping[str, Value]) -> bytes:
    """The payload that a node would publish."""
    return encode_init(_BASE_S, values) if name == "init" else encode_sample(values)


def decode_frame(name: str, data: bytes) -> dict[str, Any]:
    """All that is in a payload; an empty `name` tells init and sample apart by their first byte."""
    if name == "sequence":
        return Replay(decode_json(data)).result()
    if name == "init" or (not name and data.lstrip()[:1] == b"{"):
        init = decode_init(data)
        return {**init.values, "base": init.base_s}
    return dict(decode_sample(data))


def read_frame(name: str, data: bytes) -> dict[str, Value]:
    """What is kept of a payload; of a sequence the last value of each channel."""
    if name == "sequence":
        heard = Replay(decode_json(data)).heard
        return {key: value for _, one in heard for key, value in one.values.items()}
    return {key: value for key, value in decode_frame(name, data).items() if key != "base"}


def frame_end(_name: str) -> FrameEnd:
    """A message is as long as the broker says."""
    return lambda data: len(data) if len(data) <= FRAME_LIMIT else None
