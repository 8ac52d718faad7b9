"""Which gain and time suit the light (I2C sensors sheet, section 3.3). Pure."""

from __future__ import annotations

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


def next_range(brightest: int, now: Range, longest_ms: int) -> Range | None:
    """The setting to try after `brightest` counts of the strongest colour; None when they are good
    or nothing better is left. A setting beside the ladder goes to its begin.
    """
    if TOO_FEW <= brightest <= TOO_MANY:
        return None
    if now not in LADDER:
        return START
    at = LADDER.index(now) + (1 if brightest < TOO_FEW else -1)
    if not 0 <= at < len(LADDER) or LADDER[at].measurement_ms > longest_ms:
        return None
    return LADDER[at]
