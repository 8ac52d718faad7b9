"""A tap: every byte that passes on a line, both ways, told to an observer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fieldstation.protocol.capture import Way
from fieldstation.transport.link import Link

__all__ = ["Passed", "Tap", "TappedLink", "Way", "unheard"]


@dataclass(frozen=True, slots=True)
class Passed:
    """Bytes that passed. `at_s` is the event loop's monotonic time, in seconds."""

    way: Way
    at_s: float
    data: bytes


Tap = Callable[[Passed], None]


def unheard(passed: Passed) -> None:
    """The tap of a line that nobody observes."""


class TappedLink:
    """A link whose bytes are told to `tap`: those sent before they leave, those received when they
    are read or drained.
    """

    def __init__(self, link: Link, tap: Tap) -> None:
        self._link = link
        self._tap = tap
        self.aclose = link.aclose

    async def write(self, data: bytes) -> None:
        """As `Link.write`."""
        self._tell(Way.OUT, data)
        await self._link.write(data)

    async def read(self) -> bytes:
        """As `Link.read`."""
        return self._tell(Way.IN, await self._link.read())

    async def drain(self) -> bytes:
        """As `Link.drain`."""
        return self._tell(Way.IN, await self._link.drain())

    def _tell(self, way: Way, data: bytes) -> bytes:
        if data:
            self._tap(Passed(way, asyncio.get_running_loop().time(), data))
        return data
