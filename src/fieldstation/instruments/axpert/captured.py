"""Captured bytes of an Axpert: what was asked, and replies with their checksum made good."""

from __future__ import annotations

from fieldstation.errors import CodecError
from fieldstation.instruments.axpert.frame import crc_fits, encode_reply


def asked(request: bytes) -> str:
    """The command of a request, which is also the name of its reply; empty when it is none."""
    text, crc = request[:-3], request[-3:-1]
    whole = request.endswith(b"\r") and text.isascii() and crc_fits(text, crc)
    return text.decode("ascii") if whole else ""


def seal(_request: bytes, frame: bytes) -> bytes:
    """A reply with the CRC of what it says; what stands around it stays. Raises CodecError
    `bad_start`.
    """
    start, end = frame.find(b"("), frame.find(b"\r")
    text = frame[start + 1 : end - 2]
    if not 0 <= start < end - 2 or not text.isascii():
        raise CodecError("bad_start", "no whole reply to seal", data=frame)
    return frame[:start] + encode_reply(text.decode("ascii")) + frame[end + 1 :]
