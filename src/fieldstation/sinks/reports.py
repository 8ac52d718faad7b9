"""What the station tells a hub beside readings, and what follows from the answers.

1. The first report of a connection carries no facts: its answer says how far the hub has them. A
   hub that was restored says less than before and gets them again.
   `test_a_restored_hub_gets_facts_and_readings_again`
2. A hub that knows facts which this run never told, and which the journal did not hold when the run
   began, was told by another copy of it: this journal is an old image or a clone, and takes a new
   identity. `test_a_journal_from_an_old_image_takes_a_new_identity`
3. Facts are told within seconds after they changed. One that the hub refuses is left out, and
   delays no other. `test_a_refused_fact_costs_itself_only`
4. Readings of an untrusted clock wait until the true time of their machine run is known; the hub's
   answer tells it at the latest. Those of earlier machine runs go as they stand.
   `test_unsynced_readings_wait_for_the_hubs_time`
5. A hub that knows no reports gets readings all the same.
   `test_an_older_hub_gets_readings_and_no_reports`
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import fieldstation
from fieldstation.batch.facts import ClockFact, Source
from fieldstation.batch.report import MOST_SPANS, Answer, Report
from fieldstation.errors import BatchRefused, HubUnreachable
from fieldstation.journal import Journal
from fieldstation.model import Instant, Kept, Trust
from fieldstation.sinks.destination import BatchTooLarge, NoReports, Reporter
from fieldstation.sinks.outbox import Outbox
from fieldstation.sinks.resend import Resend

log = logging.getLogger(__name__)

EVERY_S, CHANGED_S = 60.0, 2.0
# The settled spans of a journal of many runs are some kilobytes.
SETTLED_EVERY_S = 3600.0
ABSENT_S = 3600.0
MOST_FACTS = 500
# A quartz is off by up to 50 ppm: what the hub said an hour ago is off by 0.2 s.
CLOCK_STALE_US = 3600 * 10**6


class Clock(Protocol):
    """The time of the station."""

    def now(self) -> Instant:
        """This moment."""
        ...

    @property
    def kernel(self) -> str:
        """The id of this run of the machine; empty when unknown."""
        ...


class Reports:
    """The reports of one sink. `disk_free` tells the bytes free where the journal lies."""

    def __init__(
        self,
        outbox: Outbox,
        reporter: Reporter,
        clock: Clock,
        *,
        sink: str,
        disk_free: Callable[[], int],
    ) -> None:
        self._outbox = outbox
        self._reporter = reporter
        self._clock = clock
        self._sink = sink
        self._disk_free = disk_free
        self._met = self._absent = self._said_absent = self._more = False
        self._through = 0  # as far as the hub has the facts
        self._left_out = 0  # the newest fact that it refused
        self._most = MOST_FACTS
        self._told: int | None = None  # the newest fact that this journal can have told
        self._last_s = self._settled_s = float("-inf")
        self._resend = Resend(sink)
        self._held = False  # readings wait for a clock

    @property
    def absent(self) -> bool:
        """Whether the hub knows nothing of reports."""
        return self._absent

    def lost(self) -> None:
        """The connection is gone; the next report is the first of another one."""
        self._met = self._absent = False

    async def due(self, every_s: float = EVERY_S) -> bool:
        """Whether it is time for a report."""
        since_s = asyncio.get_running_loop().time() - self._last_s
        if self._absent:
            return since_s >= ABSENT_S
        if not self._met or self._more or since_s >= every_s:
            return True
        if since_s < CHANGED_S:
            return False
        return self._held or await self._outbox.ask(self._has_news)

    async def exchange(self) -> bool:
        """Report once. True when more readings may go than before.

        Raises HubUnreachable, KeyRejected, StoreError.
        """
        report = await self._outbox.ask(self._draw_up)
        self._last_s = asyncio.get_running_loop().time()
        before_us = self._clock.now().mono_us
        try:
            answer = await self._reporter.report(report)
        except NoReports as error:
            return self._say_absent(str(error))
        except (BatchTooLarge, BatchRefused) as error:
            self._smaller(report, error)
            return False
        after = self._clock.now()
        middle_us, error_us = (before_us + after.mono_us) // 2, (after.mono_us - before_us + 1) // 2
        opened = not self._met
        if report.settled:
            self._settled_s = self._last_s
        return await self._outbox.ask(
            lambda journal: self._take_in(
                journal, report, answer, ClockFact(
                    after.boot, 0, self._clock.kernel, middle_us, answer.utc_us, error_us,
                    Source.HUB,
                ), after.trust,
            )
        ) or opened  # fmt: skip

    def ready(self, journal: Journal) -> Callable[[Kept], bool]:
        """Tells of a reading whether it may go (rule 4)."""
        known: dict[bytes, bool] = {}

        def may_go(kept: Kept) -> bool:
            instant = kept.reading.instant
            if instant.trust is not Trust.UNSYNCED:
                return True
            if instant.boot not in known:
                known[instant.boot] = self._placed(journal, instant.boot)
            return known[instant.boot]

        return may_go

    def _placed(self, journal: Journal, boot: bytes) -> bool:
        """Whether the true time of this run is known, or will never be."""
        if self._absent or journal.clock_of(boot) is not None:
            return True
        if not self._clock.kernel or journal.kernel_of(boot) != self._clock.kernel:
            return True
        self._held = True
        return False

    def clock_for(self, journal: Journal, boot: bytes) -> ClockFact | None:
        """What places the readings that `boot` took with an untrusted clock. None for a hub that
        could not read it.
        """
        return None if self._absent else journal.clock_of(boot)

    # --- on the journal's thread ---

    def _has_news(self, journal: Journal) -> bool:
        return journal.revision > max(self._through, self._left_out)

    def _draw_up(self, journal: Journal) -> Report:
        if self._told is None:
            self._told = journal.revision
        now = self._clock.now()
        after = max(self._through, self._left_out)
        facts = journal.facts_after(after, self._most) if self._met else []
        self._told = max([self._told, *(revision for revision, _ in facts)])
        stale = self._last_s - self._settled_s >= SETTLED_EVERY_S or not self._met
        return Report(
            journal=journal.identity,
            boot=now.boot,
            kernel=self._clock.kernel,
            version=fieldstation.__version__,
            utc_us=now.utc_us,
            mono_us=now.mono_us,
            trust=int(now.trust),
            backlog=journal.backlog(self._sink),
            oldest_utc_us=journal.oldest_utc_us(self._sink),
            journal_bytes=journal.size_bytes,
            disk_free_bytes=self._disk_free(),
            settled=tuple(journal.settled_spans(self._sink, MOST_SPANS)) if stale else (),
            after=self._through if self._met else 0,
            facts=tuple(facts),
        )

    def _take_in(
        self, journal: Journal, report: Report, answer: Answer, heard: ClockFact, trust: Trust
    ) -> bool:
        if report.journal != journal.identity:  # the journal was replaced meanwhile
            self._met = False
            return False
        if answer.through > (self._told or 0):
            log.warning("the journal is an old image or a copy; it takes a new identity")
            journal.fork()
            self._met, self._told, self._left_out = False, journal.revision, 0
            return False
        if self._met and answer.through < report.after:
            log.warning("the hub was set back and is told again", extra={"sink": self._sink})
            self._left_out = 0
            self._settled_s = float("-inf")  # what it lost of the readings is asked for at once
        self._met, self._through, self._said_absent = True, answer.through, False
        self._most = MOST_FACTS
        self._more = bool(report.facts) and self._has_news(journal)
        learnt = self._learn(journal, heard, trust)
        return self._resend.send(journal, answer.missing, self._last_s) or learnt

    def _learn(self, journal: Journal, heard: ClockFact, trust: Trust) -> bool:
        """Keep the hub's time where the own clock is not trusted, or readings wait for it."""
        known = journal.clock_of(heard.boot)
        if known is None:
            if trust is Trust.UNSYNCED or self._held:
                journal.write_fact(heard)
                self._held = False
                return True
        elif known.source is Source.HUB and trust is Trust.UNSYNCED:
            stale = heard.mono_us - known.mono_us > CLOCK_STALE_US
            if stale or heard.error_us < known.error_us // 2:
                journal.write_fact(heard)
        return False

    # --- answers that are no answer ---

    def _say_absent(self, reason: str) -> bool:
        opened, self._absent = not self._absent, True
        if not self._said_absent:
            log.warning("no reports are sent", extra={"sink": self._sink, "reason": reason})
            self._said_absent = True
        return opened

    def _smaller(self, report: Report, error: BatchTooLarge | BatchRefused) -> None:
        """Tell less at once; a single fact that is refused is left out."""
        if not report.facts:
            raise HubUnreachable(f"the hub refuses a report ({error})") from error
        if len(report.facts) > 1:
            self._most = len(report.facts) // 2
        else:
            self._left_out = report.facts[0][0]
            log.error(
                "a fact is refused and left out", extra={"sink": self._sink, "reason": str(error)}
            )
        self._more = True
