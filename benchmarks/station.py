"""A station that polls one inverter every second and sends to a hub; and one reading on demand."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figure import Figure, percentile
from benchmarks.hubhost import hub_host
from fieldstation.instruments import registry
from fieldstation.transport.host import pty_host

WARM_S, MEASURE_S, READS = 15.0, 60.0, 7
SITE = """
[station]
name = "bench"
data = "station"
[instrument.inverter]
kind = "axpert"
port = "{port}"
every_s = 1
"""


def measure() -> list[Figure]:
    """The twin answers at once here: what is measured is the program, not 2400 baud."""
    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="var") as folder:
        return asyncio.run(_measure(Path(folder).resolve()))


async def _measure(folder: Path) -> list[Figure]:
    async with pty_host(registry.twin("axpert", seed=1, fast=True), time.time) as port:
        site = folder / "site.toml"
        site.write_text(SITE.format(port=port), encoding="utf-8")
        reads = [await _read(site) for _ in range(READS)]
        figures = await asyncio.to_thread(at_work, folder, site, "station at 1 Hz", 3.0, 60.0)
    return [Figure("read, from process start", percentile(reads, 0.5), "s", most=1.0), *figures]


async def _read(site: Path) -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *_command("read", "inverter", "--config", str(site)), stdout=subprocess.DEVNULL
    )
    if await process.wait():
        raise SystemExit("read failed")
    return time.perf_counter() - begun


def at_work(
    folder: Path, site: Path, title: str, most_percent: float, most_mb: float
) -> list[Figure]:
    """What the station of the configuration `site` takes while it sends to a hub, against bounds
    for its share of a core and its memory.
    """
    from fieldstation.cli.hub import write_secret
    from fieldstation.hub import run

    key_file = folder / "gateway.key"
    write_secret(key_file, run.add_gateway(folder / "hub", "bench"))
    with ExitStack() as stack:
        hub = stack.enter_context(hub_host(folder / "hub"))
        where = ("--hub-url", hub.address, "--key-file", str(key_file))
        station = subprocess.Popen(_command("run", "--config", str(site), *where))
        stack.callback(_end, station)
        time.sleep(WARM_S)
        before = _used(station.pid)
        time.sleep(MEASURE_S)
        after = _used(station.pid)
    share = (after[0] - before[0]) / MEASURE_S * 100
    return [
        Figure(f"{title}, CPU", share, "% of a core", most=most_percent),
        Figure(f"{title}, memory", after[1] / 1e6, "MB", most=most_mb),
        Figure(
            f"{title}, device writes", (after[2] - before[2]) / MEASURE_S, "B/s",
            note="uploads each 10 s included",
        ),
    ]  # fmt: skip


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fieldstation.cli", *arguments]


def _used(pid: int) -> tuple[float, int, int]:
    """CPU seconds, resident bytes, bytes written to the device."""
    folder = Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    rss = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    written = int((folder / "io").read_text().partition("\nwrite_bytes: ")[2].split()[0])
    return cpu_s, rss, written


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=20)
