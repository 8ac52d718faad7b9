"""How registers hold values: scaled, counted, packed. Sections are those of the TriStar MPPT sheet.

1. Numbers are scaled with the terms that the unit itself gives, never with usual ones
   (test_scaling_with_fractions).
2. Every value goes back to the words that it came from
   (test_every_word_survives_decode_and_encode).
3. A number that the words cannot hold becomes the nearest that they can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from fieldstation.model import Value


@dataclass(frozen=True, slots=True)
class Scale:
    """The scaling terms of one unit (section 3): V and A."""

    v_pu: float
    i_pu: float


USUAL = Scale(180.0, 80.0)
"""Terms of all units seen so far, for words that come without their own."""


class Form(Protocol):
    """The way from words to a value and back. `size` counts words, highest first."""

    @property
    def size(self) -> int: ...

    def decode(self, words: Sequence[int], scale: Scale) -> Value: ...

    def encode(self, value: Value, scale: Scale) -> list[int]: ...


def _fitted(number: int, size: int, signed: bool) -> list[int]:
    """A whole number as words, cut to what they can hold."""
    bits = 16 * size
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    number = min(max(number, low), high) & (1 << bits) - 1
    return [number >> 16 * at & 0xFFFF for at in reversed(range(size))]


def _joined(words: Sequence[int], signed: bool = False) -> int:
    number = 0
    for word in words:
        number = number << 16 | word
    bits = 16 * len(words)
    return number - (1 << bits) if signed and number >> bits - 1 else number


@dataclass(frozen=True, slots=True)
class Scaled:
    """A number of `term` parts in `parts`."""

    term: Callable[[Scale], float]
    parts: int
    signed: bool = False
    size: int = 1

    def decode(self, words: Sequence[int], scale: Scale) -> Value:
        return _joined(words, self.signed) * self.term(scale) / self.parts

    def encode(self, value: Value, scale: Scale) -> list[int]:
        count = round(float(value or 0) * self.parts / self.term(scale))
        return _fitted(count, self.size, self.signed)

    def step(self, scale: Scale) -> float:
        """What one count is worth."""
        return self.term(scale) / self.parts


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number. `missing` are words that stand for no value, the first is written."""

    signed: bool = False
    size: int = 1
    missing: tuple[int, ...] = ()

    def decode(self, words: Sequence[int], scale: Scale) -> Value:
        return None if words[0] in self.missing else _joined(words, self.signed)

    def encode(self, value: Value, scale: Scale) -> list[int]:
        if value is None and self.missing:
            return [self.missing[0]]
        return _fitted(int(value or 0), self.size, self.signed)


@dataclass(frozen=True, slots=True)
class Decimal:
    """Packed decimal digits, four to the word: 0x0029 is 29. A digit above 9 makes no number."""

    size: int = 1

    def decode(self, words: Sequence[int], scale: Scale) -> Value:
        digits = f"{words[0]:04x}"
        return int(digits) if digits.isdecimal() else None

    def encode(self, value: Value, scale: Scale) -> list[int]:
        return [int(f"{min(int(value or 0), 9999):04d}", 16)]


@dataclass(frozen=True, slots=True)
class Text:
    """ASCII, low byte of each word first, ended by NUL; trailing blanks are no part of it."""

    size: int

    def decode(self, words: Sequence[int], scale: Scale) -> Value:
        data = _low_bytes_first(words).partition(b"\0")[0].rstrip(b" ")
        return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in data)

    def encode(self, value: Value, scale: Scale) -> list[int]:
        room = 2 * self.size
        data = str(value or "").encode("ascii", "replace")[:room].ljust(room, b"\0")
        return _words_low_first(data)


@dataclass(frozen=True, slots=True)
class Address:
    """Bytes of a network address, low byte of each word first, `mark` between them."""

    size: int
    mark: str
    digits: str

    def decode(self, words: Sequence[int], scale: Scale) -> Value:
        return self.mark.join(format(byte, self.digits) for byte in _low_bytes_first(words))

    def encode(self, value: Value, scale: Scale) -> list[int]:
        base = 16 if self.digits.endswith("X") else 10
        parts = str(value).split(self.mark) if value else ["0"] * 2 * self.size
        return _words_low_first(bytes(int(part, base) for part in parts))


@dataclass(frozen=True, slots=True)
class Version:
    """Major number in the high byte, minor in the low one."""

    size: int = 1

    def decode(self, words: Sequence[int], scale: Scale) -> Value:
        return f"{words[0] >> 8}.{words[0] & 0xFF}"

    def encode(self, value: Value, scale: Scale) -> list[int]:
        major, minor = str(value or "0.0").split(".")
        return [int(major) << 8 | int(minor)]


@dataclass(frozen=True, slots=True)
class Bit:
    """One bit of a word; the others are left out."""

    mask: int
    size: int = 1

    def decode(self, words: Sequence[int], scale: Scale) -> Value:
        return bool(words[0] & self.mask)

    def encode(self, value: Value, scale: Scale) -> list[int]:
        return [self.mask if value else 0]


def _low_bytes_first(words: Sequence[int]) -> bytes:
    return b"".join(word.to_bytes(2, "little") for word in words)


def _words_low_first(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]


def _one(_scale: Scale) -> float:
    return 1.0


FORMS: dict[str, Form] = {
    # Section 3, by the names of its classes.
    "V": Scaled(lambda scale: scale.v_pu, 1 << 15, signed=True),
    "A": Scaled(lambda scale: scale.i_pu, 1 << 15, signed=True),
    "W": Scaled(lambda scale: scale.v_pu * scale.i_pu, 1 << 17),
    "Ah": Scaled(_one, 10),
    "Ah32": Scaled(_one, 10, size=2),
    "rail12": Scaled(lambda _: 18.612, 1 << 15, signed=True),
    "rail3": Scaled(lambda _: 6.6, 1 << 15, signed=True),
    "rail18": Scaled(lambda _: 3.0, 1 << 15, signed=True),
    "TC": Scaled(lambda scale: scale.v_pu, 1 << 16),
    "pct": Scaled(lambda _: 100.0, 1 << 16),
    "slaveA": Scaled(lambda _: 80.0, 1 << 15, signed=True),
    "scale": Scaled(_one, 1 << 16, size=2),
    "n": Whole(),
    "n32": Whole(size=2),
    "degC": Whole(signed=True),
    # Section 4: a remote sensor that is not there reads 0x0080; 0xFF80 means the same.
    "rts": Whole(signed=True, missing=(0x0080, 0xFF80)),
    "bcd": Decimal(),
    "version": Version(),
    "text8": Text(4),
    "text16": Text(8),
    "ip": Address(2, ".", "d"),
    "mac": Address(3, ":", "02X"),
    "dhcp": Bit(0x4000),
    "bit0": Bit(1),
}
