"""The door to SE521 replies for everything that is no driver: vectors, captures, checks.

Frames are named `live` and `identify` for reports of 32 bytes, `live-serial` and `identify-serial`
for the bare reply. Kinds of CodecError are the `status` words of the vectors (SE521 sheet, section
13), and `wrong_model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.se521 import frame
from fieldstation.instruments.se521.channels import INPUTS, LIVE, THERMOCOUPLES
from fieldstation.instruments.se521.live import FLAGS_2, decode_live, kept
from fieldstation.instruments.se521.vectors import decode_average, decode_reply, decode_schedule
from fieldstation.model import Channel, Kind, Value
from fieldstation.model.talk import FrameEnd

CHECKED = True
FRAME_LIMIT = 3 * frame.REPORT_BYTES
MODEL = "521"
SERIAL = "-serial"
_SIZES = {"live": frame.REPLY_BYTES[frame.LIVE], "identify": frame.REPLY_BYTES[frame.IDENTIFY]}


def open_identify(reply: bytes) -> str:
    """The model. Raises CodecError, `wrong_model` for one that is not a 521."""
    for fault in frame.faults(reply, None, summed=False):
        raise fault
    model = reply[frame.MODEL_AT].decode("latin-1")
    if model != MODEL:
        raise CodecError("wrong_model", f"the unit calls itself {model!r}, this driver reads a 521")
    return model


def open_live(reply: bytes, counter: int | None, *, summed: bool = True) -> bytes:
    """The reply, when nothing is wrong with it. Raises CodecError, ChecksumMismatch."""
    for fault in frame.faults(reply, counter, summed=summed):
        raise fault
    return reply


def frame_end(name: str) -> FrameEnd:
    """Where a frame of that name ends."""
    size = _SIZES[name.removesuffix(SERIAL)]
    return frame.serial_end(size) if name.endswith(SERIAL) else frame.reports_end(size)


def _reply(name: str, data: bytes) -> bytes:
    size = _SIZES[name.removesuffix(SERIAL)]
    if not name.endswith(SERIAL):
        return frame.frame_of(data, size)
    if len(data) != size:
        raise CodecError("short_read", f"{len(data)} bytes where a reply has {size}")
    return data


def guess(data: bytes) -> str:
    """The name of a captured frame, by its length and first byte."""
    serial = SERIAL if data[:1] == bytes((frame.STX,)) and len(data) in _SIZES.values() else ""
    reply = data if serial else data[1:]
    kind = "identify" if reply[23:24] == b"5" and len(data) <= 64 and len(reply) != 64 else "live"
    return kind + serial


def decode_frame(name: str, data: bytes) -> dict[str, Any]:
    """All that is in a good frame; an empty name goes by its shape. Raises CodecError."""
    reply = _reply(name or guess(data), data)
    if (name or guess(data)).startswith("identify"):
        return {"model": open_identify(reply)}
    found = decode_live(open_live(reply, None))
    bare = {f"fahrenheit_{row['channel']}": row["fahrenheit"] for row in found["channels"]}
    return found | bare


def read_frame(name: str, data: bytes) -> dict[str, Value]:
    """What is kept of a good frame, by the names of the channels. Raises CodecError."""
    decode_frame(name, data)
    if (name or guess(data)).startswith("identify"):
        return {}
    return kept(_reply(name or guess(data), data))


def build_live(values: Mapping[str, Any]) -> bytes:
    """The 64 bytes that say `values`: flags, `fahrenheit_1` to `_4` and `_difference`, the rest."""
    reply = bytearray(64)
    reply[0], reply[63] = frame.STX, frame.ETX
    reply[1] = values.get("battery_level", 0)
    first = {"t1_minus_t2_mode": 1, "recall_mode": 2}
    reply[2] = sum(bit for name, bit in first.items() if values.get(name))
    reply[2] |= 0x80 if values.get("display_unit", "C") == "C" else 0
    reply[3] = sum(1 << bit for bit, name in enumerate(FLAGS_2) if values.get(name))
    reply[4] = values.get("max_min_code", 0)
    letters = {letter: code for code, letter in THERMOCOUPLES.items()}
    reply[5] = letters.get(str(values.get("thermocouple_type")), 0)
    reply[6] = values.get("status_byte6", 0)
    for place, name in enumerate((*INPUTS, "difference")):
        raw = round(values.get(f"fahrenheit_{name}", 0) * 10)
        reply[9 + 2 * place : 11 + 2 * place] = raw.to_bytes(2, "big", signed=True)
    reply[frame.COUNTER_AT] = values.get("counter", 0)
    reply[frame.CHECKSUM_AT] = frame.checksum(reply)
    return bytes(reply)


def encode_frame(name: str, values: Mapping[str, Any]) -> bytes:
    """A reply to A that says `values`, as the instrument sends it."""
    reply = build_live(values)
    return reply if name.endswith(SERIAL) else frame.pack_reports(reply)


_DERIVED = {"samples", "live", "max_min_kind", "temperature_difference"}
_SAID = tuple(
    channel
    for channel in LIVE.channels
    if channel.name not in _DERIVED and not channel.name.startswith(("temperature_", "input_"))
)
# The wire's own steps; in °C they are eighteenths of a degree.
_RAW = tuple(
    Channel(f"fahrenheit_{number}", Kind.NUMBER, "°F", "", -1000, 3000, 1) for number in INPUTS
)
FRAMES = (("live", (*_SAID, *_RAW)), ("live-serial", (*_SAID, *_RAW)))


def vector_frame(entry: Mapping[str, Any]) -> tuple[str, bytes]:
    """Name and bytes of a vector's reply. Raises CodecError `no_frame` for one of another layer."""
    layer, request = entry.get("layer"), _hex(entry, "request_hex")
    if layer not in ("frame", "hid") or not request:
        raise CodecError("no_frame", "the vector is no reply")
    name = "identify" if chr(_command(request, layer)[1]) == frame.IDENTIFY else "live"
    reports = _hex(entry, "response_hex")
    if layer == "frame":
        return name + SERIAL, b"".join(reports)
    return name, b"".join(report.ljust(frame.REPORT_BYTES, b"\0") for report in reports)


def _command(request: list[bytes], layer: object) -> bytes:
    command = request[1][1:] if layer == "hid" and len(request) > 1 else request[0]
    if len(command) != frame.COMMAND_BYTES:
        raise CodecError("no_frame", "the vector's request is no command")
    return command


def _hex(entry: Mapping[str, Any], key: str) -> list[bytes]:
    try:
        return [bytes.fromhex(part) for part in str(entry.get(key, "")).split()]
    except ValueError as error:
        raise CodecError("bad_hex", f"{key} of the vector is no hexadecimal text") from error


def decode_vector(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The `decoded` of a vector of any layer. Raises CodecError for one that makes no sense."""
    layer, request = entry.get("layer"), _hex(entry, "request_hex")
    parts = _hex(entry, "response_hex")
    if layer == "schedule":
        return decode_schedule(entry.get("decoded") or {})
    if layer == "average":
        return decode_average(parts)
    if layer not in ("frame", "hid") or not request:
        raise CodecError("no_frame", f"the vector's layer {layer!r} is not known, or no request")
    return decode_reply(_command(request, layer), parts, hid=layer == "hid")
