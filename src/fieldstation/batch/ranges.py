"""Sets of sequence numbers as sorted, disjoint ranges with both ends included, never touching."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

Range = tuple[int, int]


class Ranges:
    """What was received of one boot, or is settled at one sink. Cheap where ranges grow at their
    end, as they nearly always do.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: Sequence[Range] = ()) -> None:
        self.pairs = list(pairs)

    def add(self, first: int, last: int) -> tuple[list[int], Range]:
        """Take in `first` to `last`: the starts of the ranges that are swallowed, and the range
        that stands in their place.
        """
        low, high = self._touched(first - 1, last + 1)
        swallowed = self.pairs[low:high]
        if swallowed:
            first, last = min(first, swallowed[0][0]), max(last, swallowed[-1][1])
        self.pairs[low:high] = [(first, last)]
        return [pair[0] for pair in swallowed], (first, last)

    def remove(self, first: int, last: int) -> None:
        """Take `first` to `last` out of the set."""
        low, high = self._touched(first, last)
        rest = []
        if low < high:
            rest = [(self.pairs[low][0], first - 1), (last + 1, self.pairs[high - 1][1])]
        self.pairs[low:high] = [pair for pair in rest if pair[0] <= pair[1]]

    def absent(self, first: int, last: int) -> list[Range]:
        """The parts of `first` to `last` that are not in the set."""
        gaps, start = [], first
        for low, high in self.known(first, last):
            if start < low:
                gaps.append((start, low - 1))
            start = high + 1
        return [*gaps, (start, last)] if start <= last else gaps

    def known(self, first: int, last: int) -> list[Range]:
        """The parts of `first` to `last` that are in the set."""
        low, high = self._touched(first, last)
        return [(max(first, a), min(last, b)) for a, b in self.pairs[low:high]]

    def missing(self, last: int, most: int) -> tuple[Range, ...]:
        """The first `most` gaps between ranges, below `last`."""
        gaps: list[Range] = []
        for (_, before), (after, _) in zip(self.pairs, self.pairs[1:], strict=False):
            if before >= last or len(gaps) == most:
                break
            gaps.append((before + 1, min(after - 1, last)))
        return tuple(gaps)

    def _touched(self, first: int, last: int) -> tuple[int, int]:
        """The slice of ranges that share a number with `first` to `last`."""
        low = bisect_left(self.pairs, first, key=lambda pair: pair[1])
        high = low
        while high < len(self.pairs) and self.pairs[high][0] <= last:
            high += 1
        return low, high
