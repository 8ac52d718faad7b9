"""The demo's instruments: their history, and the ports behind which they live on.

History takes the way that all readings take: twin, conversation, reading, batch, upload. Only the
clock runs faster.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from fieldstation.batch import encode
from fieldstation.batch.model import Announcement, Batch
from fieldstation.cli.output import Progress
from fieldstation.errors import HubUnreachable
from fieldstation.instruments import registry
from fieldstation.model import (
    Driver,
    I2cLine,
    Identity,
    Instant,
    Kept,
    Poll,
    Reading,
    SpiLine,
    Trust,
    Twin,
    configured,
)
from fieldstation.protocol.usb_iss_twin import UsbIssTwin
from fieldstation.station.clock import SystemClock
from fieldstation.transport.host import pty_host
from fieldstation.transport.play import answers, play

# Seconds between made-up readings by age: an hour wants more of them than a month does.
STEPS_S = ((86_400, 180), (7 * 86_400, 900), (10**9, 3600))
LIVE_STEP_S = 2
READINGS_PER_BATCH = 600
# Time that passes in a twin's past with every question, so that measurements come to their end.
QUESTION_S = 0.2

# What a person would call them, and what it takes to reach their twins over a pty.
NAMES = {
    "axpert": "inverter",
    "tristar_mppt": "charger",
    "emus_bms": "battery",
    "opc_n3": "air",
    "se521": "roof",
    "si7020": "climate",
    "veml7700": "daylight",
    "bh1745": "colour",
}
OPTIONS: Mapping[str, Mapping[str, str]] = {"se521": {"wire": "serial"}}
PROFILES = {"axpert": "vmiii_6048"}


@dataclass(frozen=True, slots=True)
class Player:
    """One instrument of the demo."""

    name: str
    kind: str
    twin: Twin
    driver: Driver


def cast(seed: int, faults: tuple[str, ...]) -> list[Player]:
    """A twin of every kind of instrument that answers questions."""
    return [
        Player(
            NAMES.get(kind, kind.replace("_", "-")),
            kind,
            registry.twin(kind, PROFILES.get(kind, ""), seed=seed, faults=faults),
            configured(registry.driver(kind), OPTIONS.get(kind, {})),
        )
        for kind in registry.kinds()
        if registry.listened(kind) is None
    ]


async def rehearse(
    players: list[Player], address: str, key: str, weeks: float, told: asyncio.Event
) -> bool:
    """Bring `weeks` of history to the hub. False when a person wanted an end meanwhile."""
    work = asyncio.create_task(asyncio.to_thread(_rehearse, players, address, key, weeks, told))
    await asyncio.wait({work})
    work.result()
    return not told.is_set()


def _rehearse(
    players: list[Player], address: str, key: str, weeks: float, told: asyncio.Event
) -> None:
    boot = os.urandom(16)
    now = SystemClock().now().utc_us // 1_000_000
    start = round(now - weeks * 7 * 86400)
    bar = Progress(f"making up {weeks:g} weeks of history", now - start)
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/vnd.fieldstation.batch",
    }
    with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as client:
        for batch, reached in _batches(players, boot, start, now):
            if told.is_set():
                return
            answer = client.post("/api/v1/ingest", content=encode(batch))
            if answer.status_code != 200:
                raise HubUnreachable(f"the hub did not take the history: {answer.text}")
            bar.advance_to(reached - start)


def _batches(
    players: list[Player], boot: bytes, start: int, end: int
) -> Iterator[tuple[Batch, int]]:
    """Batches in time order, and the UTC second that each reaches."""
    scripts = [_Script(player, boot, start) for player in players]
    announcements = tuple(one for script in scripts for one in script.announcements)
    waiting: list[Kept] = []
    number = sequence = 0
    for utc_s in _moments(start, end):
        for script in scripts:
            for reading in script.readings(utc_s):
                sequence += 1
                waiting.append(Kept(sequence, reading))
        if len(waiting) >= READINGS_PER_BATCH or utc_s == end:
            number += 1
            first, last = waiting[0].sequence, waiting[-1].sequence
            yield Batch(boot, number, first, last, tuple(waiting), announcements), utc_s
            waiting, announcements = [], ()


def _moments(start: int, end: int) -> Iterator[int]:
    """UTC seconds from `start` to `end`, closer together the younger they are."""
    moment = start
    while moment < end:
        yield moment
        moment += next(step for age, step in STEPS_S if end - moment <= age)
    yield end


class _Script:
    """One player's past, played through its own driver in virtual time."""

    def __init__(self, player: Player, boot: bytes, start: int) -> None:
        self._player, self._boot, self._start = player, boot, start
        self._now = float(start)
        self._due: dict[str, int] = {}
        self._answers = answers(player.twin, self._passing)
        identity: Identity = play(player.driver.identify(), self._answers)
        self._plan: tuple[Poll, ...] = tuple(player.driver.plan(identity))
        self.announcements = [
            Announcement(
                player.name,
                poll.layout,
                poll.every * LIVE_STEP_S * 1_000_000,
                identity.serial,
                identity.model,
            )
            for poll in self._plan
        ]

    def readings(self, utc_s: int) -> Iterator[Reading]:
        """What the plan takes at this moment."""
        self._now = max(self._now, utc_s)
        mono_us = (utc_s - self._start) * 1_000_000
        instant = Instant(utc_s * 1_000_000, mono_us, self._boot, Trust.SYNCED)
        for poll in self._plan:
            if utc_s >= self._due.get(poll.layout.id, 0):
                self._due[poll.layout.id] = utc_s + (poll.every - 1) * 60
                values = play(poll.converse(), self._answers)
                yield Reading(self._player.name, poll.layout, instant, poll.layout.row(values))

    def _passing(self) -> float:
        """The twin's clock."""
        self._now += QUESTION_S
        return self._now


def wall() -> Callable[[], float]:
    """The wall clock for twins: UTC seconds since 1970."""
    clock = SystemClock()
    return lambda: clock.now().utc_us / 1e6


@asynccontextmanager
async def ports(players: list[Player]) -> AsyncIterator[list[str]]:
    """Every twin behind a pty until the block ends; gives the addresses to use. Chips on I2C share
    one adapter, as they would share its wires.
    """
    now = wall()
    chips = {
        one.driver.line.address: one.twin for one in players if isinstance(one.driver.line, I2cLine)
    }
    async with AsyncExitStack() as stack:
        adapter = await stack.enter_async_context(pty_host(UsbIssTwin(i2c=chips), now))
        found = []
        for player in players:
            if isinstance(player.driver.line, I2cLine):
                found.append(f"usb-iss:{adapter}")
            elif isinstance(player.driver.line, SpiLine):
                twin = UsbIssTwin(spi=player.twin)
                found.append(f"usb-iss:{await stack.enter_async_context(pty_host(twin, now))}")
            else:
                found.append(await stack.enter_async_context(pty_host(player.twin, now)))
        yield found


def site(players: list[Player], ports: list[str], address: str) -> str:
    """The configuration of a station that polls the twins."""
    lines = [
        '[station]\nname = "demo"\ndata = "station"\n',
        f'[hub]\nurl = "{address}"\nkey_file = "gateway.key"\nupload_every_s = 1\n',
    ]
    for player, port in zip(players, ports, strict=True):
        options = OPTIONS.get(player.kind, {})
        lines.append(
            f'[instrument.{player.name}]\nkind = "{player.kind}"\nport = "{port}"\n'
            f"every_s = {LIVE_STEP_S}\n"
            + "".join(f'{name} = "{value}"\n' for name, value in options.items())
        )
    return "\n".join(lines) + "\n"
