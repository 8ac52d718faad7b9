"""Brings readings from the journal to one sink: in order, each once, however long it was away.

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
6. A hub that lost readings says so in its receipts, and gets them again from the journal, once.
   `test_a_hub_that_lost_readings_gets_them_again`
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from fieldstation.batch.model import Announcement, Batch, Receipt, UnknownLayout
from fieldstation.errors import (
    BatchRefused,
    FieldstationError,
    HubUnreachable,
    KeyRejected,
    StoreError,
)
from fieldstation.journal import Journal, Sealed
from fieldstation.sinks.backoff import Backoff
from fieldstation.sinks.destination import BatchTooLarge, Destination
from fieldstation.sinks.outbox import Outbox

log = logging.getLogger(__name__)

MOST_READINGS = 600
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 900.0
MOST_RESENT = 1000  # ranges remembered as sent again; a hub that names more is not believed sooner
# A reading may come this share of the interval early or late and still lead its upload, so that
# sealing shares the reading's own write to the disk.
EARLY, LATE = 0.2, 0.5


@dataclass(slots=True)
class PumpState:
    """What `status` tells about a sink."""

    batches: int = 0
    readings: int = 0
    quarantined: int = 0
    settled: int = 0
    in_flight: int = 0
    last_receipt_utc_us: int = 0
    error: str = ""
    failures: int = 0


class Pump:
    """One sink at work. `every_s` is the interval between uploads while nothing waits."""

    def __init__(
        self,
        outbox: Outbox,
        destination: Destination,
        *,
        every_s: float,
        backoff: Backoff | None = None,
    ) -> None:
        self.state = PumpState()
        self._outbox = outbox
        self._destination = destination
        self.name = destination.name
        self._every_s = every_s
        self._backoff = backoff or Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
        self._most = MOST_READINGS
        self._announced: dict[tuple[str, str], Announcement] = {}
        self._resent: deque[tuple[int, int]] = deque(maxlen=MOST_RESENT)
        self._said: set[type[FieldstationError]] = set()
        self._due_s = 0.0
        self._more = True

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                try:
                    await self._deliver(await self._next())
                except StoreError as error:
                    await self._wait(error)
        finally:
            await self._destination.aclose()

    async def _next(self) -> Sealed:
        """The next batch, once it is time for it."""
        loop = asyncio.get_running_loop()
        while True:
            news = self._outbox.news
            if alone := self._more:
                sealed = await self._outbox.ask(self._seal)
            else:
                await asyncio.sleep(self._due_s - loop.time())
                sealed = await self._outbox.ride(self._seal, self._every_s * LATE)
            if sealed is not None:
                self._due_s = loop.time() + self._every_s * (1 - EARLY)
                self._more = sealed.last - sealed.first + 1 >= self._most
                self.state.in_flight = sealed.last - sealed.first + 1
                return sealed
            self._more = False
            if not alone:  # what still waits for its commit is seen only by who rides with it
                await news.wait()

    def _seal(self, journal: Journal) -> Sealed | None:
        self.state.settled = journal.cursor(self.name).settled
        return journal.seal(self.name, self._most)

    async def _deliver(self, sealed: Sealed) -> None:
        """Send one batch until it is settled or in quarantine."""
        refused = announce = False
        while sealed.kept:
            batch = await self._batch(sealed, announce)
            try:
                receipt = await self._destination.deliver(batch)
                self._fits(batch, receipt)
            except UnknownLayout:
                if announce:
                    await self._wait(HubUnreachable("the hub asks for layouts that it was sent"))
                announce = True
            except BatchTooLarge as error:
                sealed = await self._shorter(sealed, "too-large", str(error))
                self._most = max(1, len(sealed.kept))
            except BatchRefused as error:
                if refused:
                    sealed = await self._shorter(sealed, error.code, str(error))
                else:
                    sealed = await self._again(sealed)
                refused = True
            except KeyRejected as error:
                await self._wait(error)
            except HubUnreachable as error:
                await self._wait(error)
            else:
                return await self._settle(batch, receipt)
        return await self._outbox.ask(lambda journal: journal.settle(self.name, sealed.last))

    async def _batch(self, sealed: Sealed, announce: bool) -> Batch:
        """The batch, with what the sink has to know about streams it was not told of in this
        run, or of all when it asks.
        """
        streams = {(k.reading.instrument, k.reading.layout.id) for k in sealed.kept}
        known = await self._outbox.ask(lambda journal: journal.announcements)
        told = {} if announce else self._announced
        news = [known[key] for key in sorted(streams) if told.get(key) != known[key]]
        return Batch(
            sealed.boot, sealed.number, sealed.first, sealed.last, sealed.kept, tuple(news)
        )

    def _fits(self, batch: Batch, receipt: Receipt) -> None:
        if (receipt.boot, receipt.first, receipt.last) != (batch.boot, batch.first, batch.last):
            raise HubUnreachable("the answer is a receipt for something else")

    async def _settle(self, batch: Batch, receipt: Receipt) -> None:
        self._announced |= {(a.instrument, a.layout.id): a for a in batch.announcements}
        # After a 413 back to the usual size in small steps: each one may cost another refusal.
        self._most = min(self._most + max(1, self._most // 16), MOST_READINGS)
        self._backoff.reset()
        state = self.state
        if self._said:
            log.info("sink is back", extra={"sink": self.name})
            self._said.clear()
        state.error, state.failures, state.in_flight = "", 0, 0
        state.batches += 1
        state.readings += len(batch.readings)
        state.settled = batch.last
        state.last_receipt_utc_us = batch.readings[-1].reading.instant.utc_us
        lost = [span for span in receipt.missing if span not in self._resent]

        def settle(journal: Journal) -> bool:
            journal.settle(self.name, batch.last)
            return self._rewind(journal, batch.boot, lost)

        self._more = await self._outbox.ask(settle) or self._more

    def _rewind(self, journal: Journal, boot: bytes, lost: Sequence[tuple[int, int]]) -> bool:
        """Go back to the first range the sink lost that the journal still has to give."""
        if not lost:
            return False
        given_up = {
            number
            for entry in journal.quarantined()
            if entry.sink in ("", self.name)
            for number in (entry.first, entry.last)
        }
        for first, last in sorted(lost):
            self._resent.append((first, last))
            if first in given_up and last in given_up:
                continue
            if journal.rewind(self.name, first, last, boot):
                log.warning(
                    "the sink lost readings and gets them again",
                    extra={"sink": self.name, "first": first, "last": last},
                )
                return True
        return False

    async def _again(self, sealed: Sealed) -> Sealed:
        """The batch in flight, read from the journal once more."""
        return await self._outbox.ask(self._seal) or sealed

    async def _shorter(self, sealed: Sealed, code: str, message: str) -> Sealed:
        """The first half of a batch; a single reading goes to quarantine and leaves nothing to
        send.
        """
        if len(sealed.kept) > 1:
            middle = sealed.kept[(len(sealed.kept) - 1) // 2].sequence
            shorter = await self._outbox.ask(lambda j: j.shorten(self.name, middle))
            self._more = True
            return shorter or sealed
        log.error(
            "a reading is refused and set aside",
            extra={"sink": self.name, "sequence": sealed.last, "code": code, "reason": message},
        )
        self.state.quarantined += 1
        await self._outbox.ask(
            lambda j: j.quarantine(self.name, sealed.first, sealed.last, code, message)
        )
        self._more = True
        return Sealed(sealed.boot, sealed.number, sealed.first, sealed.last, ())

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
