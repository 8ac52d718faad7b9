"""Captured exchanges of an SE521, over USB or a serial line."""

from __future__ import annotations

from fieldstation.instruments.se521 import frame
from fieldstation.instruments.se521.codec import SERIAL

NAMES = {frame.IDENTIFY: "identify", frame.LIVE: "live"}
# Behind the report that announces the command, and the first byte of its own.
COMMAND_AT = 9


def asked(request: bytes) -> str:
    """The name of the reply to a request; empty when it is none."""
    bare = request[:1] == bytes((frame.STX,))
    letter = request[1:2] if bare else request[COMMAND_AT + 1 : COMMAND_AT + 2]
    name = NAMES.get(letter.decode("latin-1"), "")
    return name + SERIAL if name and bare else name
