"""Chance without a generator: the same key gives the same number, in any order and on any machine.

Twins need weather, latency and faults that repeat for a seed; a number drawn by key needs no state
and no clock.
"""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import blake2b


# A day is drawn in steps of seconds from the same few corners.
@lru_cache(maxsize=8192)
def chance(*key: int | str) -> float:
    """A number in [0, 1), evenly spread over keys."""
    digest = blake2b(repr(key).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / (1 << 48)


def between(low: float, high: float, *key: int | str) -> float:
    """A number in [low, high), evenly spread over keys."""
    return low + (high - low) * chance(*key)


def smooth(at_s: float, period_s: float, *key: int | str) -> float:
    """A curve in [0, 1) through a new chance value every `period_s` seconds, without corners."""
    step, part = divmod(at_s / period_s, 1.0)
    weight = (1 - math.cos(math.pi * part)) / 2
    return (1 - weight) * chance(int(step), *key) + weight * chance(int(step) + 1, *key)
