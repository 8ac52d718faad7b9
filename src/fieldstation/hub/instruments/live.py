"""The live board: who looks at a page is told when an instrument has new values.

1. The board keeps the newest state of every instrument with a growing number; a follower is sent
   the states whose number is above the last it saw. So a slow follower skips states and never
   queues them, and one that comes back with its last number misses nothing that still holds
   (test_a_follower_that_returns_gets_what_changed_meanwhile).
2. Numbers belong to one run of the hub; a number from another run means "send everything".
3. While nobody looks, the board only remembers which gateways were touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable

import orjson

from fieldstation.errors import StoreError
from fieldstation.hub.instruments.catalogue import Instrument, all_instruments
from fieldstation.hub.threads import Threads
from fieldstation.series.api import Latest, SeriesStore

# Several uploads within this time become one update of the pages.
GATHER_S = 0.25
HEARTBEAT_S = 15.0

Name = tuple[str, str]
"""Gateway id and instrument name."""


class LiveBoard:
    """Lives on the event loop; reads the store in one of `threads`."""

    def __init__(self, store: SeriesStore, threads: Threads, gather_s: float = GATHER_S) -> None:
        """`gather_s`: shortest time between two looks at the store."""
        self._store = store
        self._threads = threads
        self._gather_s = gather_s
        self._run = secrets.token_hex(4)
        self._number = 0
        self._states: dict[Name, tuple[int, bytes]] = {}
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

    async def follow(self, last_id: str, heartbeat_s: float = HEARTBEAT_S) -> AsyncIterator[bytes]:
        """Server-sent events from after `last_id` on; a comment when nothing happened for a
        while.
        """
        position = self._position(last_id)
        self.followers += 1
        self._wake.set()
        try:
            yield b"retry: 2000\n\n"
            while not self._ended:
                for number, text in self._after(position):
                    position = number
                    yield b"id: %s-%d\nevent: reading\ndata: %s\n\n" % (
                        self._run.encode(),
                        number,
                        text,
                    )
                if not await self._moved_beyond(position, heartbeat_s):
                    yield b": still here\n\n"
        finally:
            self.followers -= 1

    def _position(self, last_id: str) -> int:
        run, _, number = last_id.partition("-")
        return int(number) if run == self._run and number.isdigit() else 0

    def _after(self, position: int) -> list[tuple[int, bytes]]:
        return sorted(state for state in self._states.values() if state[0] > position)

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

    def _look(self, touched: set[str] | None) -> dict[Name, bytes]:
        found: dict[Name, bytes] = {}
        for one in all_instruments(self._store):
            if touched is None or one.entry.station in touched:
                found[one.entry.station, one.name] = _text(one, one.latest(self._store))
        self._complete = True
        return found

    async def _post(self, states: dict[Name, bytes]) -> None:
        for name, text in states.items():
            if name not in self._states or self._states[name][1] != text:
                self._number += 1
                self._states[name] = (self._number, text)
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
