"""Modbus requests that write coils and holding registers."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from fieldstation.errors import CodecError
from fieldstation.protocol.modbus.bits import pack_bits, pack_words
from fieldstation.protocol.modbus.request import Request, limit


class _Write(Request[None]):
    """A request whose reply repeats its first five bytes."""

    def reply_size(self, pdu: bytes) -> int | None:
        return 5

    def encode_reply(self, value: None = None) -> bytes:
        return self.encode()[:5]

    def _value(self, pdu: bytes) -> None:
        if pdu != self.encode()[:5]:
            raise CodecError("wrong_echo", f"the reply does not repeat the {self}", data=pdu)


@dataclass(frozen=True)
class WriteBit(_Write):
    """One coil (function 5, section 6.5)."""

    address: int
    on: bool
    function: int = field(default=5, init=False)

    def __str__(self) -> str:
        return f"write of coil 0x{self.address:04X}"

    def encode(self) -> bytes:
        return struct.pack(">BHH", self.function, self.address, 0xFF00 if self.on else 0)


@dataclass(frozen=True)
class WriteWord(_Write):
    """One holding register (function 6, section 6.6)."""

    address: int
    value: int
    function: int = field(default=6, init=False)

    def __post_init__(self) -> None:
        limit(0 <= self.value <= 0xFFFF, str(self))

    def __str__(self) -> str:
        return f"write of word 0x{self.address:04X}"

    def encode(self) -> bytes:
        return struct.pack(">BHH", self.function, self.address, self.value)


@dataclass(frozen=True)
class WriteBits(_Write):
    """1 to 1968 coils from `start` (function 15, section 6.11)."""

    start: int
    values: tuple[bool, ...]
    function: int = field(default=15, init=False)

    def __post_init__(self) -> None:
        limit(1 <= len(self.values) <= 1968, str(self))

    def __str__(self) -> str:
        return f"write of {len(self.values)} coils at 0x{self.start:04X}"

    def encode(self) -> bytes:
        data = pack_bits(self.values)
        head = struct.pack(">BHHB", self.function, self.start, len(self.values), len(data))
        return head + data


@dataclass(frozen=True)
class WriteWords(_Write):
    """1 to 123 holding registers from `start` (function 16, section 6.12)."""

    start: int
    values: tuple[int, ...]
    function: int = field(default=16, init=False)

    def __post_init__(self) -> None:
        limit(1 <= len(self.values) <= 123, str(self))
        limit(all(0 <= value <= 0xFFFF for value in self.values), str(self))

    def __str__(self) -> str:
        return f"write of {len(self.values)} words at 0x{self.start:04X}"

    def encode(self) -> bytes:
        data = pack_words(self.values)
        head = struct.pack(">BHHB", self.function, self.start, len(self.values), len(data))
        return head + data
