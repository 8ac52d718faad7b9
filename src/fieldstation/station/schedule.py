"""When readings are due: a grid on the monotonic clock that leans towards the wall clock. Pure.

1. The next due time follows from the one before, on the monotonic clock: one interval later. No
   jump of the wall clock adds a reading or drops one.
   `test_a_jump_of_the_wall_clock_adds_and_drops_nothing`
2. Due times lie on whole multiples of the interval in UTC (every 10 s: :00, :10, :20), moved by
   the phase. Where they do not, each step is made up to LEAN of the interval shorter or longer,
   until they do. `test_the_grid_finds_back_to_the_wall_clock`
3. After a step of the wall clock, due times that nobody met yet are told by the clock as it stands.
4. A poll that takes longer than the interval costs the ticks it ran over; they are counted, never
   made up for. `test_ticks_that_passed_are_counted_and_not_repeated`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fieldstation.model import Instant

LEAN = 0.1
# Smaller differences of UTC and monotonic time come from reading two clocks one after the other.
STEP_US = 500_000


@dataclass(frozen=True, slots=True)
class Tick:
    """One due time. `index` counts due times from 0, passed ones included; `utc_us` is the wall
    time it was meant for.
    """

    index: int
    due_mono_us: int
    utc_us: int

    @property
    def offset_us(self) -> int:
        """UTC minus monotonic time."""
        return self.utc_us - self.due_mono_us


@dataclass(frozen=True, slots=True)
class Passed:
    """Due times that nobody met: how many, the wall times of the first and the last. `offset_us` is
    UTC minus monotonic time as the station's clocks stood; None for times that others told.
    """

    count: int
    first_utc_us: int
    last_utc_us: int
    offset_us: int | None = None


class Grid:
    """The due times of one instrument, all in microseconds."""

    def __init__(self, every_us: int, now: Instant, phase_us: int = 0) -> None:
        self.every_us = every_us
        self._phase_us = phase_us % every_us
        wait_us = -self._lead_us(now.utc_us) % every_us
        self._next = Tick(0, now.mono_us + wait_us, now.utc_us + wait_us)

    @property
    def next(self) -> Tick:
        """The tick that comes."""
        return self._next

    def take(self, now: Instant) -> tuple[Tick, Passed | None]:
        """The newest tick that is due `now`, and those before it that have passed. The grid moves
        on.
        """
        first = self._next
        offset_us = now.utc_us - now.mono_us
        if abs(offset_us - first.offset_us) >= STEP_US:
            first = replace(first, utc_us=first.due_mono_us + offset_us)
        count = max(0, (now.mono_us - first.due_mono_us) // self.every_us)
        span_us = count * self.every_us
        current = Tick(first.index + count, first.due_mono_us + span_us, first.utc_us + span_us)
        self._next = self._after(current, now)
        if not count:
            return current, None
        last_utc_us = current.utc_us - self.every_us
        return current, Passed(count, first.utc_us, last_utc_us, first.offset_us)

    def _after(self, tick: Tick, now: Instant) -> Tick:
        """The tick that follows, on the grid as the wall clock stands now."""
        offset_us = now.utc_us - now.mono_us
        due = tick.due_mono_us + self.every_us
        lead = self._lead_us(due + offset_us)
        lead = lead - self.every_us if lead > self.every_us // 2 else lead
        most = int(self.every_us * LEAN)
        due -= max(-most, min(most, lead))
        return Tick(tick.index + 1, due, due + offset_us)

    def _lead_us(self, utc_us: int) -> int:
        """How far a wall time lies past the last multiple of the interval."""
        return (utc_us - self._phase_us) % self.every_us


def phases(every_us: Sequence[int]) -> list[int]:
    """Phases for instruments that share one bus, so that they do not all want it at once."""
    return [index * every // len(every_us) for index, every in enumerate(every_us)]


class Turns:
    """Which lines of a plan are due at a tick: line i each `every[i]` ticks, all at the first."""

    def __init__(self, every: Sequence[int]) -> None:
        self._every = tuple(every)
        self._due = [0] * len(every)

    def take(self, index: int) -> list[int]:
        """The lines due at the tick `index`, which counts upwards but may leave numbers out."""
        due = [line for line, first in enumerate(self._due) if index >= first]
        for line in due:
            self._due[line] = index + self._every[line]
        return due
