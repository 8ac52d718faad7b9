"""Bytes of an Si7020 to values and back (I2C sensors sheet, section 1). High byte first.

1. A measurement whose checksum does not fit is no measurement; nor is a word that ends in the
   status bits of the other kind, for then another command was answered.
   `test_word_of_the_other_kind_is_refused`
2. The temperature that comes with a humidity (command E0) has no checksum. What is beyond the
   part's range is refused, and so is the zero of a bus that is held low.
   `test_bus_held_low_is_no_temperature`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fieldstation.errors import ChecksumMismatch, CodecError
from fieldstation.instruments.si7020.words import (
    FIRMWARE,
    HIGHEST_C,
    HUMIDITY_BITS,
    LOWEST_C,
    PARTS,
    TEMPERATURE_BITS,
    crc8,
    dew_point,
    heater_register,
    humidity_of,
    temperature_of,
    user_register,
)
from fieldstation.model import Channel, Kind, Value
from fieldstation.model.talk import FrameEnd

__all__ = [
    "CHECKED", "FRAMES", "FRAME_LIMIT", "STREAMED", "decode_frame", "decode_vector", "encode_frame",
    "frame_end", "read_frame", "vector_frame",
]  # fmt: skip

CHECKED = frozenset({"humidity", "temperature"})
STREAMED = False

# Bytes of each frame: words with their checksum, a word without, registers, and "reading" as the
# driver collects it: humidity, temperature, user register.
LENGTHS = {
    "humidity": 3, "temperature": 3, "temperature_kept": 2, "user_register": 1,
    "heater_register": 1, "reading": 6,
}  # fmt: skip
FRAME_LIMIT = 6


def decode_frame(name: str, data: bytes) -> dict[str, Any]:
    """Values of one frame; without a name it is a reading. Raises CodecError for a wrong length,
    checksum or word.
    """
    if not name:
        return {"command": "reading"} | decode_frame("reading", data)
    if name not in LENGTHS:
        raise CodecError("unsupported", f"{name!r} is no frame of an Si7020: {', '.join(LENGTHS)}")
    if len(data) != LENGTHS[name]:
        raise CodecError("short_read", f"{name} has {LENGTHS[name]} bytes, not {len(data)}")
    return _DECODERS[name](data)


def read_frame(name: str, data: bytes) -> dict[str, Value]:
    """What is kept of a frame, by channel name. Raises as `decode_frame`."""
    values = decode_frame(name, data)
    return {key: value for key, value in values.items() if key in _KEPT}


def encode_frame(name: str, values: Mapping[str, Any]) -> bytes:
    """A measurement as the chip sends it, from its code. Raises CodecError for another frame."""
    if name not in CHECKED:
        raise CodecError("unsupported", f"no {name!r} is made of values")
    word = int(values.get("rh_code", values.get("temp_code", 0))).to_bytes(2, "big")
    return word + bytes((crc8(word),))


def frame_end(name: str) -> FrameEnd:
    """Where a frame ends. Raises CodecError for a name that is none."""
    if name not in LENGTHS:
        raise CodecError("unsupported", f"{name!r} is no frame of an Si7020")
    return partial(_end, LENGTHS[name])


def _end(length: int, data: bytes) -> int | None:
    return length if len(data) >= length else None


def _humidity(data: bytes) -> dict[str, Any]:
    word = _checked(data)
    if word & 3 == TEMPERATURE_BITS:
        raise CodecError("wrong_answer", "a humidity ends in the bits of a temperature", data=data)
    return humidity_of(word) | {"crc_ok": True}


def _temperature(data: bytes) -> dict[str, Any]:
    return _plausible(_checked(data), data) | {"crc_ok": True}


def _temperature_kept(data: bytes) -> dict[str, Any]:
    return _plausible(int.from_bytes(data, "big"), data)


def _plausible(word: int, data: bytes) -> dict[str, Any]:
    if word & 3 == HUMIDITY_BITS:
        raise CodecError("wrong_answer", "a temperature ends in the bits of a humidity", data=data)
    values = temperature_of(word)
    if not LOWEST_C <= values["temperature"] <= HIGHEST_C:
        raise CodecError(
            "implausible", f"{values['temperature']:.1f} °C is beyond the part's range", data=data
        )
    return values


def _checked(data: bytes) -> int:
    if crc8(data[:2]) != data[2]:
        raise ChecksumMismatch(f"checksum {data[2]:02X}, the bytes give {crc8(data[:2]):02X}")
    return int.from_bytes(data[:2], "big")


def _reading(data: bytes) -> dict[str, Any]:
    values = _humidity(data[:3]) | _temperature_kept(data[3:5]) | user_register(data[5:])
    return values | {"dew_point": dew_point(values["temperature"], values["humidity"])}


_DECODERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "humidity": _humidity,
    "temperature": _temperature,
    "temperature_kept": _temperature_kept,
    "user_register": user_register,
    "heater_register": heater_register,
    "reading": _reading,
}

_KEPT = frozenset(
    {"temperature", "humidity", "humidity_unclamped", "dew_point", "heater_on", "vdd_low"}
)


def _words(name: str, first: int, last: int) -> Channel:
    """A word as a channel: every fourth number, as its lowest bits say the kind."""
    return Channel(name, Kind.ENUM, codes=dict.fromkeys(range(first, last, 4), "word"))


FRAMES = (
    ("humidity", (_words("rh_code", HUMIDITY_BITS, 65536),)),
    # Words of the part's range.
    ("temperature", (_words("temp_code", 0x02B4, 65536),)),
)
"""Replies that `encode_frame` makes, each with the values that it carries."""


# --- vectors ---


def decode_vector(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The `decoded` of one vector (section 7 of the sheet), where a wrong checksum gives no value
    instead of an error. Raises CodecError for an entry that is none.
    """
    kind, raw = entry.get("kind"), entry.get("raw", {})
    data = _hex(raw, "snb3" if kind == "device_id" else "bytes")
    match kind:
        case "humidity":
            return _lenient(data, humidity_of, "rh_code", "humidity")
        case "temperature":
            return _lenient(data, temperature_of, "temp_code", "temperature")
        case "crc8":
            return {"crc": f"{crc8(data):02x}"}
        case "device_id" if data:
            return {"part": PARTS.get(data[0])}
        case "firmware_revision" if data:
            return {"firmware": FIRMWARE.get(data[0])}
    return decode_frame(str(kind), data)


def vector_frame(entry: Mapping[str, Any]) -> tuple[str, bytes]:
    """Name and bytes of a vector. Raises CodecError for one that is no frame."""
    data = _hex(entry.get("raw", {}), "bytes")
    kind = str(entry.get("kind"))
    return ("temperature_kept" if kind == "temperature" and len(data) == 2 else kind), data


def _lenient(
    data: bytes, convert: Callable[[int], dict[str, Any]], code: str, value: str
) -> dict[str, Any]:
    if len(data) not in (2, 3):
        raise CodecError("short_read", f"{value} has 2 or 3 bytes, not {len(data)}", data=data)
    values = convert(int.from_bytes(data[:2], "big"))
    if len(data) == 2:
        return values
    if crc8(data[:2]) != data[2]:
        return {code: values[code], "crc_ok": False, value: None}
    return values | {"crc_ok": True}


def _hex(raw: Mapping[str, Any], key: str) -> bytes:
    try:
        return bytes.fromhex(str(raw[key]))
    except (KeyError, ValueError, TypeError) as error:
        raise CodecError("bad_hex", f"{key} of the entry is no hexadecimal text") from error
