"""Captured Modbus frames of a TriStar MPPT, serial or TCP."""

from __future__ import annotations

from typing import Any

from fieldstation.errors import CodecError, InstrumentRefused
from fieldstation.instruments.tristar_mppt.vectors import decode_vector
from fieldstation.protocol.modbus import Rtu


def asked(request: bytes) -> str:
    """The name of the reply to a request: the request in hexadecimal."""
    return request.hex()


def decode(request: bytes, frame: bytes) -> dict[str, Any]:
    """What is in the reply to `request`. Raises CodecError."""
    kind = "rtu_frame" if _is_rtu(request) else "tcp_frame"
    return decode_vector({"kind": kind, "request": request.hex(), "response": frame.hex()})


def seal(request: bytes, frame: bytes) -> bytes:
    """A serial reply with its CRC made good; on TCP there is none."""
    return Rtu().seal(frame[0], frame[1:-2]) if _is_rtu(request) else frame


def _is_rtu(request: bytes) -> bool:
    try:
        Rtu().unseal(request)
    except (CodecError, InstrumentRefused):
        return False
    return True
