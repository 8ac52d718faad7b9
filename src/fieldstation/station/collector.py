"""The way of readings into the journal: a bounded queue, one thread, group commits.

1. The journal lives on one thread and is touched by nothing else.
2. Readings wait at most `commit_every_s`; all that wait share one commit. What can wait for the
   disk as well (sealing a batch, a hole) rides with them.
   `test_readings_of_one_moment_share_one_commit`
3. A full journal first gives up the oldest of what every sink has. While it takes nothing, readings
   stay here up to MOST_WAITING; then new ones are turned away, and whoever brought them counts a
   hole. `test_a_full_journal_drops_what_was_delivered_first`,
   `test_a_full_queue_turns_readings_away`
4. What is to be said goes on being written then, in the room of the reserve or above the journal's
   own limit, so the hole is there before the power goes. `test_a_full_disk_still_takes_the_hole`
5. A journal that is found damaged is put aside and a new one goes on with the next sequence; what
   still waits here is written there. `test_a_journal_damaged_at_work_is_replaced`
   Its rows come back beside the work (rescue).
6. A disk that fails twice ends the station, for a new process to try, but not within STAY_S of the
   start: then it stays and says so. A disk that is only read-only is waited for.
   `test_a_disk_that_goes_on_failing_ends_the_station_but_not_at_once`,
   `test_a_read_only_journal_is_waited_for`
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from fieldstation.errors import StoreDamaged, StoreError, StoreFull
from fieldstation.journal import Journal, open_journal
from fieldstation.journal.faults import DiskFault, DiskReadOnly
from fieldstation.journal.reserve import Reserve
from fieldstation.journal.salvage import waiting as waiting_aside
from fieldstation.model import Instant, Reading
from fieldstation.sinks.backoff import Backoff
from fieldstation.station.clock import Clock
from fieldstation.station.rescue import Rescue
from fieldstation.station.riders import Rider, Work, forget, settle

T = TypeVar("T")

log = logging.getLogger(__name__)

MOST_WAITING = 10_000  # readings in memory, about 10 MB
MOST_TOGETHER = 1000  # readings in one commit
MOST_PATIENT = 1000  # works kept for a journal that takes nothing; the oldest go first
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
STAY_S = 60.0
SLACK_BYTES = 1 << 20  # for what is to be said when the journal has reached its own limit
RESERVE_S = 60.0  # between tries to take the reserve again


@dataclass(slots=True)
class CollectorState:
    """What `status` tells about the journal."""

    last_sequence: int = 0
    size_bytes: int = 0
    waiting: int = 0
    turned_away: int = 0
    error: str = ""
    full: bool = False
    reserve: bool = False
    set_aside: list[str] = field(default_factory=list)
    salvage: str = ""


class Collector:
    """Owns the journal at `path`. Use within `async with`; `run` must be running for anything to
    be written. `make_room` deletes something from a full journal and tells how much.
    `reserve_bytes` are kept free for when the disk is full.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        commit_every_s: float = 1.0,
        most_bytes: int = 0,
        make_room: Callable[[Journal], int] = lambda journal: 0,
        reserve_bytes: int = 0,
    ) -> None:
        self.state = CollectorState()
        self._make_room = make_room
        self._path = path
        self._clock = clock
        self._commit_every_s = commit_every_s
        self._most_bytes = most_bytes
        self._waiting: deque[Reading] = deque()
        self._riders: list[Rider] = []
        self._news = asyncio.Event()
        self._wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "journal")
        self._backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S)
        self._journal: Journal
        self._loop: asyncio.AbstractEventLoop
        self._reserve = Reserve(path.with_name(f"{path.stem}.reserve"), reserve_bytes)
        self._reserve_bytes, self._reserve_us = reserve_bytes, 0
        self._rescue = Rescue(self, path)
        self.whole = asyncio.Event()
        """Set while no damaged journal waits that may hold more than this one."""
        self._began_us = 0
        self._full: StoreFull | None = None
        self._short = False
        self._hole = 0
        self._finishing = False

    async def __aenter__(self) -> Collector:
        self._loop = asyncio.get_running_loop()
        self._began_us = self._clock.now().mono_us
        with ExitStack() as undo:
            undo.callback(self._thread.shutdown)
            await self._open_at_last()
            self.look_aside()
            undo.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._on_thread(self._journal.close)
        finally:
            self._thread.shutdown()

    # --- bringing ---

    def offer(self, reading: Reading) -> bool:
        """Queue a reading for the next commit. False when there is no room for it."""
        if len(self._waiting) >= MOST_WAITING:
            self.state.turned_away += 1
            return False
        self._waiting.append(reading)
        self.state.waiting = len(self._waiting)
        self._wanted.set()
        self._news.set()
        self._news = asyncio.Event()
        return True

    @property
    def news(self) -> asyncio.Event:
        """As `Outbox.news`."""
        return self._news

    def now(self) -> Instant:
        """This moment, by the station's clock."""
        return self._clock.now()

    def hole_number(self) -> int:
        """The next number for a hole."""
        self._hole += 1
        return self._hole

    def look_aside(self) -> None:
        """Tell whether the journal is whole."""
        (self.whole.clear if waiting_aside(self._path) else self.whole.set)()

    async def ask(self, work: Callable[[Journal], T]) -> T:
        """As `Outbox.ask`."""
        return await self._on_thread(lambda: self._mending(lambda: work(self._journal)))

    async def ride(self, work: Callable[[Journal], T], patience_s: float) -> T:
        """As `Outbox.ride`."""
        loop = asyncio.get_running_loop()
        rider = Rider(work, loop.create_future())
        self._riders.append(rider)
        timer = loop.call_later(patience_s, self.hurry)
        try:
            result: T = await rider.done
        finally:
            timer.cancel()
        return result

    def soon(self, work: Work, patience_s: float) -> None:
        """Like `ride` for who does not wait for the outcome: tried until the journal takes it."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        done.add_done_callback(forget)
        self._riders.append(Rider(work, done, patient=True))
        loop.call_later(patience_s, self.hurry)

    def hurry(self) -> None:
        """Commit what waits now."""
        if self._riders or self._waiting:
            self._hurry.set()
            self._wanted.set()

    def finish(self) -> None:
        """Nothing more will be brought: `run` writes what waits and returns."""
        self._finishing = True
        self._hurry.set()
        self._wanted.set()

    # --- writing ---

    async def run(self) -> None:
        """Commit until `finish` is called and nothing waits any more. Raises StoreUnavailable when
        the disk goes on failing.
        """
        salvaging = asyncio.create_task(self._rescue.run())
        try:
            await self._run()
        finally:
            salvaging.cancel()
            await asyncio.wait([salvaging])

    async def _run(self) -> None:
        while self._waiting or self._riders or not self._finishing:
            await self._wanted.wait()
            try:
                async with asyncio.timeout(0 if self._finishing else self._commit_every_s):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            self._hurry.clear()
            try:
                await self.commit()
            except StoreError as error:
                if self._finishing:
                    log.error("readings are lost", extra={"count": len(self._waiting)})
                    return
                failing = isinstance(error, DiskFault) and not isinstance(error, DiskReadOnly)
                if failing and self._since_s >= STAY_S:
                    raise
                await self._wait(error)
            if self._waiting or self._finishing:
                self._wanted.set()

    async def commit(self) -> None:
        """Write what waits, up to MOST_TOGETHER readings. Raises StoreError; then it all waits on,
        except for riders who want to be told.
        """
        readings = list(islice(self._waiting, MOST_TOGETHER))
        riders = [rider for rider in self._riders if not rider.done.done()]
        self._riders = []
        try:
            results, full = await self._on_thread(lambda: self._as_room_is(readings, riders))
        except StoreError as error:
            patient = [rider for rider in riders if rider.patient]
            self._riders = [*patient[-MOST_PATIENT:], *self._riders]
            told = [rider for rider in riders if not rider.patient]
            settle(told, [error] * len(told))
            raise
        settle(riders, results)
        if full is not None:
            raise full
        for _ in readings:
            self._waiting.popleft()
        self.state.waiting = len(self._waiting)
        if self.state.error and not self.state.full:
            log.info("the journal takes readings again")
            self.state.error = ""
        self._backoff.reset()

    async def _open_at_last(self) -> None:
        """Open the journal. Raises DiskFault when the disk goes on failing."""
        while True:
            try:
                return await self._on_thread(lambda: self._open(0))
            except DiskFault as error:
                if self._since_s >= STAY_S:
                    raise
                await self._wait(error)

    @property
    def _since_s(self) -> float:
        return (self._clock.now().mono_us - self._began_us) / 1e6

    async def _wait(self, error: StoreError) -> None:
        if not self.state.error:
            log.error("the journal takes no readings", extra={"reason": str(error)})
        self.state.error = str(error)
        await asyncio.sleep(self._backoff.next_s())
        self._wanted.set()

    # --- on the journal's thread ---

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _write(self, readings: list[Reading], riders: list[Rider]) -> list[Any]:
        def work() -> list[Any]:
            if readings:
                self._journal.append(readings)
            return [rider.work(self._journal) for rider in riders]

        results = self._journal.transact(work)
        self.state.last_sequence = self._journal.last
        return results

    def _as_room_is(
        self, readings: list[Reading], riders: list[Rider]
    ) -> tuple[list[Any], StoreFull | None]:
        """Write everything; without room for it the riders alone, and why."""
        if not self.state.full or self._room_again():
            try:
                results = self._mending(lambda: self._write(readings, riders))
            except StoreFull as error:
                self._give_way(error)
            else:
                self.state.full = self._short = False
                self._keep_reserve()
                return results, None
        return self._mending(lambda: self._write([], riders)), self._full if readings else None

    def _mending(self, work: Callable[[], T]) -> T:
        """Run `work`; when the journal turns out to be full or damaged, mend it and run it
        again.
        """
        try:
            return work()
        except StoreFull as error:
            if self._reserve.short:
                self._short, self.state.reserve = True, False
                self._reserve.give_up()  # deleting takes room, too
            if not self._make_room(self._journal):
                self._give_way(error)  # whoever met it: the reserve's room is not for readings
                raise
            return work()
        except StoreDamaged as error:
            log.error("the journal is damaged", extra={"reason": str(error)})
            old = self._journal
            old.release()
            self._open(old.last, damaged=True)
            self._journal.announce(list(old.announcements.values()))
            return work()

    def _give_way(self, error: StoreFull) -> None:
        """Readings find no room any more: make some for what is to be said."""
        self._full = error
        if self.state.full:
            return
        now, text = self._clock.now(), str(error)
        told = partial(self.soon, lambda journal: journal.tell(now, "disk_full", text), 0.0)
        self._loop.call_soon_threadsafe(told)
        self.state.full = True
        if not self._short:
            self._journal.widen(SLACK_BYTES)

    def _room_again(self) -> bool:
        """Whether readings may find room again. The reserve's own is not for them."""
        if self._short:
            return self._reserve.make() or self._make_room(self._journal) > 0
        self._journal.widen(0)
        return True

    def _keep_reserve(self) -> None:
        """Take the reserve again when it was given up, from time to time."""
        mono_us = self._clock.now().mono_us
        if self._reserve_bytes and not self._reserve.there and mono_us >= self._reserve_us:
            self._reserve_us = mono_us + round(RESERVE_S * 1e6)
            self._reserve.make()
        self.state.reserve = self._reserve.there

    def _open(self, floor: int, *, damaged: bool = False) -> None:
        self._journal, aside = open_journal(
            self._path,
            utc_us=lambda: self._clock.now().utc_us,
            most_bytes=self._most_bytes,
            floor=floor,
            damaged=damaged,
        )
        self._journal.begin(self._clock.now(), self._clock.kernel)
        self._journal.keep_all = bool(waiting_aside(self._path))
        self._hole = max(self._hole, self._journal.newest_hole)
        self.state.last_sequence = self._journal.last
        if not self.state.full:
            self._keep_reserve()
        if aside is not None:
            self.state.set_aside.append(aside.name)
            text = f"the journal was damaged and lies in {aside.name}"
            self._journal.tell(self._clock.now(), "journal_set_aside", text)
            self._loop.call_soon_threadsafe(self._rescue.wanted.set)
            self._loop.call_soon_threadsafe(self.look_aside)
            log.error("a damaged journal was put aside", extra={"file": str(aside)})
