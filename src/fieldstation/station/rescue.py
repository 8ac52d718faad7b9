"""Brings back what damaged journals hold, beside the work.

1. It reads in a thread of its own with the lowest priority, in small steps, and rests as long as it
   works; what it found rides through the journal's thread like everything else.
   `test_a_damaged_journal_is_salvaged_beside_the_work`
2. A file is renamed from `damaged` to `salvaged` when all is done; until then it is begun again at
   every start. `test_a_salvage_cut_off_is_begun_again`
3. Without room for a second copy on the disk nothing is begun.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fieldstation.errors import StoreError, StoreFull
from fieldstation.journal.aside import move
from fieldstation.journal.putback import conclude, put_back, tell_again
from fieldstation.journal.salvage import Salvage, done_name, waiting

if TYPE_CHECKING:
    from fieldstation.journal import Journal
    from fieldstation.station.collector import Collector

log = logging.getLogger(__name__)

_FACTS = 100  # put back in one transaction
_SPARE_BYTES = 8 << 20
_LEAST_REST_S = 0.01
_AGAIN_S = 60.0


class Rescue:
    """Goes through what lies put aside beside the journal `path` of `collector`."""

    def __init__(self, collector: Collector, path: Path) -> None:
        self.wanted = asyncio.Event()
        self._collector = collector
        self._path = path

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self.wanted.clear()
            for aside in waiting(self._path):
                await self._until_done(aside)
            await self._release()
            self._collector.look_aside()
            await self.wanted.wait()

    async def _until_done(self, aside: Path) -> None:
        while True:
            try:
                await self._salvage(aside)
                return
            except StoreFull as error:
                self._collector.state.salvage = str(error)
                log.error("nothing more is salvaged", extra={"reason": str(error)})
                return
            except StoreError as error:
                log.warning("salvage waits", extra={"reason": str(error)})
                await asyncio.sleep(_AGAIN_S)

    async def _salvage(self, aside: Path) -> None:
        _need_room(aside)
        collector = self._collector
        known = await collector.ask(lambda journal: list(journal.announcements.values()))
        every = waiting(self._path)
        nth = len(every) - every.index(aside)
        found = Salvage(aside, known, [collector.now().boot], nth)
        with ThreadPoolExecutor(1, "salvage", initializer=_humbly) as thread:
            await self._rows(found, thread)
        facts = found.facts
        for at in range(0, len(facts), _FACTS):
            await collector.ask(partial(tell_again, facts=facts[at : at + _FACTS]))
            await asyncio.sleep(_LEAST_REST_S)
        only = len(every) == 1
        event = await collector.ask(
            lambda journal: conclude(journal, found, collector.now(), journal.origin if only else 0)
        )
        move(aside, done_name(aside))
        collector.state.salvage = event.text if event else ""
        log.info("a damaged journal was salvaged", extra={"result": collector.state.salvage})

    async def _rows(self, found: Salvage, thread: ThreadPoolExecutor) -> None:
        loop, steps = asyncio.get_running_loop(), found.steps()
        while True:
            began = loop.time()
            kept = await loop.run_in_executor(thread, next, steps, None)
            if kept is None:
                return
            await self._collector.ask(partial(put_back, found=found, kept=kept))
            self._collector.state.salvage = (
                f"{found.seen.count} readings found in {found.aside.name} so far"
            )
            await asyncio.sleep(max(_LEAST_REST_S, loop.time() - began))

    async def _release(self) -> None:
        """Let the journal delete again."""

        def work(journal: Journal) -> None:
            journal.keep_all = False

        while True:
            try:
                await self._collector.ask(work)
                return
            except StoreError:
                await asyncio.sleep(_AGAIN_S)


def _need_room(aside: Path) -> None:
    size = aside.stat().st_size if aside.is_file() else 0
    needed, free = size + _SPARE_BYTES, shutil.disk_usage(aside.parent).free
    if free < needed:
        raise StoreFull(
            f"salvaging {aside.name} takes {needed // 1_000_000} MB of free disk space and"
            f" {free // 1_000_000} MB are free: free some and start the station again"
        )


def _humbly() -> None:
    """The lowest priority for this thread; on Linux each has its own."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
