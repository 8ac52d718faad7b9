"""A journal behind its thread, a hub double, and readings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fieldstation.batch.model import Announcement
from fieldstation.model import Channel, Instant, Kind, Layout, Reading, Trust
from fieldstation.sinks.backoff import Backoff
from fieldstation.sinks.hub import HubSink
from fieldstation.sinks.pump import Pump
from fieldstation.station.collector import Collector

from .hubdouble import KEY, HubDouble, hub_double

NOW_US = 1_700_000_000_000_000
BOOT = bytes(range(16))
LAYOUT = Layout(
    "axpert", "status", (Channel("voltage", Kind.NUMBER, "V"), Channel("n", Kind.INTEGER))
)


def reading(index: int, boot: bytes = BOOT, voltage: float = 230.1) -> Reading:
    moment = Instant(NOW_US + index * 10**6, index * 10**6, boot, Trust.SYNCED)
    return Reading("inverter", LAYOUT, moment, (voltage, index))


class StillClock:
    """A clock that stands."""

    kernel = "kernel"

    def now(self) -> Instant:
        return Instant(NOW_US, 0, BOOT, Trust.SYNCED)


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


@pytest.fixture
async def start_pump(
    hub: HubDouble, collector: Collector, key_file: Path
) -> AsyncIterator[Callable[[], Pump]]:
    """Starts a pump towards the hub double; it waits milliseconds where others wait minutes."""
    tasks: list[asyncio.Task[None]] = []

    def start() -> Pump:
        sink = HubSink(hub.url, key_file)
        made = Pump(collector, sink, every_s=0.01, backoff=Backoff(0.001, 0.01))
        tasks.append(asyncio.create_task(made.run()))
        return made

    yield start
    for task in tasks:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled(), task.exception()


@pytest.fixture
async def pump(start_pump: Callable[[], Pump]) -> Pump:
    """A pump at work."""
    return start_pump()


Append = Callable[..., None]


@pytest.fixture
def append(collector: Collector) -> Append:
    def add(first: int, count: int, boot: bytes = BOOT) -> None:
        for index in range(first, first + count):
            assert collector.offer(reading(index, boot))

    return add
