"""The smallest pieces of the batch format: variable-length integers, byte planes, a bounded cursor.

1. An unsigned integer is written seven bits at a time, lowest first; the high bit says that more
   follow. At most nine bytes, so no integer reaches 2^63.
2. A signed integer is folded first: 0, -1, 1, -2 become 0, 1, 2, 3.
3. A table of fixed-width integers is written as byte planes: all lowest bytes, then all second
   bytes, and so on. Small numbers leave long runs of zeros that compress to almost nothing.
"""

from __future__ import annotations

from fieldstation.errors import CodecError

_LONGEST_VARINT = 9


def varint(number: int) -> bytes:
    """An unsigned integer below 2^63 (rule 1)."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def signed(number: int) -> bytes:
    """A signed integer of at most 62 bits (rule 2)."""
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def text(words: str) -> bytes:
    """UTF-8 with its length before it."""
    raw = words.encode()
    return varint(len(raw)) + raw


def planes(data: bytes, width: int) -> bytes:
    """Little-endian elements of `width` bytes as byte planes (rule 3)."""
    return b"".join(data[place::width] for place in range(width))


def elements(data: bytes, width: int) -> bytes:
    """The elements written by `planes`."""
    out = bytearray(len(data))
    count = len(data) // width
    for place in range(width):
        out[place::width] = data[place * count : (place + 1) * count]
    return bytes(out)


class Cursor:
    """Reads pieces from bytes in order. Every method raises CodecError `truncated` at the end."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self.at + size
        if end > len(self.data):
            raise CodecError(
                "truncated",
                f"the batch ends after {self.left} of {size} bytes",
                data=self.data,
                offset=self.at,
            )
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def varint(self) -> int:
        """An unsigned integer (rule 1); CodecError `bad_field` when it runs over nine bytes."""
        start, shift, number = self.at, 0, 0
        if start < len(self.data) and self.data[start] < 0x80:
            self.at = start + 1
            return self.data[start]
        for place, byte in enumerate(self.data[start : start + _LONGEST_VARINT], start + 1):
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                self.at = place
                return number
            shift += 7
        kind = "bad_field" if self.left >= _LONGEST_VARINT else "truncated"
        raise CodecError(kind, "an integer does not end", data=self.data, offset=start)

    def signed(self) -> int:
        """A signed integer (rule 2)."""
        folded = self.varint()
        return folded >> 1 ^ -(folded & 1)

    def text(self, longest: int) -> str:
        """A text of at most `longest` characters without control characters."""
        start = self.at
        size = self.varint()
        try:
            words = self.take(size).decode() if size <= 4 * longest else ""
        except UnicodeDecodeError as error:
            raise CodecError(
                "bad_field", "a name is not UTF-8", data=self.data, offset=start
            ) from error
        if not 1 <= len(words) <= longest or not words.isprintable():
            raise CodecError(
                "bad_field",
                f"a name is empty, longer than {longest} characters or holds control characters",
                data=self.data,
                offset=start,
            )
        return words
