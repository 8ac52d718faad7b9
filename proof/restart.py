"""From the start of a killed station's process to the next reading on the disk."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure, percentile

from fieldstation.instruments import registry
from fieldstation.transport.host import pty_host
from proof.life import Life
from proof.part import Part, Progress, zero
from proof.site import newest
from proof.wait import until

STARTS = 15
SLOWEST_S = 60.0
MOST_S = 5.0
CONFIG = """
[station]
name = "proof"
data = "station"
[instrument.unit]
kind = "{kind}"
port = "{port}"
every_s = {every_s}
"""
# A twin that answers at once, and one as slow as a real unit at 2400 baud.
UNITS = (("tristar_mppt", True, 1), ("axpert", False, 5))

UNTESTED = ("the start of the machine itself", "a Raspberry Pi: the figures are of this machine")


def prove(seed: int, share: float = 1.0) -> Part:
    """Kill and start again a number of times."""
    return asyncio.run(_prove(seed, max(2, round(STARTS * share))))


async def _prove(seed: int, starts: int) -> Part:
    progress = Progress("starts", starts * len(UNITS))
    figures = []
    for kind, fast, every_s in UNITS:
        took_s = await _starts(seed, kind, fast, every_s, starts, progress)
        name = f"{kind}{'' if fast else ' at its own speed'}"
        figures += [
            Figure(f"{name}: start to first reading, p50", percentile(took_s, 0.5), "s"),
            Figure(f"{name}: start to first reading, p99", max(took_s), "s", most=MOST_S),
            zero(f"{name}: never came back", sum(took >= SLOWEST_S for took in took_s)),
        ]
    return Part(tuple(figures), UNTESTED)


async def _starts(
    seed: int, kind: str, fast: bool, every_s: int, starts: int, progress: Progress
) -> list[float]:
    took_s = []
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch) / "site.toml"
        journal = Path(scratch) / "station" / "journal.sqlite3"
        twin = registry.twin(kind, seed=seed, fast=fast)
        async with pty_host(twin, time.time) as port:
            config.write_text(CONFIG.format(kind=kind, port=port, every_s=every_s))
            for _ in range(starts):
                before, begun = newest(journal), time.perf_counter()
                life = Life(config, Path(scratch) / "log")
                await until(lambda before=before: newest(journal) > before, SLOWEST_S)  # type: ignore[misc]
                took_s.append(time.perf_counter() - begun)
                await life.end(0.2)
                progress.step()
    return took_s
