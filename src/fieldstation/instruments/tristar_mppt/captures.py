"""Captured Modbus frames of a TriStar MPPT, serial or TCP."""

from __future__ import annotations

from typing import Any

from fieldstation.errors import CodecError, InstrumentRefused
from fieldstation.protocol.modbus import Rtu


def asked(request: bytes) -> str:
    """The name of the reply to a request: the request in hexadecimal."""
    return request.hex()


def vector(name: str, request: bytes, frame: bytes) -> dict[str, Any]:
    """The fields of a vector of one exchange."""
    kind = "rtu_frame" if _is_rtu(request) else "tcp_frame"
    return {"kind": kind, "request": name, "response": frame.hex()}


def _is_rtu(request: bytes) -> bool:
    try:
        Rtu().unseal(request)
    except (CodecError, InstrumentRefused):
        return False
    return True
