"""What the hub does by itself as time passes: at its start and every hour after.

1. Accounts, sensors, plots and dashboards whose time to undo is over are deleted then, however long
   the hub runs and whether or not anybody comes (test_what_is_over_is_deleted_while_the_hub_runs).
2. Sessions, PINs and counts of failures that mean nothing any more are dropped.
3. A chore that fails is logged, done again an hour later, and keeps no other from being done
   (test_a_chore_that_fails_stops_no_other).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from functools import partial

from django.contrib.sessions.models import Session
from django.utils import timezone

from fieldstation.hub.accounts import leaving, sessions, throttle
from fieldstation.hub.plots import removing
from fieldstation.hub.stations import pins
from fieldstation.hub.threads import Threads

EVERY_S = 3600.0
log = logging.getLogger(__name__)

Begin = Callable[[], asyncio.Future[None]]
"""Begins a chore in a thread."""


def delete_accounts() -> None:
    """The accounts whose week is over."""
    leaving.carry_out(timezone.now())


def erase_plots() -> None:
    """The saved plots and dashboards whose day is over."""
    removing.erase(timezone.now())


def drop_what_is_over() -> None:
    """Rows that open or close nothing any more."""
    now = timezone.now()
    sessions.drop_over(now)
    Session.objects.filter(expire_date__lt=now).delete()
    throttle.drop_quiet(now)
    pins.drop_over(now)


def usual(threads: Threads) -> dict[str, Begin]:
    """The chores that any thread can do."""
    return {
        "accounts": partial(threads.start, delete_accounts),
        "plots": partial(threads.start, erase_plots),
        "rows": partial(threads.start, drop_what_is_over),
    }


class Chores:
    """Does the chores one after the other, on the event loop."""

    def __init__(self, chores: Mapping[str, Begin], every_s: float = EVERY_S) -> None:
        self._chores = chores
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._task = asyncio.create_task(self._work(), name="chores")

    async def stop(self) -> None:
        """End after the chore in hand."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def round(self) -> None:
        """Do every chore once."""
        for name, begin in self._chores.items():
            work = begin()
            await asyncio.wait([work])
            if (fault := work.exception()) is not None:
                log.error("chore=failed what=%s", name, exc_info=fault)

    async def _work(self) -> None:
        while True:
            await self.round()
            await asyncio.sleep(self._every_s)
