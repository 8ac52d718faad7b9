"""The memory of a simulated controller: words by address, and the areas that exist.

Words of an area that nobody wrote are 0; whatever lies outside is refused as an illegal address
(TriStar MPPT sheet, section 11.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fieldstation.instruments.tristar_mppt.forms import USUAL, Scale
from fieldstation.instruments.tristar_mppt.registers import BY_NAME, DOCUMENTED, encode_words
from fieldstation.model import Value
from fieldstation.protocol.modbus import refuse

# First and last address.
AREAS = (
    (0x0000, 0x005B),
    (0x1000, 0x1000),
    (0x100F, 0x1030),
    (0x1501, 0x1521),
    (0xE000, 0xE022),
    (0xE080, 0xE08C),
    (0xE0C0, 0xE0CD),
)
CONTROL = range(0x0058, 0x005C)
EEPROM = range(0xE000, 0xE023)
COILS = (
    0x0000, 0x0002, *range(0x0010, 0x0017), 0x0018, 0x0019, 0x00FF, *range(0x1000, 0x1004), 0x10FF
)  # fmt: skip


class Memory:
    """Words of one controller, scaled with `scale`."""

    def __init__(self, scale: Scale = USUAL) -> None:
        self.scale = scale
        self._words: dict[int, int] = {}
        # The charging logic asks for its settings at every step, and seldom does one change.
        self._numbers: dict[str, float] = {}

    def read(self, start: int, count: int) -> list[int]:
        """`count` words from `start`. Raises InstrumentRefused outside the areas."""
        _require(start, count)
        return [self._words.get(address, 0) for address in range(start, start + count)]

    def load(self, start: int, words: Sequence[int]) -> None:
        """Put words as they are."""
        _require(start, len(words))
        self._numbers.clear()
        self._words |= dict(enumerate(words, start))

    def put(self, values: Mapping[str, Value]) -> None:
        """Put values by register name."""
        self._numbers.clear()
        self._words |= encode_words(values, self.scale)

    def value(self, name: str) -> float:
        """The number that a register holds; 0 for none."""
        if name not in self._numbers:
            self._numbers[name] = self._number(name)
        return self._numbers[name]

    def _number(self, name: str) -> float:
        register = BY_NAME[name]
        words = [self._words.get(at, 0) for at in range(register.address, register.end)]
        part = words[::-1] if DOCUMENTED.turned(register) else words
        return float(register.form.decode(part, self.scale) or 0)


def _require(start: int, count: int) -> None:
    if not any(first <= start and start + count - 1 <= last for first, last in AREAS):
        raise refuse(2, f"{count} words at 0x{start:04X}")
