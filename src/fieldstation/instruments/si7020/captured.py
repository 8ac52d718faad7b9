"""Captured transactions of an Si7020."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fieldstation.instruments.si7020.driver import SERIAL_A, SERIAL_B
from fieldstation.instruments.si7020.words import crc8
from fieldstation.protocol.i2c import passed

# What a read brings, by the command before it; the result of a measurement has none.
NAMES = {b"": "humidity", b"\xe0": "temperature_kept", b"\xe7": "user_register"}
SERIAL_B_BYTES = 6


def frames(exchanges: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Each word, and the reading that the user register makes whole."""
    parts: dict[str, bytes] = {}
    for request, reply in exchanges:
        write, read = passed(request, reply)
        name = NAMES.get(write, "") if read else ""
        found = [(name, read)] if name else []
        if name:
            parts[name] = read
        if name == "user_register" and len(parts) == len(NAMES):
            found.append(("reading", b"".join(parts[each] for each in NAMES.values())))
            parts = {}
        yield found


def mask(request: bytes, frame: bytes) -> bytes:
    """The two replies with the serial number, in zeros but for the part code, which is its fifth
    byte; behind the bytes stand running checksums.
    """
    write, read = passed(request, frame)
    if write == SERIAL_A:
        return frame[:1] + bytes(len(read))
    if write != SERIAL_B or len(read) != SERIAL_B_BYTES:
        return frame
    part, two, four = read[:1], read[:1] + bytes(1), read[:1] + bytes(3)
    return frame[:1] + part + bytes((0, crc8(two), 0, 0, crc8(four)))
