"""A journal behind its thread, a hub double, and readings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fieldstation.batch.model import Announcement
from fieldstation.model import Channel, Instant, Kind, Layout, Reading, Trust
from fieldstation.sinks.backoff import Backoff
from fieldstation.sinks.budget import Budget
from fieldstation.sinks.hub import HubSink
from fieldstation.sinks.pump import Pump
from fieldstation.sinks.reports import Clock, Reports
from fieldstation.station.collector import Collector

from .hubdouble import KEY, HubDouble, hub_double

NOW_US = 1_700_000_000_000_000
BOOT = bytes(range(16))
LAYOUT = Layout(
    "axpert", "status", (Channel("voltage", Kind.NUMBER, "V"), Channel("n", Kind.INTEGER))
)


def reading(
    index: int, boot: bytes = BOOT, voltage: float = 230.1, trust: Trust = Trust.SYNCED
) -> Reading:
    moment = Instant(NOW_US + index * 10**6, index * 10**6, boot, trust)
    return Reading("inverter", LAYOUT, moment, (voltage, index))


class StillClock:
    """A clock that stands."""

    kernel = "kernel"

    def __init__(self, trust: Trust = Trust.SYNCED, boot: bytes = BOOT) -> None:
        self.instant = Instant(NOW_US, 0, boot, trust)

    def now(self) -> Instant:
        return self.instant


@pytest.fixture
async def hub() -> AsyncIterator[HubDouble]:
    async with hub_double() as double:
        yield double


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Collector]:
    async with Collector(tmp_path / "journal.sqlite3", StillClock(), commit_every_s=0.001) as made:
        task = asyncio.create_task(made.run())
        await made.ask(lambda j: j.announce([Announcement("inverter", LAYOUT, 10**6, "9", "m")]))
        yield made
        made.finish()
        await task


class StartPump:
    """Starts pumps towards the hub double, or towards `url`; they wait milliseconds where others
    wait minutes.
    """

    def __init__(self, hub: HubDouble, collector: Collector, key_file: Path) -> None:
        self._hub, self._collector, self._key_file = hub, collector, key_file
        self._tasks: list[asyncio.Task[None]] = []

    def __call__(
        self,
        url: str = "",
        *,
        every_s: float = 0.01,
        reports: bool = False,
        newest_first: bool = False,
        clock: Clock | None = None,
        budget: Budget | None = None,
        outbox: Collector | None = None,
    ) -> Pump:
        outbox = outbox or self._collector
        sink = HubSink(url or self._hub.url, self._key_file)
        teller = Reports(outbox, sink, clock or StillClock(), sink="hub", disk_free=lambda: 7)
        made = Pump(
            outbox, sink, every_s=every_s, backoff=Backoff(0.001, 0.01),
            newest_first=newest_first, reports=teller if reports else None, budget=budget,
        )  # fmt: skip
        self._tasks.append(asyncio.create_task(made.run()))
        return made

    async def stop(self) -> None:
        """Stop all that were started."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled(), task.exception()


@pytest.fixture
async def start_pump(
    hub: HubDouble, collector: Collector, key_file: Path
) -> AsyncIterator[StartPump]:
    starter = StartPump(hub, collector, key_file)
    yield starter
    await starter.stop()


@pytest.fixture
async def pump(start_pump: StartPump) -> Pump:
    """A pump at work."""
    return start_pump()


Append = Callable[..., None]


@pytest.fixture
def append(collector: Collector) -> Append:
    def add(first: int, count: int, boot: bytes = BOOT, trust: Trust = Trust.SYNCED) -> None:
        for index in range(first, first + count):
            assert collector.offer(reading(index, boot, trust=trust))

    return add
