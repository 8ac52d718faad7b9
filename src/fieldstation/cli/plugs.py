"""The demo's sockets: the ports that its twins are plugged into, and who pulls the plugs.

1. A port keeps its name whatever device it comes back as, as a port in /dev/serial/by-id does
   (`test_a_pulled_plug_comes_back_under_another_device`).
2. Plugs are pulled in moments LOOK_S apart; in which of them depends on the seed alone.
3. A stranger is a unit that says that it is another one. An instrument without such a twin is only
   pulled out (`test_a_stranger_is_seen_and_then_the_own_unit_is_back`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fieldstation.instruments.faults import FaultPlan
from fieldstation.model import Twin
from fieldstation.transport.plug import PtyPort

LOOK_S = 2.0
# Long enough that a poll falls into it; a person who pulled the wrong plug is as quick.
AWAY_S = 6.0
STRANGER_S = 20.0


@dataclass(frozen=True, slots=True)
class Outlet:
    """A port of the demo: what its address begins with, the twin on it and one that a stranger
    is, if there is any.
    """

    name: str
    prefix: str
    twin: Twin
    stranger: Callable[[], Twin | None]
    plan: FaultPlan


async def pull(port: PtyPort, outlet: Outlet, numbers: Iterator[int]) -> None:
    """Pull the plug of a port whenever its plan says so, until cancelled; `numbers` are those of
    the devices to come.
    """
    while True:
        await asyncio.sleep(LOOK_S)
        if outlet.plan.strikes("unplug"):
            await _leave(port)
            await port.plug(next(numbers))
        if outlet.plan.strikes("stranger"):
            await _leave(port)
            if (other := outlet.stranger()) is not None:
                await port.plug(next(numbers), other)
                await asyncio.sleep(STRANGER_S)
                await _leave(port)
            await port.plug(next(numbers))


async def _leave(port: PtyPort) -> None:
    await port.unplug()
    await asyncio.sleep(AWAY_S)
