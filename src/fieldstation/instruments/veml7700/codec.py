"""Bytes of a VEML7700 to values and back (I2C sensors sheet, section 2). Low byte first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.veml7700.channels import BRIGHTEST_LX
from fieldstation.instruments.veml7700.lux import (
    BASE_LX,
    CORRECTED_FROM_LX,
    FULL,
    RESERVED,
    TIMES_MS,
    config_word,
    corrected,
    decode_config,
    illuminance,
    lux_per_count,
)
from fieldstation.model import Channel, Kind, Value
from fieldstation.model.talk import FrameEnd

__all__ = [
    "CHECKED", "FRAMES", "FRAME_LIMIT", "STREAMED", "decode_frame", "decode_vector", "encode_frame",
    "frame_end", "read_frame", "read_light", "vector_frame",
]  # fmt: skip

CHECKED = False
STREAMED = False

# "reading" is what the driver collects: configuration, ambient and white counts.
LENGTHS = {"reading": 6, "config": 2, "interrupt_status": 2}
FRAME_LIMIT = 6

# Milliseconds that power saving adds to the integration time, by mode.
SAVING_MS = {1: 500, 2: 1000, 3: 2000, 4: 4000}
SAVING_TIMES_MS = (100, 200, 400, 800)


def read_light(
    data: bytes, base_lx: float = BASE_LX, from_lx: float = CORRECTED_FROM_LX
) -> dict[str, Any]:
    """All of a reading. Raises CodecError when the configuration in front is none, or the part is
    shut down: then the counts are old.
    """
    config = decode_config(data[:2])
    if config["integration_ms"] is None or config["word"] & RESERVED:
        raise CodecError("bad_config", "no VEML7700 is configured so", data=data[:2])
    if config["shutdown"]:
        raise CodecError("shut_down", "the VEML7700 is shut down, its counts are old", data=data)
    per_count = lux_per_count(config["gain"], config["integration_ms"], base_lx)
    values = illuminance(_word(data[2:4]), per_count, from_lx)
    over = values["illuminance"] is None and not values["saturated"]
    return config | values | {"white_counts": _word(data[4:6]), "over_range": over}


def decode_frame(name: str, data: bytes) -> dict[str, Any]:
    """Values of one frame, with the usual base; without a name it is a reading. Raises
    CodecError.
    """
    if not name:
        return {"command": "reading"} | decode_frame("reading", data)
    if name not in LENGTHS:
        raise CodecError("unsupported", f"{name!r} is no frame of a VEML7700: {', '.join(LENGTHS)}")
    if len(data) != LENGTHS[name]:
        raise CodecError("short_read", f"{name} has {LENGTHS[name]} bytes, not {len(data)}")
    if name == "interrupt_status":
        word = _word(data)
        return {"low_threshold": bool(word & 0x8000), "high_threshold": bool(word & 0x4000)}
    return decode_config(data) if name == "config" else read_light(data)


def read_frame(
    name: str, data: bytes, base_lx: float = BASE_LX, from_lx: float = CORRECTED_FROM_LX
) -> dict[str, Value]:
    """What is kept of a frame, by channel name. Raises as `decode_frame`."""
    if name != "reading" or len(data) != LENGTHS[name]:
        decode_frame(name, data)
        return {}
    values = read_light(data, base_lx, from_lx)
    return {key: values[key] for key in _KEPT}


def encode_frame(name: str, values: Mapping[str, Any]) -> bytes:
    """A reading as the part gives it, at gain 1/4 and 100 ms unless `values` say otherwise. Raises
    CodecError for another frame.
    """
    if name != "reading":
        raise CodecError("unsupported", f"no {name!r} is made of values")
    word = config_word(values.get("gain", 0.25), values.get("integration_ms", 100))
    words = (word, values.get("als_counts", 0), values.get("white_counts", 0))
    return b"".join(number.to_bytes(2, "little") for number in words)


def frame_end(name: str) -> FrameEnd:
    """Where a frame ends. Raises CodecError for a name that is none."""
    if name not in LENGTHS:
        raise CodecError("unsupported", f"{name!r} is no frame of a VEML7700")
    return partial(_end, LENGTHS[name])


def _end(length: int, data: bytes) -> int | None:
    return length if len(data) >= length else None


def _word(data: bytes) -> int:
    return int.from_bytes(data, "little")


_KEPT = (
    "illuminance", "illuminance_linear", "als_counts", "white_counts", "gain", "integration_ms",
    "saturated", "over_range",
)  # fmt: skip

FRAMES = (
    (
        "reading",
        (
            Channel("als_counts", Kind.INTEGER, low=0, high=FULL),
            Channel("white_counts", Kind.INTEGER, low=0, high=FULL),
            Channel("integration_ms", Kind.ENUM, codes=dict.fromkeys(TIMES_MS.values(), "ms")),
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
    try:
        match entry.get("kind"):
            case "als":
                return _als(raw)
            case "lux_correction":
                value = corrected(float(raw["illuminance_linear"]))
                return {"illuminance": value if value <= BRIGHTEST_LX else None}
            case "power_saving":
                return _power_saving(int(raw["word"]), int(raw["integration_ms"]))
        return decode_frame(*vector_frame(entry))
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CodecError("unsupported", f"the entry lacks or spoils {error}") from error


def vector_frame(entry: Mapping[str, Any]) -> tuple[str, bytes]:
    """Name and bytes of a vector. Raises CodecError for one that is no frame."""
    raw = entry.get("raw", {})
    try:
        data = bytes.fromhex(str(raw.get("bytes_lsb_first", raw.get("bytes"))))
    except (ValueError, AttributeError) as error:
        raise CodecError("bad_hex", "the entry has no hexadecimal bytes") from error
    return str(entry.get("kind")), data


def _als(raw: Mapping[str, Any]) -> dict[str, Any]:
    per_count = lux_per_count(raw["gain"], raw["integration_ms"], raw["resolution_base"])
    values = illuminance(_word(bytes.fromhex(raw["als_bytes"])), per_count)
    if "white_bytes" in raw:
        values["white_counts"] = _word(bytes.fromhex(raw["white_bytes"]))
    return values


def _power_saving(word: int, integration_ms: int) -> dict[str, Any]:
    enabled, mode = bool(word & 1), (word >> 1 & 3) + 1
    refresh: int | None = integration_ms
    if enabled:
        known = integration_ms in SAVING_TIMES_MS
        refresh = integration_ms + SAVING_MS[mode] if known else None
    return {"psm_enabled": enabled, "psm_mode": mode, "refresh_ms": refresh}
