"""Which regular readings of a node are missing. Pure.

1. A node's readings may come late and out of order, so a gap is certain only LAG_S after it, or two
   intervals for slow nodes. `test_a_gap_that_is_filled_in_time_is_none`
2. How late it is for a node follows from its newest reading and the time since that came, not from
   the wall clock, so a node whose clock is wrong misses nothing by that.
   `test_a_node_in_another_time_misses_nothing`
3. A step of the node's clock is no gap: nothing is missing over a span that did not pass.
   `test_a_step_of_the_clock_is_no_gap`
4. A reading of the same run as the one before it shows that the node counted on meanwhile.
   `test_a_node_that_counted_on_is_known_by_its_run`
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass

from fieldstation.station.schedule import Passed

# A node keeps 61 s while its radio is away, and needs a minute to start over.
LAG_S = 130
SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Met:
    """A reading that came. `counted`: it is of the same run as the one before it."""

    counted: bool


class Attendance:
    """The readings of one node, due `every_us` apart. Everything up to `reached_us` is accounted
    for; 0: from the first reading on.
    """

    def __init__(self, every_us: int, reached_us: int = 0) -> None:
        self._every_us = every_us
        self._lag_us = max(LAG_S * SECOND_US, 2 * every_us)
        self._reached_us = self._first_us = reached_us
        self._reached_mono_us: int | None = None
        self._run = 0
        self._met: list[tuple[int, int, int]] = []
        self._newest = (reached_us, 0)

    def accounted(self, utc_us: int) -> bool:
        """Whether the account is past that time, so that a reading of it comes late."""
        return self._first_us <= utc_us <= self._reached_us

    @property
    def resumed(self) -> bool:
        """Whether the account still stands where an earlier run left it."""
        return self._reached_mono_us is None

    def meet(self, utc_us: int, mono_us: int, run: int = 0) -> None:
        """A reading of that time came now; `run` as of `Heard`."""
        newest_us, came_us = self._newest
        if not self._reached_us or (came_us and utc_us < newest_us - self._lag_us):
            # The first one, or the clock was set back: the account begins here.
            self._reached_us, self._reached_mono_us = utc_us, mono_us
            self._first_us, self._run = utc_us, run
            self._met.clear()
            self._newest = (utc_us, mono_us)
            return
        if utc_us > self._reached_us:
            insort(self._met, (utc_us, mono_us, run))
        if not came_us or utc_us > newest_us:
            self._newest = (utc_us, mono_us)

    def account(self, mono_us: int) -> Iterator[Passed | Met]:
        """What became certain by now, in order: spans that are missing, and readings."""
        newest_us, came_us = self._newest
        if not came_us:
            return
        sure_us = newest_us + mono_us - came_us - self._lag_us
        while self._met and self._met[0][0] <= sure_us:
            utc_us, met_mono_us, run = self._met.pop(0)
            count = self._between(utc_us, met_mono_us)
            if count > 0:
                yield self._passed(count)
            counted, self._run = run == self._run != 0, run
            self._reached_us, self._reached_mono_us = utc_us, met_mono_us
            yield Met(counted)
        count = (sure_us - self._reached_us) // self._every_us
        if not self._met and count > 0:
            yield self._passed(count)
            self._reached_us += count * self._every_us

    def _between(self, utc_us: int, mono_us: int) -> int:
        """Readings that are missing before one; none if less time passed than its clock says."""
        span_us = utc_us - self._reached_us
        since_us = self._reached_mono_us
        if since_us is not None and span_us > mono_us - since_us + 2 * self._lag_us:
            return 0
        return round(span_us / self._every_us) - 1

    def _passed(self, count: int) -> Passed:
        first_us = self._reached_us + self._every_us
        return Passed(count, first_us, first_us + (count - 1) * self._every_us)
