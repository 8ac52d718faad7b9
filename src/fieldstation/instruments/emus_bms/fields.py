"""How one field of a sentence becomes channel values and back (Emus BMS sheet, section 4).

An empty field is a null of each of its channels. Offsets are added before scaling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fieldstation.instruments.emus_bms.grammar import malformed

Values = dict[str, Any]
"""Channel values by name; lists where a sentence carries a list."""

# 13 digits stay exact in a float; no field has more than 8.
_HEX = re.compile(r"[0-9A-Fa-f]{1,13}\Z")
_DECIMAL = re.compile(r"[0-9]{1,10}\Z")
EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001  # the unit's clock has no zone (section 8)
LATEST_S = 0xFFFF_FFFF


def hex_number(text: str, *, signed: bool = False) -> int:
    """The number of a hex field; `signed` takes two's complement over the digits that were sent.
    Raises CodecError.
    """
    if not _HEX.match(text):
        raise malformed(f"{text!r} is no hexadecimal number", text)
    number = int(text, 16)
    half = 1 << (4 * len(text) - 1)
    return number - 2 * half if signed and number >= half else number


def decimal_number(text: str) -> int:
    """The number of a decimal field. Raises CodecError."""
    if not _DECIMAL.match(text):
        raise malformed(f"{text!r} is no decimal number", text)
    return int(text)


def hex_bytes(text: str) -> list[int]:
    """The elements of a byte array, two digits each. Raises CodecError."""
    if len(text) % 2:
        raise malformed("a byte array with half a byte", text)
    return [hex_number(text[at : at + 2]) for at in range(0, len(text), 2)]


def timestamp(text: str) -> tuple[int | None, str | None]:
    """Seconds since 2000 as sent, and as ISO 8601 without a zone; no time is sent as 0 or nothing
    (section 8). Raises CodecError.
    """
    if not text:
        return None, None
    raw = hex_number(text)
    if raw > LATEST_S:
        raise malformed("a time after the year 2136", text)
    return raw, (EPOCH + timedelta(seconds=raw)).isoformat() if raw else None


@dataclass(frozen=True, slots=True)
class Number:
    """A hex number, value = (raw + offset) * times / over. `digits` is what the unit usually sends;
    `decimals` rounds the quotient. Without `over` the value is a whole number.
    """

    channel: str
    digits: int = 2
    offset: int = 0
    times: int = 1
    over: int = 0
    decimals: int = 2
    signed: bool = False

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of what this field gives."""
        return (self.channel,)

    def decode(self, text: str) -> Values:
        """The value. Raises CodecError."""
        return {self.channel: self.scale(hex_number(text, signed=self.signed))}

    def scale(self, raw: int) -> float | int:
        """The value of a raw number."""
        value = (raw + self.offset) * self.times
        return round(value / self.over, self.decimals) if self.over else value

    def encode(self, values: Mapping[str, Any]) -> str:
        """The field that comes nearest to the value; empty for a null."""
        value = values.get(self.channel)
        if value is None:
            return ""
        raw = round(value * (self.over or 1) / self.times) - self.offset
        low = -(1 << (4 * self.digits - 1)) if self.signed else 0
        high = low + (1 << (4 * self.digits)) - 1
        return f"{min(max(raw, low), high) % (1 << 4 * self.digits):0{self.digits}X}"


@dataclass(frozen=True, slots=True)
class Flags:
    """Bits by number, bit 0 the least; `raw` names the channel of the whole number."""

    bits: Mapping[int, str]
    digits: int = 2
    raw: str = ""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of what this field gives."""
        return ((self.raw,) if self.raw else ()) + tuple(self.bits.values())

    def decode(self, text: str) -> Values:
        """One boolean per bit. Raises CodecError."""
        number = hex_number(text)
        values: Values = {self.raw: number} if self.raw else {}
        return values | {name: bool(number >> bit & 1) for bit, name in self.bits.items()}

    def encode(self, values: Mapping[str, Any]) -> str:
        """The field with the bits that are true."""
        number = sum(1 << bit for bit, name in self.bits.items() if values.get(name))
        return f"{number:0{self.digits}X}"


@dataclass(frozen=True, slots=True)
class Code:
    """A hex code and its label."""

    channel: str
    labels: Mapping[int | str, str]

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of what this field gives."""
        return (self.channel, f"{self.channel}_label")

    def decode(self, text: str) -> Values:
        """Code and label. Raises CodecError."""
        code = hex_number(text)
        return {self.channel: code, f"{self.channel}_label": label(self.labels, code)}

    def encode(self, values: Mapping[str, Any]) -> str:
        """The code's two digits."""
        return f"{values[self.channel]:02X}"


def label(labels: Mapping[int | str, str], code: int) -> str:
    """The word for a code; `unknown_<n>` for one that the sheet does not list (section 7)."""
    return labels.get(code) or f"unknown_{code}"


Field = Number | Flags | Code
