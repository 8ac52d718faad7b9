"""The smallest instrument: it answers a number with that number, so every wrong pairing shows.

Request `?17` and a line feed, reply `=17`, a blank, the CRC-32 of what stands before it in hex, a
line feed. `who` is answered `echo`, anything else `no`, in the same frame.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from fieldstation.errors import ChecksumMismatch, CodecError, InstrumentRefused
from fieldstation.model import Conversation, Exchange, Outgoing, ask


class EchoTwin:
    """The instrument's twin. Each answer takes `delay_s`; `requests` keeps what was asked."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.requests: list[bytes] = []
        self._delay_s = delay_s
        self._heard = b""

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """As `Twin.receive`."""
        *requests, self._heard = (self._heard + data).split(b"\n")
        self.requests += requests
        return [Outgoing(_answer(request), self._delay_s) for request in requests]


def _answer(request: bytes) -> bytes:
    if request == b"who":
        return frame(b"echo")
    return frame(b"=" + request[1:] if request.startswith(b"?") else b"no")


def frame(text: bytes) -> bytes:
    """`text` as it goes over the wire."""
    return b"%s %08x\n" % (text, zlib.crc32(text))


def frame_end(heard: bytes) -> int | None:
    """A frame ends at its line feed."""
    return heard.find(b"\n") + 1 or None


def decode(data: bytes) -> bytes:
    """The text of a frame. Raises ChecksumMismatch, InstrumentRefused."""
    text = data.rpartition(b" ")[0]
    if frame(text) != data:
        raise ChecksumMismatch("the echo's checksum is wrong", data=data)
    if text == b"no":
        raise InstrumentRefused("no", "the echo answers numbers only")
    return text


def decode_number(data: bytes) -> int:
    """The number in a frame. Raises CodecError for a frame that holds none."""
    text = decode(data)
    if not text.startswith(b"="):
        raise CodecError("unexpected_reply", "a number was asked for", data=data)
    return int(text[1:])


def _decode_who(data: bytes) -> bytes:
    if (text := decode(data)) != b"echo":
        raise CodecError("unexpected_reply", "the name was asked for", data=data)
    return text


RESYNC = Exchange(b"who\n", frame_end, _decode_who, name="who")


def number(number: int, *, timeout_s: float = 2.5, attempts: int = 3) -> Conversation[int]:
    """A conversation that asks for `number`."""
    exchange = Exchange(
        b"?%d\n" % number, frame_end, decode_number, timeout_s, attempts=attempts, name=f"?{number}"
    )
    return (yield from ask(exchange))
