"""Captured transactions of an OPC-N3: the polls of a command, then its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fieldstation.instruments.opc_n3.codec import CHECKED, DECODERS
from fieldstation.instruments.opc_n3.commands import BY_CODE, READY
from fieldstation.protocol.checksum import crc16_modbus


def frames(exchanges: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """A frame with the exchange that brings its block."""
    polls, polled = b"", b""
    for request, reply in exchanges:
        ready = polls.endswith(bytes((READY,)))
        if ready and request[:1] == polled and (name := _read(request)):
            yield [(name, polls + reply)]
            polls = b""
            continue
        yield []
        goes_on = not ready and request == polled
        polls, polled = (polls + reply if goes_on else reply), request


def seal(request: bytes, frame: bytes) -> bytes:
    """A block with its CRC made good, where it has one."""
    if _read(request) not in CHECKED:
        return frame
    return frame[:-2] + crc16_modbus(frame[:-2]).to_bytes(2, "little")


def _read(request: bytes) -> str:
    """The command whose block `request` clocks out; empty for anything else."""
    command = BY_CODE.get(request[0]) if request else None
    whole = command is not None and request == bytes((command.code,)) * command.reads
    return command.name if command and whole and command.name in DECODERS else ""
