from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fieldstation.batch.facts import Cause
from fieldstation.journal import Journal
from fieldstation.sinks.backoff import Backoff
from fieldstation.station.clock import SystemClock
from fieldstation.station.collector import Collector
from fieldstation.station.instrument import Instrument
from fieldstation.station.supervisor import instruments, supervise
from fieldstation.testing.ptyhost import swap
from fieldstation.transport.plug import PtyPort

from .meter import MeterDriver, MeterTwin, collecting, end, settings

EVERY_S = 0.1


def _port(folder: Path, serial: str) -> PtyPort:
    return PtyPort(MeterTwin(serial), folder / "dev", serial, time.time)


@asynccontextmanager
async def _at_work(folder: Path, *ports: PtyPort) -> AsyncIterator[list[Instrument]]:
    """One supervised instrument for each port, named after the unit that belongs there."""
    clock = SystemClock()
    names = [port.by_id.name.split("-if")[0][-2:].lower() for port in ports]
    wanted = [
        settings(name, port=str(port.by_id), every_s=EVERY_S)
        for name, port in zip(names, ports, strict=True)
    ]
    async with collecting(folder, clock) as collector:
        made = instruments(wanted, clock, collector, lambda kind: MeterDriver())
        tasks = [asyncio.create_task(supervise(one, Backoff(0.02, 0.05))) for one in made]
        yield made
        await end(*tasks)


async def _until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - the state has no event
            await asyncio.sleep(0.005)


async def test_an_unplugged_instrument_is_back_after_replugging_under_another_number(
    tmp_path: Path,
) -> None:
    async with _port(tmp_path, "A1") as port, _at_work(tmp_path, port) as (made,):
        await _until(lambda: made.state.readings >= 2)
        await port.unplug()
        await _until(lambda: made.state.state == "lost")
        assert made.state.cause == Cause.UNPLUGGED
        (hole,) = made.ledger.open_holes or [None]
        assert hole is None or hole.cause == Cause.UNPLUGGED
        readings = made.state.readings
        await port.plug(7)
        await _until(lambda: made.state.readings >= readings + 2)
        assert made.state.state == "good"


@pytest.mark.slow
async def test_two_instruments_that_swap_their_numbers_keep_their_names(tmp_path: Path) -> None:
    one, other = _port(tmp_path, "A1"), _port(tmp_path, "B2")
    async with one:
        await other.plug(1)
        async with _at_work(tmp_path, one, other) as made:
            for _ in range(5):
                before = [each.state.readings for each in made]
                await _until(
                    lambda before=before: all(  # type: ignore[misc]
                        each.state.readings > n for each, n in zip(made, before, strict=True)
                    )
                )
                await swap(one, other)
            for each in made:
                assert each.state.serial.lower() == each.settings.name
        await other.unplug()


async def test_a_port_that_another_program_has_is_busy(tmp_path: Path) -> None:
    async with _port(tmp_path, "A1") as port, _at_work(tmp_path, port) as (first,):
        await _until(lambda: first.state.readings > 0)
        async with _at_work(tmp_path / "dev", port) as (second,):
            await _until(lambda: second.state.state == "lost")
            assert second.state.cause == Cause.BUSY
            assert second.state.readings == 0
            assert first.state.state == "good"


async def test_what_was_taken_is_in_the_journal(tmp_path: Path) -> None:
    async with _port(tmp_path, "A1") as port, _at_work(tmp_path, port) as (made,):
        await _until(lambda: made.state.readings >= 5)
    async with Collector(tmp_path / "journal.sqlite3", SystemClock()) as collector:
        kept = await collector.ask(lambda j: Journal.after(j, 0, 1000))
    assert len(kept) == made.state.readings
    assert {one.reading.instrument for one in kept} == {"a1"}
