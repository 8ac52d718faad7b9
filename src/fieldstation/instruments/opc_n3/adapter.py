"""Vector entries about the USB-ISS adapter that an OPC-N3 is usually behind (OPC-N3 sheet, section
11): what the adapter was told and what it said.
"""

from __future__ import annotations

from typing import Any

from fieldstation.errors import CodecError
from fieldstation.protocol import usb_iss as iss

SPI_MODES = {code: mode for mode, code in iss.SPI_MODES.items()}


def decode_adapter(sent: list[bytes], heard: list[bytes]) -> dict[str, Any]:
    """One command and its reply, or a sequence of them by name."""
    if len(sent) > 1:
        return {"sequence": [_title(frame) for frame in sent]}
    if not sent or not sent[0]:
        raise CodecError("unsupported", "the entry holds no frame for the adapter")
    return _decoded(sent[0], b"".join(heard))


def _decoded(frame: bytes, reply: bytes) -> dict[str, Any]:
    if frame == iss.VERSION:
        return {"command": "ISS_VERSION"} | _version(reply)
    if frame == iss.SERIAL:
        serial = {"serial": reply.decode("ascii", "replace")}
        return {"command": "GET_SER_NUM"} | (serial if len(reply) == 8 else _SHORT)
    if frame[0] == iss.SPI:
        return {"command": "SPI"} | _spi(frame[1:], reply)
    if len(frame) == 4 and frame[:2] == bytes((iss.SETUP, iss.SET_MODE)):
        return {"command": "ISS_MODE"} | _mode(frame, reply)
    raise CodecError("unsupported", "no vector describes this adapter command", data=frame)


_SHORT = {"status": "short_read"}


def _version(reply: bytes) -> dict[str, Any]:
    try:
        version = iss.decode_version(reply)
    except CodecError as error:
        return {"status": error.kind}
    return {"module_id": version.module, "firmware": version.firmware, "mode": version.mode}


def _mode(frame: bytes, reply: bytes) -> dict[str, Any]:
    try:
        refusal = iss.decode_mode(reply)
    except CodecError as error:
        return {"status": error.kind}
    if refusal is not None:
        return {"ack": False, "error": refusal.word, "code": refusal.reason}
    mode, divisor = SPI_MODES.get(frame[2]), frame[3]
    if mode is None:
        return {"mode": frame[2], "ack": True}
    hz = iss.SPI_BASE_HZ // (max(divisor, 1) + 1)
    return {"spi_mode": mode, "divisor": divisor, "sck_hz": hz, "ack": True}


def _spi(data: bytes, reply: bytes) -> dict[str, Any]:
    if not reply:
        return {"status": "no_reply"}
    try:
        heard = iss.decode_spi(reply)
    except CodecError:
        return {"status": "protocol_error"}
    if isinstance(heard, iss.Refusal):
        return {"ack": False, "status": "nack"}
    short = _SHORT if len(heard) < len(data) else {}
    return short | {"ack": True, "miso": heard.hex()}


def _title(frame: bytes) -> str:
    if frame == iss.VERSION:
        return "ISS_VERSION"
    if frame == iss.SERIAL:
        return "GET_SER_NUM"
    if len(frame) == 4:
        return f"ISS_MODE 0x{frame[2]:02X}/{frame[3]}"
    return frame.hex()
