"""Up to when the runs before one accounted for each instrument: the newest reading or hole.

1. Rows are looked through from the newest back, in steps, and no further than is needed: an
   instrument whose newest hole is newer than the rows at hand is found.
   `test_a_dead_instrument_costs_no_look_through_the_whole_journal`
2. A hole says no monotonic time. It follows from what its run told of its clocks: each event says
   both, and holds until the next one.
3. UTC is known where the clock was trusted, or where a clock fact tells it. Nothing else is. When a
   trusted clock was set, its last word counts.
   `test_a_clock_that_was_set_right_before_a_power_cut_is_believed`
4. What was lost behind the newest reading, because the file was damaged, has a hole of its own.
   `test_what_a_damaged_end_lost_is_counted_once`
5. A seldom reading is taken behind the main one of its due time and may take long. The account ends
   at the main one: what passed meanwhile is in no hole yet when the station is killed then.
   `test_a_station_killed_behind_a_long_seldom_reading_misses_what_it_ran_over`
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from fieldstation.batch.facts import Cause, ClockFact, Hole, Source
from fieldstation.journal import Journal
from fieldstation.journal.facts import DAMAGE
from fieldstation.model import Instant, Kept, Trust
from fieldstation.station.ledger import WHOLE

STEP_ROWS = 1000
MOST_FACTS = 1000
# Events of the timekeeper and of the station, written as they happen.
TIMED = frozenset(("started", "stopped", "clock_jump", "clock_drift"))
# A step is noticed up to a second late.
LOOK_US = 2_000_000
# So long after the last word of a run an earlier one is believed rather, if it fits.
FAR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of an earlier run, on its machine run's monotonic line and in UTC, None where that
    is not known; `told_utc_us` is what the wall clock said.
    """

    kernel: str
    mono_us: int
    utc_us: int | None
    told_utc_us: int

    def later(self, us: int) -> Moment:
        """The moment so much later on all clocks."""
        utc_us = None if self.utc_us is None else self.utc_us + us
        return Moment(self.kernel, self.mono_us + us, utc_us, self.told_utc_us + us)


@dataclass(frozen=True, slots=True)
class Reached:
    """The end of the account of one instrument. `cause` is that of the hole at its end, "" for a
    reading; `alive` is the last that is known of the run, if later.
    """

    at: Moment
    cause: str = ""
    alive: Moment | None = None


class Past:
    """A search for what the runs of the station before `boot` reached, which is that of `now` or an
    earlier one. `step` is run on the journal's thread until it says True; then `reached` is
    complete.
    """

    def __init__(self, names: Iterable[str], now: Instant, boot: bytes | None = None) -> None:
        self.reached: dict[str, Reached] = {}
        self._names = set(names)
        self._now = now
        self._boot = boot or now.boot
        self._holes: dict[str, Hole] | None = None
        # What was lost at the ends of damaged files.
        self._lost: dict[str, Hole] = {}
        # The place of each earlier run in their order.
        self._earlier: dict[bytes, int] = {}
        # What each run said of its clocks, monotonic time and UTC, runs and words newest first.
        self._words: dict[bytes, list[tuple[int, int]]] = {}
        self._trusted: set[bytes] = set()
        self._newest: dict[bytes, Kept] = {}
        # By instrument the reading at which its account ends, as far as it was looked for.
        self._ending: dict[str, Kept] = {}
        # How often a layout of an instrument is due, UTC microseconds.
        self._every_us: dict[tuple[str, str], int] = {}
        self._ends: dict[str, int] = {}
        self._high = self._size = 0

    def step(self, journal: Journal) -> bool:
        """Look at some more rows. Whether that was all."""
        if self._holes is None:
            self._begin(journal)
        if self._names and self._high > 0:
            for kept in reversed(self._rows(journal)):
                self._meet(journal, kept)
        if self._names and self._high > 0:
            return False
        for name in self._names:
            if (ending := self._ending.get(name)) is not None:
                self._reach(journal, ending)
            else:
                self._end(journal, name)
        return True

    def _begin(self, journal: Journal) -> None:
        self._high, self._size = journal.last + 1, STEP_ROWS
        known = {announcement.instrument for announcement in journal.announcements.values()}
        self._every_us = {key: one.every_us for key, one in journal.announcements.items()}
        runs = journal.order_of_runs
        place = runs.index(self._boot) if self._boot in runs else len(runs)
        self._earlier = {boot: number for number, boot in enumerate(runs[:place])}
        self._holes = {}
        for hole in journal.holes(MOST_FACTS):
            # Holes that count nothing say only that something is not known.
            if hole.boot not in self._earlier or not hole.count:
                continue
            if hole.cause == Cause.DAMAGED:
                self._keep_newest(self._lost, hole)
            elif hole.layout == WHOLE:
                self._keep_newest(self._holes, hole)
        self._names &= known | self._holes.keys()
        for event in journal.events(MOST_FACTS):
            if event.what not in TIMED:
                continue
            self._words.setdefault(event.boot, []).append((event.mono_us, event.utc_us))

    def _keep_newest(self, among: dict[str, Hole], hole: Hole) -> None:
        known = among.get(hole.instrument)
        if known is None or self._age(known) < self._age(hole):
            among[hole.instrument] = hole

    def _age(self, hole: Hole) -> tuple[int, int]:
        """Grows with later holes of an instrument."""
        return self._earlier[hole.boot], hole.number

    def _rows(self, journal: Journal) -> list[Kept]:
        """The rows just below those looked at; numbers may have large gaps."""
        while self._high > 0:
            low = max(0, self._high - self._size)
            rows = [one for one in journal.after(low - 1, STEP_ROWS) if one.sequence < self._high]
            if rows and self._size > STEP_ROWS:
                self._size //= 2
                continue
            self._high = low
            if rows:
                return rows
            self._size *= 2
        return []

    def _meet(self, journal: Journal, kept: Kept) -> None:
        instant, name = kept.reading.instant, kept.reading.instrument
        if instant.boot == self._now.boot:
            return
        if instant.boot not in self._newest:
            self._newest[instant.boot] = kept
            words = self._words.setdefault(instant.boot, [])
            words.append((instant.mono_us, instant.utc_us))
            words.sort(reverse=True)
        if instant.trust is Trust.SYNCED:
            self._trusted.add(instant.boot)
        if instant.boot not in self._earlier:
            return
        for other in [one for one in self._names if self._is_older(journal, instant, one)]:
            self._end(journal, other)
        if name in self._names:
            self._look_at(journal, kept)

    def _look_at(self, journal: Journal, kept: Kept) -> None:
        """Take the reading for the end of its instrument's account if it is the newest one, or of
        the same run and of a layout that is due more often.
        """
        name, ending = kept.reading.instrument, self._ending.get(kept.reading.instrument)
        if ending is None or _before(kept, ending):
            if ending is None or self._often(kept) < self._often(ending):
                ending = self._ending[name] = kept
            every_us = [one for (owner, _), one in self._every_us.items() if owner == name]
            if self._often(ending) > min(every_us, default=0):
                return
        self._reach(journal, ending)

    def _reach(self, journal: Journal, kept: Kept) -> None:
        name = kept.reading.instrument
        self._names = self._names - {name}
        at = self._moment(journal, kept.reading.instant)
        self.reached[name] = Reached(self._behind(at, kept))

    def _often(self, kept: Kept) -> int:
        return self._every_us.get((kept.reading.instrument, kept.reading.layout.id), 0)

    def _is_older(self, journal: Journal, instant: Instant, name: str) -> bool:
        """Whether a row is older than the newest hole of an instrument."""
        hole = (self._holes or {}).get(name)
        if hole is None:
            return False
        if hole.boot == instant.boot:
            if hole.cause == Cause.STOPPED:  # it tells of the time before its run
                return False
            if name not in self._ends:
                self._ends[name] = self.end_of(journal, hole).mono_us
            return instant.mono_us < self._ends[name]
        return self._earlier[instant.boot] < self._earlier[hole.boot]

    def _behind(self, at: Moment, newest: Kept) -> Moment:
        """The end of what was lost right behind an instrument's newest reading."""
        name, instant = newest.reading.instrument, newest.reading.instant
        lost = self._lost.get(name)
        if lost is None or lost.boot != instant.boot or lost.number < DAMAGE + newest.sequence:
            return at
        return at.later(lost.last_utc_us - instant.utc_us)

    def _end(self, journal: Journal, name: str) -> None:
        """No reading is newer than the instrument's hole, if it has one."""
        self._names = self._names - {name}
        hole = (self._holes or {}).get(name)
        if hole is None:
            return
        at, last = self.end_of(journal, hole), self._newest.get(hole.boot)
        alive = self._moment(journal, last.reading.instant) if last else None
        if alive is not None and alive.mono_us <= at.mono_us:
            alive = None
        self.reached[name] = Reached(at, hole.cause, alive)

    def end_of(self, journal: Journal, hole: Hole) -> Moment:
        """The last due time of a hole."""
        fact, kernel = journal.clock_of(hole.boot), journal.kernel_of(hole.boot)
        told_us = hole.last_utc_us
        if fact is not None and fact.source is Source.HUB:
            mono_us = told_us - fact.offset_us
        else:
            same = kernel == journal.kernel_of(self._now.boot)
            mono_us = self._mono_of(hole.boot, told_us, same=same)
        trusted = fact is not None or hole.boot in self._trusted
        utc_us = self._utc_of(hole.boot, mono_us, fact) if trusted else None
        return Moment(kernel, mono_us, utc_us, told_us)

    def _moment(self, journal: Journal, instant: Instant) -> Moment:
        fact, utc_us = journal.clock_of(instant.boot), None
        if fact is not None or instant.trust is Trust.SYNCED:
            utc_us = self._utc_of(instant.boot, instant.mono_us, fact)
        kernel = journal.kernel_of(instant.boot)
        return Moment(kernel, instant.mono_us, utc_us, instant.utc_us)

    def _mono_of(self, boot: bytes, told_us: int, *, same: bool) -> int:
        """When the run's wall clock told that time; `same`: in this run of the machine."""
        words = self._words.get(boot) or [(0, told_us)]
        (newest_us, utc_us), now = words[0], self._now
        then_us = newest_us + told_us - utc_us
        over = then_us > now.mono_us if same else now.trust and told_us > now.utc_us
        likely = newest_us - LOOK_US <= then_us and not over
        if likely and then_us - newest_us < FAR_US:
            return then_us
        for (until_us, _), (mono_us, utc_us) in pairwise(words):
            before_us = mono_us + told_us - utc_us
            if mono_us - LOOK_US <= before_us <= until_us + LOOK_US:
                return before_us
        return then_us if likely else newest_us

    def _utc_of(self, boot: bytes, mono_us: int, fact: ClockFact | None) -> int:
        """UTC by the best that is known of the run's clock."""
        words = self._words.get(boot)
        if fact is not None and (fact.source is Source.HUB or not words):
            return mono_us + fact.offset_us
        since_us, utc_us = words[0] if words else (mono_us, mono_us)
        return utc_us + mono_us - since_us


def _before(kept: Kept, ending: Kept) -> bool:
    """Whether this reading may be of the same due time as the one after it."""
    one, other = kept.reading, ending.reading
    return one.instant.boot == other.instant.boot and one.layout.id != other.layout.id
