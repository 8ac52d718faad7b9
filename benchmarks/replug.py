"""How soon an inverter is read again that was unplugged and came back under another node."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure
from fieldstation.instruments import registry
from fieldstation.model import SerialLine
from fieldstation.station.clock import SystemClock
from fieldstation.station.collector import Collector
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.instrument import Instrument
from fieldstation.station.supervisor import instruments, supervise
from fieldstation.transport.plug import PtyPort

ROUNDS, LONGEST_AWAY_S, PATIENCE_S = 8, 12.0, 60.0
EVERY_S = 1.0


def measure() -> list[Figure]:
    """The longest of several rounds, each after another time unplugged."""
    with tempfile.TemporaryDirectory() as folder:
        took_s = asyncio.run(_measure(Path(folder)))
    return [
        Figure(
            "replugged, until the next reading, longest", max(took_s), "s", most=10,
            note=f"{len(took_s)} rounds, polled each second",
        )
    ]  # fmt: skip


async def _measure(folder: Path) -> list[float]:
    clock, chance = SystemClock(), random.Random(1)
    twin = registry.twin("axpert", seed=1, fast=True)
    port = PtyPort(twin, folder / "dev", "A1", time.time)
    wanted = InstrumentSettings("inverter", "axpert", str(port.by_id), EVERY_S, SerialLine(2400))
    took_s = []
    async with port, Collector(folder / "journal.sqlite3", clock) as collector:
        (made,) = instruments([wanted], clock, collector)
        assert isinstance(made, Instrument)
        writer, task = asyncio.create_task(collector.run()), asyncio.create_task(supervise(made))
        await _next_reading(made)
        for number in range(1, ROUNDS + 1):
            await port.unplug()
            await asyncio.sleep(chance.uniform(0.1, LONGEST_AWAY_S))
            begun = time.perf_counter()
            await port.plug(number)
            await _next_reading(made)
            took_s.append(time.perf_counter() - begun)
        task.cancel()
        await asyncio.wait([task])
        collector.finish()
        await writer
    return took_s


async def _next_reading(made: Instrument) -> None:
    before = made.state.readings
    async with asyncio.timeout(PATIENCE_S):
        while made.state.readings == before:  # noqa: ASYNC110 - the state has no event
            await asyncio.sleep(0.01)
