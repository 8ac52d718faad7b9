"""One transaction as it crosses the bus: what the unit sends while a command is clocked out.

1. While the unit is busy it sends 31, then F3 once, then the bytes of the command (OPC-N3 sheet,
   section 3). More than 20 polls, or any other byte before F3, is no transaction.
2. A captured stream finds its place again: where a block has a checksum or an order that must hold,
   a frame that breaks it is no frame (test_conformance).
"""

from __future__ import annotations

from fieldstation.errors import ChecksumMismatch, CodecError
from fieldstation.instruments.opc_n3 import blocks
from fieldstation.instruments.opc_n3.commands import (
    BUSY,
    MOST_POLLS,
    READ_CONFIG,
    READ_HISTOGRAM,
    READ_PM,
    READY,
    Command,
)
from fieldstation.model.talk import FrameEnd

# Busy bytes, ready, the longest block.
FRAME_LIMIT = MOST_POLLS + 1 + 1 + READ_CONFIG.reads


def ready_at(reply: bytes) -> int | None:
    """Where F3 is; None while only busy bytes have come. Raises CodecError `protocol_error`,
    `stale_ready`, `busy_timeout`.
    """
    for at, byte in enumerate(reply[: MOST_POLLS + 1]):
        if byte == READY and at == 0:
            raise CodecError("stale_ready", "the first byte says ready already; an aborted"
                             " transaction is left over", data=reply)  # fmt: skip
        if byte == READY:
            return at
        if byte != BUSY:
            raise CodecError("protocol_error", "this is neither busy (31) nor ready (F3)",
                             data=reply, offset=at)  # fmt: skip
    if len(reply) > MOST_POLLS:
        raise CodecError("busy_timeout", f"still busy after {MOST_POLLS} polls", data=reply)
    return None


def open_reply(command: Command, reply: bytes) -> bytes:
    """The block behind "ready". Raises CodecError as `ready_at`, and `short_read` for a block that
    is not whole.
    """
    at = ready_at(reply)
    data = b"" if at is None else reply[at + 1 :]
    if at is None or len(data) != command.reads:
        raise CodecError(
            "short_read", f"{command.name} has {command.reads} bytes, {len(data)} came", data=reply
        )
    return data


def close_reply(data: bytes) -> bytes:
    """`data` as a unit sends it that was ready at the second poll."""
    return bytes((BUSY, READY)) + data


def frame_end(command: Command) -> FrameEnd:
    """Where the reply to `command` ends in a captured stream."""

    def end(data: bytes) -> int | None:
        at = ready_at(data)
        length = None if at is None else at + 1 + command.reads
        if length is None or len(data) < length:
            return None
        check(command, data[length - command.reads : length])
        return length

    return end


def check(command: Command, block: bytes) -> None:
    """Raise CodecError when a whole block cannot be what it should be."""
    if command in (READ_HISTOGRAM, READ_PM):
        crc = blocks.crc(block)
        if not crc["crc_ok"]:
            raise ChecksumMismatch(
                f"checksum {crc['crc_received']:04X}, the bytes give {crc['crc_computed']:04X}",
                data=block,
            )
    if command == READ_CONFIG:
        blocks.decode_config(block)
