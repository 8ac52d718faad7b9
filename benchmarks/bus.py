"""Five TriStar units on one RS-485 line, of which one is dead and one babbles: what the other three
feel of it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure, percentile
from fieldstation.instruments import registry
from fieldstation.model import SerialLine, Twin
from fieldstation.protocol.modbus import WIRES, ReadWords
from fieldstation.station.clock import Clock, SystemClock
from fieldstation.station.collector import Collector
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.instrument import Instrument
from fieldstation.station.supervisor import instruments, supervise
from fieldstation.testing.multidrop import MultiDrop, Numbered
from fieldstation.transport.host import Wall, pty_host

GOOD, SILENT, BABBLER = (1, 2, 4), 3, 5
EVERY_S, SECONDS = 2.0, 120.0
# At the start each unit is asked who it is and for all its settings, which takes the bus for longer
# than two seconds in all; jitter is what comes after that.
START_POLLS = 4
NOISE_BYTES = 24
# What a TriStar is asked for its main reading (TriStar MPPT sheet, section 4).
LIVE = ReadWords(0x0000, 80)

Host = Callable[[Twin, Wall], AbstractAsyncContextManager[object]]
"""Puts a twin behind a port, whose name is the text of what it gives."""


@dataclass(frozen=True, slots=True)
class Felt:
    """What one good unit felt: readings that were due and taken, and how late each was asked for,
    in seconds.
    """

    due: int
    taken: int
    late_s: list[float]


def measure() -> list[Figure]:
    """In real time, at the real speed of the line."""
    with tempfile.TemporaryDirectory() as folder:
        felt = asyncio.run(_measure(Path(folder)))
    late_ms = [late_s * 1000 for one in felt.values() for late_s in one.late_s]
    share = sum(one.taken for one in felt.values()) / sum(one.due for one in felt.values())
    return [
        Figure("bus with a dead and a babbling unit, readings of the others", share * 100, "%",
               least=100, note=f"{len(late_ms)} polls"),
        Figure("bus with a dead and a babbling unit, jitter p99", percentile(late_ms, 0.99), "ms",
               most=50),
    ]  # fmt: skip


async def _measure(folder: Path) -> dict[int, Felt]:
    return await share_a_bus(folder, SystemClock(), SECONDS, pty_host)


async def share_a_bus(
    folder: Path, clock: Clock, seconds: float, host: Host, bad: Sequence[Twin] = ()
) -> dict[int, Felt]:
    """Run the bus for so long at the end of what `host` makes; what each good unit felt. `bad` are
    on the line as well, in the places of those that are not there.
    """

    def wall() -> float:
        return clock.now().utc_us / 1e6

    units = [Numbered(registry.twin("tristar_mppt", seed=number), number) for number in GOOD]
    line = MultiDrop([*units, *bad], babble=NOISE_BYTES, seed=1)
    async with (
        host(line, wall) as port,
        Collector(folder / "journal.sqlite3", clock) as collector,
    ):
        made = {
            int(one.settings.options["unit"]): one
            for one in instruments(_settings(str(port)), clock, collector)
            if isinstance(one, Instrument)
        }
        tasks = [asyncio.create_task(supervise(one)) for one in made.values()]
        writer = asyncio.create_task(collector.run())
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        collector.finish()
        await writer
    return {number: _felt(made[number], number, line) for number in GOOD}


def _settings(port: str) -> list[InstrumentSettings]:
    numbers = sorted((*GOOD, SILENT, BABBLER))
    wire = SerialLine(9600, stop_bits=2)
    return [
        InstrumentSettings(f"unit-{n}", "tristar_mppt", port, EVERY_S, wire, "", {"unit": n})
        for n in numbers
    ]


def _felt(one: Instrument, number: int, line: MultiDrop) -> Felt:
    asked = WIRES["rtu"].seal(number, LIVE.encode())
    starts = [utc_s for utc_s, data in line.heard if data == asked]
    # Phases of one interval are spread evenly over it, in the order of the configuration.
    phase_s = (number - 1) * EVERY_S / 5
    late_s = [(start_s - phase_s) % EVERY_S for start_s in starts[START_POLLS:]]
    kept = one.due - sum(one.ledger.missed_by_cause.values())
    return Felt(one.due, kept, late_s)
