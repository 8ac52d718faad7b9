"""Bytes of a BH1745NUC to values and back (I2C sensors sheet, section 3). Low byte first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.bh1745.light import (
    COLOURS,
    FULL,
    GAINS,
    TIMES_MS,
    decode_mode1,
    decode_mode2,
    decode_system,
    encode_modes,
    light,
)
from fieldstation.model import Channel, Kind, Value
from fieldstation.model.talk import FrameEnd

__all__ = [
    "CHECKED", "FRAMES", "FRAME_LIMIT", "STREAMED", "decode_frame", "decode_vector",
    "encode_frame", "frame_end", "read_frame", "vector_frame",
]  # fmt: skip

CHECKED = False
STREAMED = False

# "reading" is what the driver collects: the two mode registers and the four colours.
LENGTHS = {"reading": 10, "mode_control1": 1, "mode_control2": 1, "system_control": 1}
FRAME_LIMIT = 10


def decode_frame(name: str, data: bytes) -> dict[str, Any]:
    """Values of one frame; without a name it is a reading, without a cover. Raises CodecError."""
    if not name:
        return {"command": "reading"} | decode_frame("reading", data)
    return _decode(name, data, 1.0)


def read_frame(name: str, data: bytes, window: float = 1.0) -> dict[str, Value]:
    """What is kept of a frame, by channel name; only a reading brings something. Raises as
    `decode_frame`.
    """
    values = _decode(name, data, window)
    if name != "reading":
        return {}
    return {key: value for key, value in values.items() if key not in ("valid", "rgbc_enabled")}


def encode_frame(name: str, values: Mapping[str, Any]) -> bytes:
    """A reading as the part gives it, at gain 1 and 160 ms unless `values` say otherwise. Raises
    CodecError for another frame.
    """
    if name != "reading":
        raise CodecError("unsupported", f"no {name!r} is made of values")
    modes = bytes(encode_modes(values.get("gain", 1), values.get("measurement_ms", 160)))
    counts = (int(values.get(f"{colour}_counts", 0)) for colour in COLOURS)
    return modes + b"".join(count.to_bytes(2, "little") for count in counts)


def frame_end(name: str) -> FrameEnd:
    """Where a frame ends. Raises CodecError for a name that is none."""
    return partial(_end, _length(name))


def _decode(name: str, data: bytes, window: float) -> dict[str, Any]:
    if len(data) != _length(name):
        raise CodecError("short_read", f"{name} has {LENGTHS[name]} bytes, not {len(data)}")
    match name:
        case "mode_control1":
            return decode_mode1(data[0])
        case "mode_control2":
            return decode_mode2(data[0])
        case "system_control":
            return decode_system(data[0])
    modes = decode_mode1(data[0]) | decode_mode2(data[1])
    if modes["measurement_ms"] is None or modes["gain"] is None or not modes["rgbc_enabled"]:
        raise CodecError("bad_mode", "a BH1745NUC in this mode measures nothing", data=data[:2])
    counts = _counts(data[2:])
    return modes | light(counts, modes["gain"], modes["measurement_ms"], window)


def _counts(data: bytes) -> dict[str, int]:
    pairs = (data[at : at + 2] for at in range(0, 8, 2))
    return {
        colour: int.from_bytes(pair, "little") for colour, pair in zip(COLOURS, pairs, strict=True)
    }


def _length(name: str) -> int:
    if name not in LENGTHS:
        known = ", ".join(LENGTHS)
        raise CodecError("unsupported", f"{name!r} is no frame of a BH1745NUC: {known}")
    return LENGTHS[name]


def _end(length: int, data: bytes) -> int | None:
    return length if len(data) >= length else None


FRAMES = (
    (
        "reading",
        (
            *(Channel(f"{colour}_counts", Kind.INTEGER, low=0, high=FULL) for colour in COLOURS),
            Channel("gain", Kind.ENUM, codes=dict.fromkeys(GAINS.values(), "gain")),
            Channel("measurement_ms", Kind.ENUM, codes=dict.fromkeys(TIMES_MS, "ms")),
        ),
    ),
)
"""Replies that `encode_frame` makes, each with the values that it carries."""


# --- vectors ---


def decode_vector(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The `decoded` of one vector (section 7 of the sheet). Raises CodecError for an entry that is
    none.
    """
    raw: Mapping[str, Any] = entry.get("raw", {})
    if entry.get("kind") != "rgbc":
        return decode_frame(*vector_frame(entry))
    try:
        data = bytes.fromhex(raw["bytes_from_0x50"])
        return light(_counts(data), int(raw["gain"]), int(raw["measurement_ms"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CodecError("unsupported", f"the entry lacks or spoils {error}") from error


def vector_frame(entry: Mapping[str, Any]) -> tuple[str, bytes]:
    """Name and bytes of a vector. Raises CodecError for one that is no frame."""
    try:
        return str(entry.get("kind")), bytes.fromhex(str(entry["raw"]["bytes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CodecError("bad_hex", "the entry has no hexadecimal bytes") from error
