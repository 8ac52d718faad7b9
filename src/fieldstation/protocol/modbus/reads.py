"""Modbus requests that read: bits, words, the device identification. They change nothing."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fieldstation.errors import CodecError
from fieldstation.protocol.modbus.bits import pack_bits, pack_words, unpack_bits, unpack_words
from fieldstation.protocol.modbus.request import Request, counted, limit


@dataclass(frozen=True)
class ReadBits(Request[tuple[bool, ...]]):
    """Coils (function 1, section 6.1) or discrete inputs (2, section 6.2): 1 to 2000 from
    `start`.
    """

    start: int
    count: int
    function: int = 1

    def __post_init__(self) -> None:
        limit(1 <= self.count <= 2000, str(self))

    def __str__(self) -> str:
        return f"read of {self.count} bits at 0x{self.start:04X}"

    def encode(self) -> bytes:
        return struct.pack(">BHH", self.function, self.start, self.count)

    def reply_size(self, pdu: bytes) -> int | None:
        return 2 + self._bytes

    def encode_reply(self, value: Sequence[bool]) -> bytes:
        return bytes([self.function, self._bytes]) + pack_bits(value)

    def _value(self, pdu: bytes) -> tuple[bool, ...]:
        return unpack_bits(counted(pdu, self._bytes, self), self.count)

    @property
    def _bytes(self) -> int:
        return (self.count + 7) // 8


@dataclass(frozen=True)
class ReadWords(Request[tuple[int, ...]]):
    """Holding registers (function 3, section 6.3) or input registers (4, section 6.4): 1 to 125
    words of 16 bits from `start`.
    """

    start: int
    count: int
    function: int = 4

    def __post_init__(self) -> None:
        limit(1 <= self.count <= 125, str(self))

    def __str__(self) -> str:
        return f"read of {self.count} words at 0x{self.start:04X}"

    def encode(self) -> bytes:
        return struct.pack(">BHH", self.function, self.start, self.count)

    def reply_size(self, pdu: bytes) -> int | None:
        return 2 + 2 * self.count

    def encode_reply(self, value: Sequence[int]) -> bytes:
        return bytes([self.function, 2 * self.count]) + pack_words(value)

    def _value(self, pdu: bytes) -> tuple[int, ...]:
        return unpack_words(counted(pdu, 2 * self.count, self))


@dataclass(frozen=True)
class Identification:
    """One page of a unit's description: texts by object number (0 vendor, 1 product code, 2
    revision), `following` the object that the next page begins with, None on the last.
    """

    objects: Mapping[int, str]
    following: int | None = None
    conformity: int = 1


@dataclass(frozen=True)
class ReadIdentity(Request[Identification]):
    """The unit's description (function 43, MEI type 14, section 6.21): `level` 1 basic, 2 regular,
    3 extended, 4 one object; from object `first`.
    """

    level: int = 1
    first: int = 0
    function: int = field(default=0x2B, init=False)

    def __post_init__(self) -> None:
        limit(1 <= self.level <= 4, str(self))

    def __str__(self) -> str:
        return "read of the device identification"

    def encode(self) -> bytes:
        return bytes([self.function, 0x0E, self.level, self.first])

    def reply_size(self, pdu: bytes) -> int | None:
        if len(pdu) < 7:
            return None
        at = 7
        for _ in range(pdu[6]):
            if len(pdu) < at + 2:
                return None
            at += 2 + pdu[at + 1]
        return at

    def encode_reply(self, value: Identification) -> bytes:
        more = value.following is not None
        head = [self.function, 0x0E, self.level, value.conformity, 0xFF * more]
        pdu = bytes([*head, value.following or 0, len(value.objects)])
        for number, text in value.objects.items():
            pdu += bytes([number, len(text)]) + text.encode("ascii")
        return pdu

    def _value(self, pdu: bytes) -> Identification:
        if self.reply_size(pdu) != len(pdu) or pdu[1:3] != bytes([0x0E, self.level]):
            raise CodecError("bad_length", "the device identification is cut or torn", data=pdu)
        objects, at = {}, 7
        for _ in range(pdu[6]):
            end = at + 2 + pdu[at + 1]
            objects[pdu[at]] = pdu[at + 2 : end].decode("ascii", "replace")
            at = end
        return Identification(objects, pdu[5] if pdu[4] else None, pdu[3])
