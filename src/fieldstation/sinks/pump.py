"""Brings readings from the journal to one sink: each once, however long it was away.

1. A batch is sealed in the journal before it is sent. What happened to it is unknown until a
   receipt names exactly its boot and its range; until then the same range is sent again.
   `test_a_lost_reply_sends_the_same_range_again`
2. Only such a receipt settles. Not an error, not a page of somebody else's.
   `test_only_a_receipt_that_fits_settles`
3. A batch never crosses a boot. `test_a_batch_never_crosses_a_boot`
4. A refused batch is made again from the journal once, then cut in two until the one reading
   that is refused stands alone; this goes to quarantine, all others go out.
   `test_one_refused_reading_costs_itself_only`
5. While the sink is away the waits between tries double up to 15 minutes.
   `test_a_sink_that_is_away_is_asked_ever_less_often`
6. Before the first batch of a connection comes a report, where the sink wants reports (`reports`).
   `test_a_report_goes_before_the_first_batch_of_a_connection`
7. What is sealed next is decided elsewhere (`lanes`), what may be spent as well (`budget`).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from fieldstation.batch.facts import ClockFact
from fieldstation.batch.model import Announcement, Batch, Receipt, UnknownLayout
from fieldstation.batch.packed import Packed
from fieldstation.errors import (
    BatchRefused,
    FieldstationError,
    HubUnreachable,
    KeyRejected,
    StoreError,
)
from fieldstation.journal import Journal, Sealed
from fieldstation.sinks.backoff import Backoff
from fieldstation.sinks.budget import Budget
from fieldstation.sinks.destination import BatchTooLarge, Destination
from fieldstation.sinks.lanes import MOST_READINGS, Lanes
from fieldstation.sinks.outbox import Outbox
from fieldstation.sinks.reports import EVERY_S, Reports
from fieldstation.sinks.resend import Resend

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 900.0
LOOK_S = 2.0  # between looks for news to report while no batch is due
REST_S = 60.0  # between looks at a clock that may jump over midnight
# A large batch that failed so often may be too much for a bad link.
TRIES_WHOLE = 2


@dataclass(slots=True)
class PumpState:
    """What `status` tells about a sink. `backlog` readings waited when `newest` was the newest."""

    batches: int = 0
    readings: int = 0
    quarantined: int = 0
    settled: int = 0
    backlog: int = 0
    newest: int = 0
    in_flight: int = 0
    last_receipt_utc_us: int = 0
    error: str = ""
    failures: int = 0
    bytes_today: int = 0
    bytes_per_day: int = 0
    goes_on_utc_us: int = 0


class Pump:
    """One sink at work. `every_s` is the interval between uploads while nothing waits;
    `newest_first`: new readings do not wait for a backlog. No `budget`: no limit.
    """

    def __init__(
        self,
        outbox: Outbox,
        destination: Destination,
        *,
        every_s: float,
        backoff: Backoff | None = None,
        newest_first: bool = False,
        reports: Reports | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.name = destination.name
        self._outbox = outbox
        self._destination = destination
        self._every_s = every_s
        self._backoff = backoff or Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
        self._reports = reports
        self._budget = budget or Budget(0, lambda: 0)
        ready = reports.ready if reports else None
        self._lanes = Lanes(
            outbox, self.name, self._budget, every_s, newest_first=newest_first, ready=ready
        )
        self.state = PumpState(bytes_per_day=self._budget.per_day)
        self._announced: dict[tuple[str, str], Announcement] = {}
        self._said: set[type[FieldstationError]] = set()
        self._resend = Resend(destination.name)
        self._paid = self._cost = self._tries = 0
        self._resting = False
        self._sealing: asyncio.Task[Sealed] | None = None

    async def run(self) -> None:
        """Deliver until cancelled."""
        turn = self._write_down  # first of all, what was spent earlier today
        try:
            while True:
                try:
                    await turn()
                    turn = self._turn
                except StoreError as error:
                    await self._wait(error)
        finally:
            await self._stop_sealing()
            await self._destination.aclose()

    async def _turn(self) -> None:
        if await self._rests():
            return
        reports = self._reports
        if reports is not None and await reports.due(self._budget.report_every_s(EVERY_S)):
            await self._report(reports)
        elif (sealed := await self._next()) is not None:
            self.state.in_flight = sealed.last - sealed.first + 1
            await self._deliver(sealed)

    # --- what comes next ---

    async def _next(self) -> Sealed | None:
        """The next batch, once it is time for it; None when something else may be due before."""
        if self._sealing is None:
            self._sealing = asyncio.get_running_loop().create_task(self._lanes.next())
        await asyncio.wait({self._sealing}, timeout=LOOK_S if self._reports else None)
        if not self._sealing.done():
            return None
        task, self._sealing = self._sealing, None
        return task.result()

    async def _stop_sealing(self) -> None:
        """What a cancelled seal has sealed already is in flight, and found there."""
        task, self._sealing = self._sealing, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError, StoreError):
                await task

    async def _rests(self) -> bool:
        """Whether the day's bytes are used up; then a while has passed."""
        rest_s = self._budget.waits_s
        rested, self._resting = self._resting, rest_s > 0
        if not rest_s:
            return False
        if not rested:
            log.warning(
                "the bytes of the day are used up; sending goes on at 00:00 UTC",
                extra={"sink": self.name, "bytes_per_day": self._budget.per_day},
            )
        self._tell_bytes()
        await asyncio.sleep(min(rest_s, REST_S))
        self._tell_bytes()
        return True

    # --- reports ---

    async def _report(self, reports: Reports) -> None:
        try:
            opened = await reports.exchange()
        except (HubUnreachable, KeyRejected) as error:
            self._pay()
            await self._wait(error)
            return
        self._budget.reported(self._pay())
        self._works_again()
        if opened:
            await self._stop_sealing()
            self._lanes.hurry()
        await self._write_down()

    # --- batches ---

    async def _deliver(self, sealed: Sealed) -> None:
        """Send one batch until it is settled, in quarantine, or the sink is away."""
        refused = announce = False
        while sealed.count:
            batch = await self._batch(sealed, announce)
            try:
                receipt = await self._send(batch)
            except UnknownLayout:
                if announce:
                    await self._wait(HubUnreachable("the hub asks for layouts that it was sent"))
                announce = True
            except BatchTooLarge as error:
                sealed = await self._shorter(sealed, "too-large", str(error))
                self._lanes.smaller(sealed.count)
            except BatchRefused as error:
                if refused:
                    sealed = await self._shorter(sealed, error.code, str(error))
                else:
                    sealed = await self._lanes.again() or sealed
                refused = True
            except (HubUnreachable, KeyRejected) as error:
                await self._away(sealed, error)
                return
            else:
                await self._settle(batch, receipt)
                return
        await self._outbox.ask(lambda j: j.settle(self.name, sealed.first, sealed.last))

    async def _batch(self, sealed: Sealed, announce: bool) -> Batch | Packed:
        """The batch, with what the sink has to know about streams it was not told of in this
        run, or of all when it asks.
        """
        known, clock = await self._outbox.ask(partial(self._beside, sealed=sealed))
        told = {} if announce else self._announced
        news = [known[key] for key in sorted(sealed.streams) if told.get(key) != known[key]]
        if sealed.packed:
            return replace(sealed.packed, announcements=tuple(news), clock=clock)
        return Batch(
            sealed.boot, sealed.number, sealed.first, sealed.last, sealed.kept, tuple(news), clock
        )

    def _beside(
        self, journal: Journal, sealed: Sealed
    ) -> tuple[dict[tuple[str, str], Announcement], ClockFact | None]:
        ask = self._reports if sealed.unsynced else None
        clock = ask.clock_for(journal, sealed.boot) if ask else None
        return journal.announcements, clock

    async def _send(self, batch: Batch | Packed) -> Receipt:
        try:
            receipt = await self._destination.deliver(batch)
        finally:
            self._cost = self._pay()
        if (receipt.boot, receipt.first, receipt.last) != (batch.boot, batch.first, batch.last):
            raise HubUnreachable("the answer is a receipt for something else")
        return receipt

    async def _settle(self, batch: Batch | Packed, receipt: Receipt) -> None:
        self._announced |= {(a.instrument, a.layout.id): a for a in batch.announcements}
        self._lanes.went_well()
        self._budget.uploaded(self._cost, batch.count, backlog=self._lanes.backlog)
        self._works_again()
        self._tries = 0
        state = self.state
        state.in_flight = 0
        state.batches += 1
        state.readings += batch.count
        state.last_receipt_utc_us = batch.newest_utc_us
        now_s = asyncio.get_running_loop().time()
        settle = partial(self._settled, batch=batch, receipt=receipt, now_s=now_s)
        if await self._outbox.ask(settle):
            self._lanes.hurry()
        await self._write_down()

    def _settled(
        self, journal: Journal, batch: Batch | Packed, receipt: Receipt, now_s: float
    ) -> bool:
        """Note the receipt; whether the sink gets again what it says it lost."""
        journal.settle(self.name, batch.first, batch.last)
        lost = [(batch.boot, first, last) for first, last in receipt.missing]
        return self._resend.send(journal, lost, now_s)

    async def _shorter(self, sealed: Sealed, code: str, message: str) -> Sealed:
        """The first half of a batch; a single reading goes to quarantine and leaves nothing to
        send.
        """
        if sealed.packed:
            sealed = await self._lanes.again() or sealed
        if len(sealed.kept) > 1:
            middle = sealed.kept[(len(sealed.kept) - 1) // 2].sequence
            shorter = await self._outbox.ask(lambda j: j.shorten(self.name, middle))
            self._lanes.hurry()
            return shorter or sealed
        log.error(
            "a reading is refused and set aside",
            extra={"sink": self.name, "sequence": sealed.last, "code": code, "reason": message},
        )
        self.state.quarantined += 1
        await self._outbox.ask(
            lambda j: j.quarantine(self.name, sealed.first, sealed.last, code, message)
        )
        self._lanes.hurry()
        return Sealed(sealed.boot, sealed.number, sealed.first, sealed.last, ())

    # --- when it does not work, and when it does again ---

    async def _away(self, sealed: Sealed, error: FieldstationError) -> None:
        """Wait; a large batch that fails again and again is cut, for the sake of a bad link."""
        await self._wait(error)
        self._tries += isinstance(error, HubUnreachable)
        if self._tries >= TRIES_WHOLE and sealed.count > MOST_READINGS:
            self._tries = 0
            shorter = await self._shorter(sealed, "", "")
            self._lanes.smaller(shorter.count)
        self._lanes.hurry()

    async def _wait(self, error: FieldstationError) -> None:
        """Say what is wrong once, then wait; a person's act on the key ends the wait.

        A single failure is not worth a line: a server may close a connection at any moment.
        """
        self.state.error = str(error)
        self.state.failures += 1
        worth = self.state.failures > 1 or isinstance(error, KeyRejected)
        if worth and type(error) not in self._said:
            log.warning("sink is away", extra={"sink": self.name, "reason": str(error)})
            self._said.add(type(error))
        if self._reports is not None and not isinstance(error, StoreError):
            self._reports.lost()
        wait_s = self._backoff.next_s()
        if not isinstance(error, KeyRejected):
            await asyncio.sleep(wait_s)
            return
        try:
            async with asyncio.timeout(max(wait_s, LONGEST_WAIT_S / 15)):
                await self._destination.renewed()
        except TimeoutError:
            return
        self._backoff.reset()

    def _works_again(self) -> None:
        self._backoff.reset()
        if self._said:
            log.info("sink is back", extra={"sink": self.name})
            self._said.clear()
        self.state.error, self.state.failures = "", 0

    # --- counts ---

    def _pay(self) -> int:
        """What the exchange just now took, in bytes."""
        paid, self._paid = self._paid, self._destination.traffic
        self._budget.spend(self._paid - paid)
        return self._paid - paid

    async def _write_down(self) -> None:
        """Bring what was spent to the journal, which writes it with its next commit."""
        day, count = self._budget.unwritten()

        def work(journal: Journal) -> int:
            if count:
                journal.note_sent(day, count)
            self.state.settled = journal.cursor(self.name).settled
            self.state.backlog, self.state.newest = journal.backlog(self.name), journal.last
            return journal.sent_today(day)

        self._budget.known(day, await self._outbox.ask(work))
        self._tell_bytes()

    def _tell_bytes(self) -> None:
        self.state.bytes_today = self._budget.today
        self.state.goes_on_utc_us = self._budget.goes_on_utc_us
