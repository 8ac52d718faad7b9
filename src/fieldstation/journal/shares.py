"""Lost readings of which only the count is known, shared out by what lies around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

Kind = tuple[str, str]
"""Instrument, name of the layout."""


class Side(NamedTuple):
    """What lies next to lost numbers: the run, the nearest time, and how many readings there are of
    which kind.
    """

    boot: bytes
    utc_us: int
    shares: Counter[Kind]


def spread(count: int, start_us: int, end_us: int) -> tuple[int, int]:
    """When the first and the last of `count` readings were due that lie between two times."""
    end_us = max(start_us, end_us)
    step_us = (end_us - start_us) // (count + 1)
    return start_us + step_us, end_us - step_us


def shared(count: int, shares: Counter[Kind]) -> Iterator[tuple[Kind, int]]:
    """`count` cut in parts that are to each other as the shares; none is empty."""
    whole, given, passed = shares.total(), 0, 0
    for key, share in sorted(shares.items()):
        passed += share
        part = (2 * count * passed + whole) // (2 * whole) - given
        given += part
        if part:
            yield key, part
