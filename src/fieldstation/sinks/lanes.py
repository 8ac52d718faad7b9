"""What a sink gets next, and when.

1. While no more waits than one upload takes, all of it goes, in order, every interval. It is sealed
   within the commit of its newest reading, which saves a write to the disk.
   `test_sealing_shares_the_write_of_the_reading`
2. While more waits, the newest readings go every interval, and between them the backlog, oldest
   first, in large batches without pause. `test_new_readings_do_not_wait_for_a_backlog`
3. After an outage the newest go first. `test_the_newest_readings_go_first_after_an_outage`
4. A reading that is not ready stays, and keeps back nothing but what lies behind it in its own run.
   `test_unsynced_readings_wait_for_the_hubs_time`
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from fieldstation.journal import Journal, Sealed
from fieldstation.model import Kept
from fieldstation.sinks.budget import Budget
from fieldstation.sinks.outbox import Outbox

MOST_READINGS = 600
# Larger ones are hardly cheaper for each reading, and keep the journal's thread for longer: 50 ms
# on a small PC, 0.3 s on a small board; 5 MB while they are encoded.
MOST_BACKLOG = 5000
# A reading may come this share of the interval early or late and still lead its upload, so that
# sealing shares the reading's own write to the disk.
EARLY, LATE = 0.2, 0.5
# A backlog that may not go yet, for want of bytes or of a clock, is looked at again after this.
LOOK_AGAIN_S = 60.0

Ready = Callable[[Journal], Callable[[Kept], bool]]


class Lanes:
    """Seals batches for `sink`. `every_s` is the interval between uploads while nothing waits.
    `newest_first` False: all in order (rules 2 and 3 do not hold). No `ready`: all are.
    """

    def __init__(
        self,
        outbox: Outbox,
        sink: str,
        budget: Budget,
        every_s: float,
        *,
        newest_first: bool,
        ready: Ready | None = None,
    ) -> None:
        self._outbox = outbox
        self._sink = sink
        self._budget = budget
        self._every_s = every_s
        self._newest_first = newest_first
        self._ready = ready
        self._ceiling = MOST_BACKLOG if newest_first else MOST_READINGS
        self._most = self._ceiling
        self._due_s = 0.0
        self._more = True
        self._waiting = 0
        self.backlog = False
        """Whether the batch sealed last was taken from a backlog."""

    async def next(self) -> Sealed:
        """The next batch, once it is time for it. May be cancelled: what was sealed then is in
        flight and comes next.
        """
        loop = asyncio.get_running_loop()
        while True:
            news = self._outbox.news
            if alone := self._more:
                sealed = await self._outbox.ask(partial(self._seal, now_s=loop.time()))
            else:
                await asyncio.sleep(self._due_s - loop.time())
                seal = partial(self._seal, now_s=self._due_s)
                sealed = await self._outbox.ride(seal, self._every_s * LATE)
            if sealed is not None:
                if not self.backlog:
                    pace_s = self._budget.pace_s(self._every_s)
                    self._due_s = loop.time() + pace_s - self._every_s * EARLY
                return sealed
            self._more = False
            if not alone:  # what still waits for its commit is seen only by who rides with it
                await self._until(news)

    async def again(self) -> Sealed | None:
        """The batch in flight, its readings read from the journal once more."""
        return await self._outbox.ask(lambda journal: journal.seal(self._sink, 1))

    def hurry(self) -> None:
        """Seal at once, the newest first: a connection is there, or more may go than before."""
        self._more, self._due_s = True, 0.0

    def smaller(self, most: int) -> None:
        """The sink takes no more than `most` readings at once."""
        self._most, self._more = max(1, most), True

    def went_well(self) -> None:
        """Back to the usual size in small steps: each one may cost another refusal."""
        self._most = min(self._most + max(1, self._most // 16), self._ceiling)

    async def _until(self, news: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(LOOK_AGAIN_S if self._waiting else None):
                await news.wait()
        except TimeoutError:
            pass

    # --- on the journal's thread ---

    def _seal(self, journal: Journal, now_s: float) -> Sealed | None:
        waiting = journal.backlog(self._sink)
        behind = self._newest_first and waiting > MOST_READINGS
        sealed = None
        self.backlog = False
        if not behind or now_s >= self._due_s:
            sealed = self._sealed(journal, min(self._most, MOST_READINGS), fresh=behind)
        if sealed is None and behind:
            self.backlog = True
            most = self._budget.backlog_most(self._every_s, self._most)
            sealed = self._sealed(journal, most, fresh=False) if most else None
        self._waiting = waiting
        taken = sealed.count if sealed else 0
        self._more = sealed is not None and waiting - taken >= (1 if behind else MOST_READINGS)
        return sealed

    def _sealed(self, journal: Journal, most: int, *, fresh: bool) -> Sealed | None:
        ready = self._ready(journal) if self._ready else None
        return journal.seal(self._sink, most, fresh=fresh, ready=ready, packed=True)
