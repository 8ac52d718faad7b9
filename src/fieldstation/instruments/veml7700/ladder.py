"""Which gain and time suit the light (I2C sensors sheet, section 2.5). Pure."""

from __future__ import annotations

from dataclasses import dataclass

GAINS = (0.125, 0.25, 1.0, 2.0)
TIMES_MS = (25, 50, 100, 200, 400, 800)

TOO_FEW, TOO_MANY = 100, 10_000
MOST_STEPS = 8

WAKE_S = 0.0025
# A period lasts up to a tenth longer than it should, and a bit.
LONGER, SLACK_S = 1.1, 0.005


@dataclass(frozen=True, slots=True)
class Range:
    """A setting of the part."""

    gain: float
    integration_ms: int

    @property
    def settled_s(self) -> float:
        """Seconds after which a result is of this setting alone: two periods."""
        return WAKE_S + 2 * (LONGER * self.integration_ms / 1000 + SLACK_S)


START = Range(0.125, 100)


def next_range(counts: int, now: Range) -> Range | None:
    """The setting to try after `counts`; None when they are good or nothing better is left."""
    if counts <= TOO_FEW:
        return _more(now)
    return _less(now) if counts > TOO_MANY else None


def _more(now: Range) -> Range | None:
    if now.gain < GAINS[-1]:
        return Range(GAINS[GAINS.index(now.gain) + 1], now.integration_ms)
    if now.integration_ms < TIMES_MS[-1]:
        return Range(now.gain, TIMES_MS[TIMES_MS.index(now.integration_ms) + 1])
    return None


def _less(now: Range) -> Range | None:
    if now.gain > GAINS[0]:
        return START
    if now.integration_ms > TIMES_MS[0]:
        return Range(now.gain, TIMES_MS[TIMES_MS.index(now.integration_ms) - 1])
    return None
