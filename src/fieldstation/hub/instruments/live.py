"""The live board: who looks at a page is told when an instrument has new values.

1. The board keeps the newest state of every instrument with a growing number; a follower is sent
   the states whose number is above the last it saw. So a slow follower skips states and never
   queues them, and one that comes back with its last number misses nothing that still holds
   (test_a_follower_that_returns_gets_what_changed_meanwhile).
2. Numbers belong to one run of the hub; a number from another run means "send everything".
3. While nobody looks, the board only remembers which gateways were touched.
4. A follower is sent states of the sites it may see, and no others. Which these are is asked at the
   start and every few seconds (test_the_stream_tells_each_person_of_their_own_sites_only).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from operator import itemgetter
from uuid import UUID

import orjson

from fieldstation.errors import StoreError
from fieldstation.hub.instruments.catalogue import Instrument, all_instruments
from fieldstation.hub.stations.models import Gateway
from fieldstation.hub.threads import Threads
from fieldstation.series.api import Latest, SeriesStore

# Several uploads within this time become one update of the pages.
GATHER_S = 0.25
HEARTBEAT_S = 15.0
# Who leaves a site or signs out is told nothing more after this time.
SITES_HOLD_S = 2.0

Name = tuple[str, str]
"""Gateway id and instrument name."""
Seen = tuple[UUID, bytes]
"""The site that an instrument belongs to, and its newest values as they are sent."""
State = tuple[int, UUID, bytes]
"""The same behind its number."""
Sites = Collection[UUID]


class LiveBoard:
    """Lives on the event loop; reads the store in one of `threads`."""

    def __init__(self, store: SeriesStore, threads: Threads, gather_s: float = GATHER_S) -> None:
        """`gather_s`: shortest time between two looks at the store."""
        self._store = store
        self._threads = threads
        self._gather_s = gather_s
        self._run = secrets.token_hex(4)
        self._number = 0
        self._states: dict[Name, State] = {}
        self._touched: set[str] = set()
        self._complete = False
        self.followers = 0
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._task = asyncio.create_task(self._work(), name="live-board")

    async def stop(self) -> None:
        """End all streams and the board."""
        await self.end_streams()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def end_streams(self) -> None:
        """Let every follower finish, so that the server can."""
        self._ended = True
        async with self._changed:
            self._changed.notify_all()

    def touch(self, stations: Iterable[str]) -> None:
        """These gateways sent new readings. Called on the event loop."""
        self._touched.update(stations)
        if self.followers:
            self._wake.set()

    def forget(self, name: Name) -> None:
        """This instrument's values were deleted. Called on the event loop."""
        self._states.pop(name, None)
        self.touch([name[0]])

    async def follow(
        self,
        last_id: str,
        seen: Callable[[], Awaitable[Sites | None]],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> AsyncIterator[bytes]:
        """Server-sent events of the sites `seen` from after `last_id` on; a comment when nothing
        happened for a while. Ends when `seen` gives None.
        """
        position, run, now = self._position(last_id), self._run.encode(), asyncio.get_running_loop()
        sites, asked_s = await seen(), now.time()
        self.followers += 1
        self._wake.set()
        try:
            yield b"retry: 2000\n\n"
            while sites is not None and not self._ended:
                for number, site, text in self._after(position):
                    position = number
                    if site in sites:
                        yield b"id: %s-%d\nevent: reading\ndata: %s\n\n" % (run, number, text)
                if not await self._moved_beyond(position, heartbeat_s):
                    yield b": still here\n\n"
                if now.time() - asked_s >= SITES_HOLD_S:
                    sites, asked_s = await seen(), now.time()
        finally:
            self.followers -= 1

    def _position(self, last_id: str) -> int:
        run, _, number = last_id.partition("-")
        return int(number) if run == self._run and number.isdigit() else 0

    def _after(self, position: int) -> list[State]:
        newer = (state for state in self._states.values() if state[0] > position)
        return sorted(newer, key=itemgetter(0))

    async def _moved_beyond(self, position: int, seconds: float) -> bool:
        def moved() -> bool:
            return self._ended or self._number > position

        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(moved)
        except TimeoutError:
            return False
        return True

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            touched, self._touched = self._touched, set()
            try:
                states = await self._threads.run(self._look, touched if self._complete else None)
            except StoreError:
                # The pages keep their age ticking; the next upload or heartbeat looks again.
                self._touched |= touched
                states = {}
            await self._post(states)
            await asyncio.sleep(self._gather_s)

    def _look(self, touched: set[str] | None) -> dict[Name, Seen]:
        found: dict[Name, Seen] = {}
        for one in all_instruments(self._store, Gateway.objects.all()):
            if touched is None or one.entry.station in touched:
                text = _text(one, one.latest(self._store))
                found[one.entry.station, one.name] = one.gateway.site_id, text
        self._complete = True
        return found

    async def _post(self, states: dict[Name, Seen]) -> None:
        for name, state in states.items():
            if name not in self._states or self._states[name][1:] != state:
                self._number += 1
                self._states[name] = (self._number, *state)
        async with self._changed:
            self._changed.notify_all()


def _text(one: Instrument, latest: Latest) -> bytes:
    return orjson.dumps(
        {
            "gateway": one.gateway.slug,
            "instrument": one.name,
            "at_ms": latest.at_us // 1000,
            "values": dict(latest.values),
        }
    )
