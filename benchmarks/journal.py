"""The station's journal: durable appends per second, and what they cost the card."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figure import Figure, percentile
from fieldstation.instruments import registry
from fieldstation.journal import open_journal
from fieldstation.model import Instant, Reading, Trust
from fieldstation.transport.play import answers, play

ROUNDS = 3000
START_S = 1_790_000_000


def measure() -> list[Figure]:
    """Appends of an inverter's status reading to a journal on this folder's disk."""
    readings = _day_of_an_inverter(ROUNDS)
    figures = []
    for group in (1, 10, 100):
        took, written = _append(readings, group)
        rate = group / (sum(took) / len(took))
        figures.append(Figure(f"journal appends, {group} per commit", rate, "readings/s"))
        figures.append(Figure(f"commit p50, {group} per commit", percentile(took, 0.5) * 1e3, "ms"))
        figures.append(
            Figure(f"commit p99, {group} per commit", percentile(took, 0.99) * 1e3, "ms")
        )
        most = 7000 if group == 1 else None
        figures.append(
            Figure(
                f"device writes per reading, {group} per commit",
                written / len(readings),
                "B",
                most=most,
            )
        )
    return figures


def _day_of_an_inverter(count: int) -> list[Reading]:
    """Readings 10 s apart, taken from a twin through its driver."""
    driver = registry.driver("axpert")
    now = START_S
    twin = answers(registry.twin("axpert", seed=1), lambda: float(now))
    poll = driver.plan(play(driver.identify(), twin))[0]
    readings = []
    for step in range(count):
        now = START_S + 10 * step
        instant = Instant(now * 1_000_000, step * 10_000_000, b"b" * 16, Trust.SYNCED)
        values = play(poll.converse(), twin)
        readings.append(Reading("inverter", poll.layout, instant, poll.layout.row(values)))
    return readings


def _append(readings: Sequence[Reading], group: int) -> tuple[list[float], int]:
    """Seconds of each commit, and bytes that reached the block layer."""
    Path("var").mkdir(exist_ok=True)
    took = []
    with tempfile.TemporaryDirectory(dir="var") as folder:
        journal, _ = open_journal(Path(folder) / "journal.sqlite3", utc_us=lambda: 0)
        before = _written()
        for start in range(0, len(readings), group):
            begun = time.perf_counter()
            journal.append(readings[start : start + group])
            took.append(time.perf_counter() - begun)
        written = _written() - before
        journal.close()
    return took, written


def _written() -> int:
    for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(": ")
        if name == "write_bytes":
            return int(value)
    raise SystemExit("this kernel does not count written bytes (/proc/self/io)")
