"""Vector entries as the OPC-N3 sheet shapes them (section 16): four layers, both directions.

Here a wrong checksum still gives values, so that both can be tested; the driver never sees them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.opc_n3 import blocks
from fieldstation.instruments.opc_n3.adapter import decode_adapter
from fieldstation.instruments.opc_n3.commands import (
    BY_CODE,
    SAVE_KEY,
    TARGETS,
    Command,
)
from fieldstation.instruments.opc_n3.frame import ready_at
from fieldstation.protocol import usb_iss as iss
from fieldstation.protocol.checksum import crc16_modbus

LAYERS = ("crc16", "opc-spi", "usb-iss", "usb-iss+opc")


def decode_vector(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The `decoded` of one vector. Raises CodecError `bad_hex` or `unsupported` for an entry that
    is none.
    """
    sent, heard = _hex(entry, "request_hex"), _hex(entry, "response_hex")
    match entry.get("layer"):
        case "crc16":
            crc = crc16_modbus(sent)
            return {"crc": crc, "crc_hex": f"0x{crc:04X}", "data_length": len(sent)}
        case "opc-spi":
            return _plain(decode_transaction(sent, heard))
        case "usb-iss":
            return decode_adapter(_frames(entry, "request_hex"), _frames(entry, "response_hex"))
        case "usb-iss+opc":
            values = _plain(decode_transaction(_unwrapped(entry, sent), _unwrapped(entry, heard)))
            values.pop("busy_polls", None)
            return values
    raise CodecError("unsupported", f"the layer is none of {', '.join(LAYERS)}")


def vector_frame(entry: Mapping[str, Any]) -> tuple[str, bytes]:
    """Command and reply of an `opc-spi` entry. Raises CodecError `unsupported` for any other."""
    sent = _hex(entry, "request_hex")
    command = BY_CODE.get(sent[0]) if sent and entry.get("layer") == "opc-spi" else None
    if command is None or not command.reads:
        raise CodecError("unsupported", "the entry is no reply that brings data")
    return command.name, _hex(entry, "response_hex")


def decode_transaction(sent: bytes, heard: bytes) -> dict[str, Any]:
    """One transaction from all bytes of both ways. What went wrong stands under `status`."""
    if not sent or len(sent) != len(heard):
        return {"status": "short_read"}
    command = BY_CODE.get(sent[0])
    if command is None:
        return {"status": "protocol_error"}
    try:
        at = ready_at(heard)
    except CodecError as error:
        return {"status": error.kind}
    polls = sent if at is None else sent[: at + 1]
    if any(byte != command.code for byte in polls):
        return {"status": "command_aborted"}
    if at is None:
        return {"command": command.name, "ready": False}
    return _decoded(command, at, sent[at + 1 :], heard[at + 1 :])


def _decoded(command: Command, at: int, payload: bytes, data: bytes) -> dict[str, Any]:
    values: dict[str, Any] = {"command": command.name}
    if len(data) != command.reads + command.writes:
        expected = command.reads + command.writes
        return values | {
            "length": len(data), "status": "short_read", "expected_length": expected,
        }  # fmt: skip
    if command.writes and data != bytes((command.code,)) + payload[:-1]:
        return values | {"status": "protocol_error"}
    match command.name:
        case "read_histogram" | "read_pm":
            whole = command.name == "read_histogram"
            block = blocks.decode_histogram(data) if whole else blocks.decode_pm(data)
            return values | block | {"status": blocks.status_of(block)}
        case "write_power":
            return values | _option(payload[0]) | {"busy_polls": at}
        case "set_digital_pot":
            return values | {"channel": ("fan", "laser")[payload[0] & 1], "value": payload[1]}
        case "set_bin_weighting_index":
            return values | {"index": payload[0]}
        case "save_config":
            return values if payload == SAVE_KEY else values | {"status": "protocol_error"}
        case "write_config":
            return blocks.decode_config(payload) | values | {"payload_length": len(payload)}
        case "read_config":
            return blocks.decode_config(data) | values
        case "read_power_status":
            return values | blocks.decode_power(data)
        case "read_info":
            return values | blocks.decode_info(data)
        case "read_serial":
            return values | blocks.decode_serial(data)
        case "read_firmware":
            return values | blocks.decode_firmware(data)
    return values | {"ready": True}


def _option(option: int) -> dict[str, Any]:
    target = TARGETS.get(option >> 1, f"target_{option >> 1}")
    return {"option": option, "target": target, "state": bool(option & 1)}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Floats that JSON cannot hold as words."""
    words = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    return {
        key: words[str(value)] if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }


def _unwrapped(entry: Mapping[str, Any], data: bytes) -> bytes:
    """SPI bytes of frames that carry one each."""
    if len(data) % 2 or not set(data[::2]) <= {iss.SPI, iss.ACK}:
        raise CodecError("unsupported", f"entry {entry.get('id')} has frames of other length")
    return data[1::2]


def _hex(entry: Mapping[str, Any], key: str) -> bytes:
    return b"".join(_frames(entry, key))


def _frames(entry: Mapping[str, Any], key: str) -> list[bytes]:
    try:
        return [bytes.fromhex(part) for part in str(entry[key]).split()]
    except (KeyError, ValueError) as error:
        raise CodecError("bad_hex", f"{key} of the entry is no hexadecimal text") from error
