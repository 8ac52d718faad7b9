"""The wires that instruments share: whose turn it is, and one open port for all units on it.

1. Instruments on one bus take turns, in the order in which they came for it; a turn is one reading.
   Before the next turn the line rests for as long as its units need to see a request begin.
2. Units on one port (an RS-485 line) share one open link. It is closed when it broke, when nobody
   behind it answered CLOSE_AFTER times for each unit, and when the last of them leaves.
   `test_a_line_on_which_nobody_answers_is_opened_anew`
3. A unit that owes an answer is waited for at most half of its share of the interval, so one that
   is dead never reaches into the others' time. One that cannot answer within that could not be
   polled within its share either. `test_a_dead_and_a_babbling_unit_cost_the_others_nothing`
4. All retries of a turn together take no longer than the share, so a unit that dies, or answers
   badly, costs the others nothing either. `test_a_unit_that_falls_silent_costs_its_own_share`
5. A unit that is followed by its number is looked for behind each port that its address fits, one
   after the other, first where it was last: a port that is busy, silent or another unit's leads to
   the next. `test_a_unit_is_followed_through_a_hundred_permutations_of_ports`
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fieldstation.errors import LinkError, LinkNotFound, LinkTimeout
from fieldstation.model import Exchange, Line, SerialLine
from fieldstation.transport.address import Address, HidPort, UsbPort, parse_address
from fieldstation.transport.converse import Runner, silence_s
from fieldstation.transport.link import Link
from fieldstation.transport.locate import whereabouts
from fieldstation.transport.opening import open_link

CLOSE_AFTER = 3
# MODBUS over Serial Line V1.02, section 2.5.1.1: 3.5 characters, and never less than 1.75 ms.
REST_CHARACTERS, LEAST_REST_S = 3.5, 0.00175
CHARACTER_BITS = 11
# Below that no unit could be expected to answer, or to give a whole reading: one of a TriStar MPPT
# takes a quarter of a second at 9600 baud.
LEAST_WAIT_S, LEAST_SHARE_S = 0.1, 0.4


class Bus:
    """What only one may use at a time. `rest_s` lies between two turns."""

    def __init__(self, rest_s: float = 0.0) -> None:
        self._rest_s = rest_s
        self._lock = asyncio.Lock()
        self._rested_s = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Have the bus to oneself."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            wait_s = self._rested_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            try:
                yield
            finally:
                self._rested_s = loop.time() + self._rest_s


class Port:
    """The port at `address` and its link, for `users` instruments. `followed`: its unit has a
    number by which it is known wherever it is. `loop_link` as in `open_link`.
    """

    def __init__(
        self,
        bus: Bus,
        address: str,
        line: Line,
        *,
        users: int = 1,
        followed: bool = False,
        loop_link: Callable[[], Link] | None = None,
    ) -> None:
        self.turn = bus.turn
        self.shared = users > 1
        self._address = self._place = parse_address(address)
        self.followed = followed and isinstance(self._address, UsbPort | HidPort)
        self._tried: list[Address] = []
        self._line = line
        self._users = users
        self._loop_link = loop_link
        self._link: Link | None = None
        self._failures = 0

    async def open(self) -> Link:
        """The link, opened when it is not. Raises as `open_link`."""
        if self._link is None:
            self._place = next(iter(self._untried()), self._address)
            self._link = await open_link(self._place, self._line, loop=self._loop_link)
        return self._link

    async def elsewhere(self, error: Exception) -> None:
        """Turn to the next place where the unit may be, since `error` shows that it is not here.
        Raises `error` where there is one place only, LinkNotFound when each was looked at.
        """
        if not self.followed:
            raise error
        self._tried.append(self._place)
        left, tried = self._untried(), len(self._tried)
        if not left:
            self._tried.clear()
            if tried == 1:
                raise error
        async with self.turn():
            await self._close()
        if not left:
            raise LinkNotFound(
                f"{self._address}: the unit is behind none of the {tried} that fit (the last:"
                f" {error}); check that it is plugged in and switched on"
            ) from error

    def runner(self, link: Link, resync: Exchange[Any] | None, every_s: float) -> Runner:
        """A runner on `link` for one of the units, which is polled every `every_s` seconds."""
        if not self.shared or resync is None:
            return Runner(link, resync=resync, silence_s=silence_s(self._line))
        share_s = every_s / self._users
        wait_s = min(resync.timeout_s, max(LEAST_WAIT_S, share_s / 2))
        short = replace(resync, timeout_s=wait_s, attempts=1)
        budget_s = max(LEAST_SHARE_S, share_s)
        return Runner(link, resync=short, silence_s=wait_s, latest_s=wait_s, budget_s=budget_s)

    def worked(self) -> None:
        """A unit has given a reading."""
        self._failures = 0
        self._tried.clear()

    async def failed(self, link: Link | None, error: Exception) -> None:
        """A visit on `link` ended with `error`: close it if that helps."""
        self._failures += 1
        broken = isinstance(error, LinkError) and not isinstance(error, LinkTimeout)
        # Nobody else is cut off in the middle, and a new link that another unit opened stays.
        async with self.turn():
            hopeless = broken or self._failures >= CLOSE_AFTER * self._users
            if link is self._link and hopeless:
                await self._close()

    async def leave(self) -> None:
        """One user less; the last one closes."""
        self._users -= 1
        if self._users <= 0:
            await self._close()

    def _untried(self) -> list[Address]:
        """Places that were not looked at in this round, the one where the unit was last first."""
        places = whereabouts(self._address) if self.followed else [self._address]
        places.sort(key=lambda place: place != self._place)
        return [place for place in places if place not in self._tried]

    async def _close(self) -> None:
        link, self._link = self._link, None
        self._failures = 0
        if link is not None:
            await link.aclose()


def rest_s(line: Line) -> float:
    """How long a line with several units rests between two turns, in seconds."""
    if not isinstance(line, SerialLine):
        return 0.0
    return max(LEAST_REST_S, REST_CHARACTERS * CHARACTER_BITS / line.baud)
