"""A hub that was away for 30 days: what the backlog takes on the disk, and how it drains."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure

from fieldstation.journal import Journal, Reader, open_journal
from fieldstation.model import Channel, Instant, Kind, Layout, Reading, Trust
from proof.account import hub_rows
from proof.emitted import plan
from proof.part import Part, Progress
from proof.site import Site, site

INSTRUMENTS, CHANNELS, PERIOD_S, DAYS = 10, 12, 10, 30
GROUP = 1000
PACK_EVERY = 10 * GROUP
SINK = "hub"
MOST_MB, MOST_GROWTH_MB, LEAST_PER_S = 150, 40, 50_000
PATIENCE_S = 240.0  # of draining; what is left then is counted, not waited for
WARM_S = 5.0
BOOT = bytes(range(16))
LAYOUT = Layout(
    "reference",
    "status",
    tuple(Channel(f"quantity_{number}", Kind.NUMBER, "V") for number in range(CHANNELS)),
)

UNTESTED = (
    "the outage itself: its readings are written with the times that they would have",
    "a slow uplink: station and hub are on one machine and share its cores",
)


def prove(seed: int, share: float = 1.0) -> Part:
    """The reference station: 10 instruments, 12 channels, a reading of each in 10 s."""
    return asyncio.run(_prove(seed, share))


async def _prove(seed: int, share: float) -> Part:
    with tempfile.TemporaryDirectory(dir=_roomy()) as scratch:
        async with site(Path(scratch), seed) as here:
            count = round(INSTRUMENTS * 86_400 / PERIOD_S * DAYS * share)
            begun = time.perf_counter()
            size = await asyncio.to_thread(_fill, here.journal, seed, count)
            filled_s = time.perf_counter() - begun
            here.start()
            rates, memory, left = await _drain(here, count)
            await here.end_life()
            here.stop_hub()
            series = here.folder / "hub" / "series.sqlite3"
            live = len(hub_rows(series, [poll.layout for poll in plan()]))
    sent = count - left
    figures = (
        Figure("readings of the backlog", count, "", note=f"{DAYS * share:g} days"),
        Figure("journal of 30 days", size / share / 1e6, "MB", most=MOST_MB),
        Figure("bytes per reading", size / count, "B"),
        Figure("appended", count / filled_s, "readings/s", note=f"{GROUP} per commit"),
        Figure("drained", rates, "readings/s", least=LEAST_PER_S),
        Figure("memory while draining, most", max(memory) / 1e6, "MB"),
        Figure(
            "growth of memory while draining", (max(memory) - memory[0]) / 1e6, "MB",
            most=MOST_GROWTH_MB,
        ),
        Figure("drained of the backlog", 100 * sent / count, "%"),
        Figure("rows at the hub of the live instrument", live, "", least=1),
    )  # fmt: skip
    more = () if not left else (f"the last {left} readings of the backlog: out of time",)
    return Part(figures, (*more, *UNTESTED))


def _roomy() -> str:
    folder = Path("var")
    folder.mkdir(exist_ok=True)
    return str(folder.resolve())


def _fill(path: Path, seed: int, count: int) -> int:
    """Append the backlog; the size of the file with its log."""
    path.parent.mkdir(parents=True)
    journal, _ = open_journal(path, utc_us=lambda: 0)
    progress = Progress("thousands of readings appended", -(-count // GROUP))
    readings = backlog(seed, count)
    for start in range(0, count, GROUP):
        journal.append([next(readings) for _ in range(min(GROUP, count - start))])
        if start % PACK_EVERY == 0:
            _pack(journal)
        progress.step()
    _pack(journal)
    journal.close()
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


def _pack(journal: Journal) -> None:
    """As the station does every hour, and in time before the file grows by much."""
    while journal.pack([SINK]):
        pass


def backlog(seed: int, count: int) -> Iterator[Reading]:
    """Readings up to now, in tenths and hundredths as instruments give them: slow walks."""
    chance = random.Random(seed)
    now_us = time.time_ns() // 1000
    steps = -(-count // INSTRUMENTS)
    levels = [[chance.randrange(1000, 60_000) for _ in range(CHANNELS)] for _ in range(INSTRUMENTS)]
    mono_us = 0
    for number in range(count):
        step, place = divmod(number, INSTRUMENTS)
        level = levels[place]
        moved = chance.getrandbits(24)
        for channel in range(CHANNELS):
            level[channel] += (moved >> 2 * channel & 3) - (1 if level[channel] < 30_000 else 2)
        utc_us = now_us - (steps - step) * PERIOD_S * 1_000_000 + place * 10_000
        mono_us = step * PERIOD_S * 1_000_000 + place * 10_000
        values = tuple(value / 100 for value in level)
        yield Reading(f"unit-{place}", LAYOUT, Instant(utc_us, mono_us, BOOT, Trust.SYNCED), values)


async def _drain(here: Site, count: int) -> tuple[float, list[int], int]:
    """Readings per second, resident bytes every second, and how many are left at the end."""
    progress = Progress("percent drained", 100)
    memory: list[int] = []
    begun = done_at = time.perf_counter()
    left, shown = count, 0
    while left and time.perf_counter() - begun < PATIENCE_S:
        await asyncio.sleep(0.5)
        done_at = time.perf_counter()
        left = _left(here.journal, count)
        if done_at - begun > WARM_S or not memory:
            memory.append(here.resident_bytes())
        while shown < 100 * (count - left) // count:
            shown += 1
            progress.step()
    return (count - left) / (done_at - begun), memory, left


def _left(journal: Path, count: int) -> int:
    reader = Reader(journal)
    try:
        waiting = reader.unsettled("hub")
        return sum(min(last, count) - first + 1 for first, last in waiting if first <= count)
    finally:
        reader.close()
