"""A daily allowance of bytes, for links that are paid by volume.

1. What was sent counts by UTC day and is kept in the journal, so a restart does not fill it up.
   `test_what_was_spent_today_survives_a_restart`
2. New readings go first: a backlog gets only what they and the reports will not need until the
   day ends, at 00:00 UTC.
   `test_a_backlog_takes_only_what_new_readings_will_not_need`
3. What is left is spread over what is left of the day: uploads become rarer before they stop.
   `test_uploads_become_rarer_before_the_budget_ends`
4. Reports take at most a tenth. `test_reports_become_rarer_under_a_budget`
"""

from __future__ import annotations

from collections.abc import Callable

from fieldstation.batch.facts import DAY_US

DAY_S = DAY_US / 1e6
REPORTS_SHARE = 0.1
# First guesses, until uploads were measured: an upload of ten readings, a report without facts.
FIRST_UPLOAD, FIRST_REPORT, FIRST_PER_READING = 1000.0, 1000.0, 10.0
LEAST_BACKLOG = 100  # readings; fewer in a batch cost more in heads than in readings
_WEIGHT = 0.2  # of the newest in a moving mean


class Budget:
    """At most `per_day` bytes in a UTC day (0: no limit); `utc_us` tells the time."""

    def __init__(self, per_day: int, utc_us: Callable[[], int]) -> None:
        self.per_day = per_day
        self.today = 0
        self._utc_us = utc_us
        self._day = utc_us() // DAY_US
        self._unwritten = 0
        self._upload = FIRST_UPLOAD
        self._report = FIRST_REPORT
        self._per_reading = FIRST_PER_READING

    # --- what was spent ---

    def spend(self, count: int) -> None:
        """An exchange took `count` bytes."""
        self._turn_page()
        self.today += count
        self._unwritten += count

    def uploaded(self, count: int, readings: int, *, backlog: bool) -> None:
        """What a settled upload took teaches what the next one will take."""
        if backlog:
            self._per_reading = _mean(self._per_reading, count / max(1, readings))
        else:
            self._upload = _mean(self._upload, count)

    def reported(self, count: int) -> None:
        """What a report took."""
        self._report = _mean(self._report, count)

    def unwritten(self) -> tuple[int, int]:
        """The day, and what of it the journal does not know yet; now it does."""
        self._turn_page()
        count, self._unwritten = self._unwritten, 0
        return self._day, count

    def known(self, day: int, count: int) -> None:
        """The journal says that `count` bytes were sent on `day`."""
        if day == self._day:
            self.today = max(self.today, count + self._unwritten)

    # --- what may be spent ---

    @property
    def waits_s(self) -> float:
        """Seconds until anything may be sent; 0: now."""
        self._turn_page()
        spent = self.today + self._upload > self.per_day
        return self._rest_s if self.per_day and spent else 0.0

    @property
    def goes_on_utc_us(self) -> int:
        """When sending goes on, UTC microseconds; 0 while it does not rest."""
        return (self._day + 1) * DAY_US if self.waits_s else 0

    def pace_s(self, every_s: float) -> float:
        """Seconds between uploads of new readings (rule 3)."""
        self._turn_page()
        if not self.per_day:
            return every_s
        left = max(1.0, self._left - self._for_reports())
        return min(max(every_s, self._upload * self._rest_s / left), self._rest_s + 1)

    def report_every_s(self, every_s: float) -> float:
        """Seconds between reports (rule 4)."""
        if not self.per_day:
            return every_s
        return max(every_s, self._report * DAY_S / (REPORTS_SHARE * self.per_day))

    def backlog_most(self, every_s: float, most: int) -> int:
        """How many readings of a backlog may go now, up to `most` (rule 2)."""
        if not self.per_day:
            return most
        for_fresh = self._upload * self._rest_s / every_s
        room = self._left - for_fresh - self._for_reports()
        count = int(min(most, room / self._per_reading))
        return count if count >= min(LEAST_BACKLOG, most) else 0

    @property
    def _left(self) -> float:
        return self.per_day - self.today

    @property
    def _rest_s(self) -> float:
        return ((self._day + 1) * DAY_US - self._utc_us()) / 1e6

    def _for_reports(self) -> float:
        return REPORTS_SHARE * self.per_day * self._rest_s / DAY_S

    def _turn_page(self) -> None:
        day = self._utc_us() // DAY_US
        if day != self._day:
            self._day, self.today, self._unwritten = day, 0, 0


def _mean(before: float, value: float) -> float:
    return before + _WEIGHT * (value - before)
