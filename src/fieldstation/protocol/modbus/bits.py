"""Bits and words as Modbus packs them: bits from the lowest upwards, words high byte first."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def pack_bits(bits: Sequence[bool]) -> bytes:
    """Eight bits to the byte; the last byte is filled with zeros."""
    number = sum(1 << at for at, bit in enumerate(bits) if bit)
    return number.to_bytes((len(bits) + 7) // 8, "little")


def unpack_bits(data: bytes, count: int) -> tuple[bool, ...]:
    """The first `count` bits."""
    number = int.from_bytes(data, "little")
    return tuple(bool(number >> at & 1) for at in range(count))


def pack_words(words: Sequence[int]) -> bytes:
    """Two bytes to the word, 0 to 65535."""
    return struct.pack(f">{len(words)}H", *words)


def unpack_words(data: bytes) -> tuple[int, ...]:
    """The words in an even number of bytes."""
    return struct.unpack(f">{len(data) // 2}H", data)
