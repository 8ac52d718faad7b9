"""Which gain and time suit the light (I2C sensors sheet, section 3.3). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TOO_FEW, TOO_MANY = 500, 50_000
MOST_STEPS = 8

# A measurement may take half as long again as its name says (section 3.2).
LONGER = 1.5


@dataclass(frozen=True, slots=True)
class Range:
    """A setting of the part."""

    gain: int
    measurement_ms: int

    @property
    def measured_s(self) -> float:
        """Seconds that one measurement is meant to take."""
        return self.measurement_ms / 1000


START = Range(1, 160)
LADDER = (
    START,
    Range(2, 160),
    *(Range(16, ms) for ms in (160, 320, 640, 1280, 2560, 5120)),
)
"""From bright to dark."""
# From gain 2 to 16. Where clear alone is bright it must not be full one step on.
LARGEST_STEP = 8


def next_range(counts: Sequence[int], now: Range, longest_ms: int) -> Range | None:
    """The setting to try after `counts` of red, green, blue and clear; None when they are good or
    nothing better is left. A setting beside the ladder goes to its begin. The longest time
    bounds the way up only: one may come down from beyond it.
    """
    if max(counts) > TOO_MANY:
        step = -1
    elif max(counts[:3]) < TOO_FEW and counts[3] <= TOO_MANY // LARGEST_STEP:
        step = 1
    else:
        return None
    if now not in LADDER:
        return START
    at = LADDER.index(now) + step
    if not 0 <= at < len(LADDER) or (step > 0 and LADDER[at].measurement_ms > longest_ms):
        return None
    return LADDER[at]
