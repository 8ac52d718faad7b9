"""A station comes back after 30 days: how large its journal grew, how fast it drains into a hub.

Ten instruments of twelve channels, a reading of each every ten seconds, while new readings go on.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from benchmarks.figure import Figure
from benchmarks.hubhost import hub_host
from benchmarks.reference_data import FLEET_START_MS, TABLE, station
from fieldstation.batch.model import Announcement
from fieldstation.journal import open_journal
from fieldstation.model import Channel, Instant, Kind, Layout, Reading, Trust

INSTRUMENTS, CHANNELS, EVERY_S = 10, 12, 10
DAYS = float(os.environ.get("DRAIN_DAYS", "30"))
ROUNDS = int(DAYS * 86_400 / EVERY_S)
READINGS = ROUNDS * INSTRUMENTS
BOOT = b"d" * 16
LAYOUT = Layout(
    "reference",
    "station",
    tuple(Channel(name, Kind.NUMBER, unit) for name, unit, _ in TABLE[:CHANNELS]),
)
LOOK_S = 0.2

T = TypeVar("T")


def measure() -> list[Figure]:
    """A full journal, a hub on loopback in a process of its own, and the station's own uplink."""
    from fieldstation.hub import run

    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="var") as folder:
        data = Path(folder)
        journal = data / "journal.sqlite3"
        begun = time.perf_counter()
        _apart(_fill, journal)
        filled_s = time.perf_counter() - begun
        size = sum(file.stat().st_size for file in data.glob("journal.sqlite3*"))
        run.setup(data / "hub")
        key_file = data / "gateway.key"
        key_file.touch(mode=0o600)
        key_file.write_text(_new_key(), encoding="ascii")
        with hub_host(data / "hub") as hub:
            wall_s, cpu_s, rss_before, rss_most, sent = _apart(
                _drained, journal, hub.address, key_file
            )
        _check(data / "hub")
    return [
        Figure(f"journal after {DAYS:g} days", size / 1e6, "MB", most=5 * DAYS),
        Figure("journal, per reading", size / READINGS, "B"),
        Figure("filling it", READINGS / filled_s, "readings/s"),
        Figure("drain", READINGS / wall_s, "readings/s", least=50_000),
        Figure("drain, the station's share", READINGS / cpu_s, "readings/CPU s"),
        Figure("drain, on the wire", sent / READINGS, "B/reading"),
        Figure("station memory before the drain", rss_before / 1e6, "MB"),
        Figure("station memory, most during it", rss_most / 1e6, "MB"),
    ]


def _new_key() -> str:
    from fieldstation.hub.stations import keys

    return keys.add_gateway("away")


def _apart(work: Callable[..., T], *arguments: object) -> T:
    """Run `work` in a fresh process, so that its memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _fill(path: Path) -> None:
    journal, _ = open_journal(path, utc_us=lambda: FLEET_START_MS * 1000)
    journal.begin(Instant(FLEET_START_MS * 1000, 0, BOOT, Trust.SYNCED), "kernel")
    journal.announce([Announcement(f"meter-{n}", LAYOUT, EVERY_S * 10**6) for n in _places()])
    waiting: list[Reading] = []
    for reading in _readings():
        waiting.append(reading)
        if len(waiting) == 1000:
            journal.append(waiting)
            waiting = []
            while journal.pack(["hub"]):  # as the station's housekeeping
                pass
    journal.append(waiting)
    journal.close()


def _places() -> range:
    return range(1, INSTRUMENTS + 1)


def _readings() -> Iterator[Reading]:
    columns = [station(2000 + place, FLEET_START_MS, ROUNDS) for place in _places()]
    for start in range(0, ROUNDS, 1000):
        piece = slice(start, start + 1000)
        times = [(times_ms[piece] * 1000).tolist() for times_ms, _ in columns]
        rows = [values[:CHANNELS, piece].T.tolist() for _, values in columns]
        for turn in range(len(times[0])):
            for place in _places():
                utc_us = times[place - 1][turn]
                instant = Instant(utc_us, utc_us - FLEET_START_MS * 1000, BOOT, Trust.SYNCED)
                yield Reading(f"meter-{place}", LAYOUT, instant, tuple(rows[place - 1][turn]))


def _drained(path: Path, address: str, key_file: Path) -> tuple[float, float, float, float, int]:
    return asyncio.run(_drain(path, address, key_file))


async def _drain(
    path: Path, address: str, key_file: Path
) -> tuple[float, float, float, float, int]:
    """Seconds by the clock and of CPU, memory before and at most, bytes on the wire."""
    from fieldstation.sinks.budget import Budget
    from fieldstation.sinks.hub import HubSink
    from fieldstation.sinks.lanes import MOST_READINGS
    from fieldstation.sinks.pump import Pump
    from fieldstation.sinks.reports import Reports
    from fieldstation.station.clock import SystemClock
    from fieldstation.station.collector import Collector

    clock = SystemClock()
    async with Collector(path, clock) as collector:
        sink = HubSink(address, key_file)
        reports = Reports(collector, sink, clock, sink="hub", disk_free=lambda: 0)
        budget = Budget(0, lambda: clock.now().utc_us)
        pump = Pump(collector, sink, every_s=10, newest_first=True, reports=reports, budget=budget)
        writer = asyncio.create_task(collector.run())
        before = most = _rss()
        begun, cpu = time.perf_counter(), time.process_time()
        task = asyncio.create_task(pump.run())
        # The last of it waits for its turn, as new readings do.
        while pump.state.readings < READINGS - MOST_READINGS:
            await asyncio.sleep(LOOK_S)
            most = max(most, _rss())
            if task.done():
                task.result()
        figures = time.perf_counter() - begun, time.process_time() - cpu, before, most, sink.traffic
        while pump.state.readings < READINGS:  # noqa: ASYNC110 - a pump has no event for this
            await asyncio.sleep(LOOK_S)
        task.cancel()
        await asyncio.wait({task})
        collector.finish()
        await writer
    return figures


def _rss() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096.0


def _check(data: Path) -> None:
    from fieldstation.series.embedded import EmbeddedStore

    store = EmbeddedStore(data / "series.sqlite3", background=False)
    found = sum(entry.readings for entry in store.catalogue())
    store.close()
    if found != READINGS:
        raise SystemExit(f"{READINGS} readings were kept and {found} are in the store")
