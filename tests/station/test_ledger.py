"""Holes of one instrument: grown, closed, left by late readings, dated."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fieldstation.batch.facts import Cause, Hole, State
from fieldstation.journal import Reader
from fieldstation.station.ledger import Ledger
from fieldstation.station.schedule import Passed
from fieldstation.testing.virtualtime import in_virtual_time

from .meter import BOOT, START_US, LoopClock, collecting

SECOND = 1_000_000


def _holes(folder: Path) -> list[Hole]:
    reader = Reader(folder / "journal.sqlite3")
    try:
        return sorted(reader.holes(), key=lambda hole: hole.number)
    finally:
        reader.close()


def _passed(first: int, count: int) -> Passed:
    first_us = START_US + first * SECOND
    return Passed(count, first_us, first_us + (count - 1) * SECOND)


@in_virtual_time
async def _late(folder: Path, count: int, came: list[int], opened: bool) -> Ledger:
    async with collecting(folder, LoopClock()) as collector:
        ledger = Ledger(collector, "node", BOOT)
        ledger.missed(Cause.SILENT, _passed(0, count), "samples")
        if not opened:
            ledger.kept("samples")
        for place in came:
            ledger.late(START_US + place * SECOND, SECOND, "samples")
        await asyncio.sleep(10)
        ledger.finish()
    return ledger


@hypothesis_settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 12), opened=st.booleans(), data=st.data())
def test_late_readings_leave_their_hole(
    tmp_path_factory: object, count: int, opened: bool, data: st.DataObject
) -> None:
    came = data.draw(st.lists(st.integers(-2, count + 2), unique=True))
    folder = tmp_path_factory.mktemp("late")  # type: ignore[attr-defined]
    ledger = _late(folder, count, came, opened)
    missing = set(range(count)) - set(came)
    holes = _holes(folder)
    left = {
        (hole.first_utc_us - START_US) // SECOND + place
        for hole in holes
        if hole.state is not State.RECOVERED
        for place in range(hole.count)
    }
    assert left == missing
    assert sum(h.count for h in holes if h.state is not State.RECOVERED) == len(missing)
    assert ledger.missed_by_cause[Cause.SILENT] == len(missing)
    for hole in holes:
        assert hole.last_utc_us - hole.first_utc_us == (hole.count - 1) * SECOND


@in_virtual_time
async def _explained(folder: Path, cause: Cause) -> dict[str, int]:
    async with collecting(folder, LoopClock()) as collector:
        ledger = Ledger(collector, "node", BOOT)
        ledger.missed(cause, _passed(0, 5), "samples")
        ledger.late(START_US, SECOND, "samples")
        ledger.kept("samples", Cause.OVERWRITTEN)
        ledger.late(START_US + 4 * SECOND, SECOND, "samples")
        ledger.kept("samples", Cause.OVERWRITTEN)
        await asyncio.sleep(10)
    return ledger.missed_by_cause


def test_a_silence_that_is_explained_has_its_true_cause(tmp_path: Path) -> None:
    assert _explained(tmp_path, Cause.SILENT) == {Cause.SILENT: 0, Cause.OVERWRITTEN: 3}
    (hole,) = _holes(tmp_path)
    assert (hole.cause, hole.count, hole.state) == (Cause.OVERWRITTEN, 3, State.LOST)


def test_an_outage_with_a_cause_of_its_own_keeps_it(tmp_path: Path) -> None:
    assert _explained(tmp_path, Cause.UNPLUGGED) == {Cause.UNPLUGGED: 3}
    (hole,) = _holes(tmp_path)
    assert hole.cause == Cause.UNPLUGGED


def test_a_hole_that_lost_all_its_readings_says_what_it_was(tmp_path: Path) -> None:
    _late(tmp_path, 5, [4, 0, 1, 3, 2], opened=False)
    whole = [hole for hole in _holes(tmp_path) if hole.state is State.RECOVERED]
    assert all(hole.count >= 1 for hole in whole)
    assert not [hole for hole in _holes(tmp_path) if hole.state is State.LOST]
    again = tmp_path / "again"
    again.mkdir()
    _late(again, 5, [0, 1, 2, 3, 4], opened=False)
    (hole,) = _holes(again)
    assert (hole.state, hole.count) == (State.RECOVERED, 5)


@in_virtual_time
async def _full_queue(folder: Path) -> tuple[list[Hole], int, int]:
    from fieldstation.station import collector as collector_module
    from fieldstation.station.collector import Collector
    from fieldstation.station.supervisor import supervise

    from .meter import MeterTwin, end, instrument, settings

    clock = LoopClock()
    async with Collector(folder / "journal.sqlite3", clock) as collector:
        made = instrument(settings(), MeterTwin(), clock, collector)
        most, collector_module.MOST_WAITING = collector_module.MOST_WAITING, 4
        collector.state.full = True
        try:
            task = asyncio.create_task(supervise(made))
            await asyncio.sleep(105)
        finally:
            collector_module.MOST_WAITING = most
        collector.state.full = False
        writer = asyncio.create_task(collector.run())
        await asyncio.sleep(30)
        await end(task)
        collector.finish()
        await writer
        kept = await collector.ask(lambda journal: journal.after(0, 100))
        main = [one for one in kept if one.reading.layout.name == "status"]
        return await collector.ask(lambda j: j.holes()), len(main), made.due


def test_a_full_queue_is_a_hole_of_the_main_reading(tmp_path: Path) -> None:
    holes, kept, due = _full_queue(tmp_path)
    whole = [hole for hole in holes if hole.layout == ""]
    assert {hole.cause for hole in holes} == {Cause.DISK_FULL}
    assert kept + sum(hole.count for hole in whole) == due
    assert all(hole.state is State.LOST for hole in whole)
