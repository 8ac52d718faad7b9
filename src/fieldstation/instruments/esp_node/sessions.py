"""Which second an id means: the runs of one node, each with its base time (mqtt_esp contract, B.4
to B.6).

1. A run is known by its base; id seconds after it a sample was taken. Ids may come back by up to
   some 60 within a run, that is no restart. `test_a_backlog_in_text_order_is_no_restart`
2. Ids that fall further without an init document are another run, whose document went missing: its
   base is estimated, arrival less id. Old firmware that counts from 0 again every 43 200 s without
   a restart is told from that by the time that fits.
   `test_ids_that_start_again_unannounced_get_an_estimated_time`
   Ids that were seen before are repeated ones, unless STEADY of them in a row come at the pace of
   a new run. `test_a_restart_within_the_first_seconds_is_noticed`
3. While an estimated run goes on, the told one is remembered: a single straggler does not end it.
   `test_one_straggler_does_not_move_the_times_of_the_others`
4. The last ids are known one by one, up to LONGEST_MEMORY, so a repeated one is recognised.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fieldstation.model import Instant, Trust

SECOND_US = 1_000_000

# More than a node's queue of 61 and what a broker leaves unacknowledged.
FARTHEST_BACK = 128
LONGEST_MEMORY = 6000
# A burst of so many takes no time, which shows.
STEADY = 5
STEADY_WITHIN_S = 2
# Less than a start takes, more than the latency of a sample.
LEAST_DOWN_S = 4
# B.4: the count of 0.9.4 returns to 0 at this id.
WRAP_S = 43_200
WRAP_FROM, WRAP_TO = 43_000, 100
# An id counts from an edge 1 to 3 s after the base (B.4); a restart takes 8 s or more.
WRAP_FITS_S = 5
# B.6, rule 4.
FUTURE_S = 5
# Clocks of nodes without a network drift by minutes; more is another run.
MOST_LEAD_S = 600
# An estimated and a told base of one run differ by the latencies only.
SAME_RUN_S = 60


@dataclass(slots=True)
class Session:
    """One run: the UTC second of id 0, and the ids seen. `lead_us` is how far the node's clock is
    ahead of the station's, None while unknown.
    """

    base_us: int
    estimated: bool = False
    lead_us: int | None = None
    newest: int = -1
    seen: set[int] = field(default_factory=set)

    def time_us(self, number: int) -> int:
        """UTC microseconds of an id."""
        return self.base_us + number * SECOND_US

    def near(self, number: int) -> bool:
        """Whether an id can belong to this run: it is not far behind the newest."""
        return number >= self.newest - FARTHEST_BACK

    def take(self, number: int) -> bool:
        """Note an id; False when it was seen before."""
        if number in self.seen:
            return False
        self.seen.add(number)
        self.newest = max(self.newest, number)
        if len(self.seen) > LONGEST_MEMORY:
            self.seen = {one for one in self.seen if one > self.newest - LONGEST_MEMORY // 2}
        return True

    def in_future(self, number: int, now: Instant, *, live: bool) -> bool:
        """Whether the sample would lie more than FUTURE_S ahead of its arrival. A `live` one shows
        how far the node's clock is ahead, if that is not known yet. A station without a clock of
        its own cannot tell, except for a kept message, which it does not trust then.
        """
        if now.trust is not Trust.SYNCED:
            return not live
        ahead_us = self.time_us(number) - now.utc_us
        if self.lead_us is None and live:
            self.lead_us = ahead_us if 0 < ahead_us <= MOST_LEAD_S * SECOND_US else 0
        return ahead_us > FUTURE_S * SECOND_US + (self.lead_us or 0)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A seen id that came again, the base that a new run would have, how many came at its pace."""

    number: int
    base_us: int
    steady: int

    def agrees(self, base_us: int) -> bool:
        """Whether another id points to the same base."""
        return abs(base_us - self.base_us) <= STEADY_WITHIN_S * SECOND_US


@dataclass(slots=True)
class Node:
    """One node: the topic it publishes on, the run that it announced and one that it did not."""

    topic: str
    told: Session | None = None
    guessed: Session | None = None
    repeat: Repeat | None = None

    def announce(self, base_us: int, lead_us: int | None = None) -> bool:
        """An init document with this base; False when it is the run that is known."""
        if self.told is not None and self.told.base_us == base_us:
            return False
        session = Session(base_us, lead_us=lead_us)
        guess = self.guessed
        if guess is not None and abs(guess.base_us - base_us) <= SAME_RUN_S * SECOND_US:
            session.seen, session.newest = guess.seen, guess.newest
        self.told, self.guessed = session, None
        return True

    def forget(self) -> None:
        """The node started anew at a time that it does not know."""
        self.told = self.guessed = None

    def session_for(self, number: int, now: Instant, *, live: bool) -> Session | None:
        """The run that an id belongs to; None for a kept message of no known run."""
        runs = [run for run in (self.guessed, self.told) if run is not None]
        nearest = min(runs, key=lambda run: abs(run.newest - number), default=None)
        if nearest is not None and number in nearest.seen:
            return (
                self._guess(number, now) if live and self._anew(nearest, number, now) else nearest
            )
        if nearest is not None and nearest.near(number):
            lost = nearest.estimated and live and nearest.in_future(number, now, live=True)
            return self._guess(number, now) if lost else nearest
        if not live:
            return None
        return self._wrapped(number, now) or self._guess(number, now)

    def _anew(self, run: Session, number: int, now: Instant) -> bool:
        """Whether an id that was seen in `run` is one of a new run: several came at the pace of a
        run that began after the last one's end.
        """
        base_us = now.utc_us - number * SECOND_US
        last, steady = self.repeat, 1
        if last is not None and last.number + 1 == number and last.agrees(base_us):
            base_us, steady = last.base_us, last.steady + 1
        self.repeat = Repeat(number, base_us, steady)
        return steady >= STEADY and base_us >= run.time_us(run.newest + LEAST_DOWN_S)

    def _guess(self, number: int, now: Instant) -> Session:
        base_us = max(0, now.utc_us - number * SECOND_US)
        self.guessed = Session(base_us, estimated=True, lead_us=0)
        return self.guessed

    def _wrapped(self, number: int, now: Instant) -> Session | None:
        """The told run counted on past 43 200, if the time fits."""
        run = self.told
        if run is None or run.newest <= WRAP_FROM or number >= WRAP_TO:
            return None
        base_us = run.base_us + WRAP_S * SECOND_US
        late_us = now.utc_us - number * SECOND_US - base_us
        if now.trust is not Trust.SYNCED or abs(late_us) > WRAP_FITS_S * SECOND_US:
            return None
        self.told = Session(base_us, lead_us=run.lead_us)
        return self.told
