from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fieldstation.batch.facts import Cause, Hole
from fieldstation.journal import Reader
from fieldstation.model import Kept
from fieldstation.station.instrument import Instrument
from fieldstation.station.supervisor import supervise
from fieldstation.testing.virtualtime import in_virtual_time

from .meter import (
    START_US,
    LoopClock,
    MeterDriver,
    MeterTwin,
    collecting,
    end,
    instrument,
    settings,
)

MODES = {"silent": Cause.SILENT, "garbled": Cause.GARBLED, "refusing": Cause.REFUSED}
Script = list[tuple[str, float]]


@in_virtual_time
async def _play(
    folder: Path,
    script: Script,
    serial: str = "",
    every_s: float = 10.0,
    driver: MeterDriver | None = None,
) -> Instrument:
    """Run one meter through a script of modes and their seconds. A mode may be `unit X` (another
    unit is plugged in), `jump X` (the wall clock moves) or `slow X` (each reply takes so long).
    """
    clock, twin = LoopClock(), MeterTwin()
    async with collecting(folder, clock) as collector:
        made = instrument(settings(serial=serial, every_s=every_s), twin, clock, collector, driver)
        task = asyncio.create_task(supervise(made))
        for mode, seconds in script:
            word, _, value = mode.partition(" ")
            if word == "unit":
                twin.serial = value
            elif word == "jump":
                clock.jump_us += int(float(value) * 1e6)
            elif word == "slow":
                twin.delay_s = float(value)
            else:
                twin.mode = mode
            await asyncio.sleep(seconds)
        await end(task)
    return made


def _kept(folder: Path) -> list[Kept]:
    reader = Reader(folder / "journal.sqlite3")
    try:
        return reader.after(0, 10**6)
    finally:
        reader.close()


def _main(folder: Path) -> list[Kept]:
    return [kept for kept in _kept(folder) if kept.reading.layout.name == "status"]


def _holes(folder: Path, layout: str = "") -> list[Hole]:
    reader = Reader(folder / "journal.sqlite3")
    try:
        return [hole for hole in reversed(reader.holes()) if hole.layout == layout]
    finally:
        reader.close()


@in_virtual_time
async def test_the_first_reading_of_a_run_is_written_at_once(tmp_path: Path) -> None:
    clock = LoopClock()
    async with collecting(tmp_path, clock) as collector:
        made = instrument(settings(), MeterTwin(), clock, collector)
        task = asyncio.create_task(supervise(made))
        await asyncio.sleep(0.5)
        assert await collector.ask(lambda journal: len(journal.after(0, 10))) == 1
        await asyncio.sleep(10)
        assert made.state.readings == 3
        assert await collector.ask(lambda journal: len(journal.after(0, 10))) == 2
        await end(task)


def test_readings_fall_on_the_wall_clock_and_the_seldom_ones_are_seldom(tmp_path: Path) -> None:
    _play(tmp_path, [("good", 125)])
    layouts = Counter(kept.reading.layout.name for kept in _kept(tmp_path))
    assert layouts == {"status": 13, "ratings": 3}
    times = [kept.reading.instant.utc_us for kept in _main(tmp_path)]
    assert all(0 <= time % 10_000_000 < 200_000 for time in times)
    assert _holes(tmp_path) == []


@pytest.mark.parametrize("mode", MODES)
def test_an_outage_is_one_hole_and_two_lines_in_the_log(
    tmp_path: Path, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = _play(tmp_path, [("good", 55), (mode, 605), ("good", 100)])

    (hole,) = _holes(tmp_path)
    assert (hole.cause, hole.open) == (MODES[mode], False)
    assert hole.count + len(_main(tmp_path)) == made.due
    assert hole.count >= 60
    assert hole.last_utc_us - hole.first_utc_us == (hole.count - 1) * 10_000_000
    lines = [r.message for r in caplog.records if r.name.startswith("fieldstation.station")]
    assert lines == ["instrument is there", "instrument lost", "instrument is back"]


def test_an_instrument_that_was_never_there_has_its_hole_as_well(tmp_path: Path) -> None:
    made = _play(tmp_path, [("silent", 300)])
    (hole,) = _holes(tmp_path)
    assert (hole.cause, hole.open) == (Cause.SILENT, True)
    assert 25 <= hole.count == made.due


def test_one_lost_reply_costs_one_reading_and_comes_back_at_the_next(tmp_path: Path) -> None:
    _play(tmp_path, [("good", 15), ("silent", 12), ("good", 50)])
    (hole,) = _holes(tmp_path)
    assert hole.count == 1


@hypothesis_settings(max_examples=20, deadline=None)
@given(
    script=st.lists(
        st.tuples(
            st.sampled_from(
                ["good", "silent", "garbled", "refusing", "jump 5000", "jump -1e8", "slow 0.8"]
            ),
            st.floats(1, 200),
        ),
        max_size=8,
    ),
    every_s=st.sampled_from([1.0, 7.0, 10.0]),
)
def test_every_due_reading_is_there_or_in_a_hole(
    tmp_path_factory: pytest.TempPathFactory, script: Script, every_s: float
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    made = _play(folder, [*script, ("good", 90)], every_s=every_s)
    holes = _holes(folder)
    under_way = made.due - len(_main(folder)) - sum(hole.count for hole in holes)
    assert under_way in (0, 1)  # the stop may come while a reading is taken
    assert sum(made.ledger.missed_by_cause.values()) == sum(
        hole.count for hole in [*holes, *_holes(folder, "ratings")]
    )
    assert sum(hole.open for hole in holes) == (made.state.state == "lost")


def test_a_jump_of_the_wall_clock_costs_no_reading(tmp_path: Path) -> None:
    years = 10 * 365 * 86_400
    made = _play(tmp_path, [("good", 50), (f"jump {years}", 50), (f"jump {-2 * years}", 105)])
    assert len(_main(tmp_path)) == made.due == 21
    assert _holes(tmp_path) == []


def test_another_unit_than_the_configured_one_is_not_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = _play(tmp_path, [("good", 100)], serial="B2")
    assert _kept(tmp_path) == []
    (hole,) = _holes(tmp_path)
    assert (hole.cause, hole.count) == (Cause.WRONG_UNIT, made.due)
    assert "has serial number A1, configured is B2" in made.state.error
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1


def test_a_swapped_unit_is_noticed(tmp_path: Path) -> None:
    made = _play(
        tmp_path,
        [("good", 45), ("silent", 20), ("unit B2", 0), ("good", 100), ("unit A1", 100)],
        serial="A1",
    )
    causes = {hole.cause for hole in _holes(tmp_path)}
    assert Cause.WRONG_UNIT in causes
    lost_us = START_US + 45_000_000
    back_us = START_US + 165_000_000
    times = [kept.reading.instant.utc_us for kept in _main(tmp_path)]
    assert not [time for time in times if lost_us < time < back_us]
    assert made.state.state == "good"


def test_readings_that_take_too_long_cost_the_ticks_they_run_over(tmp_path: Path) -> None:
    made = _play(tmp_path, [("slow 0.6", 0), ("good", 60)], every_s=1.0)
    assert made.ledger.missed_by_cause[Cause.OVERRUN] > 0
    overrun = sum(hole.count for hole in _holes(tmp_path))
    assert made.due - 1 <= overrun + len(_main(tmp_path)) <= made.due


@in_virtual_time
async def _with_a_crashing_neighbour(folder: Path, hours: float) -> tuple[Instrument, Instrument]:
    clock = LoopClock()
    async with collecting(folder, clock) as collector:
        bad = MeterDriver()
        bad.crash = RuntimeError("a defect")
        pair = (
            instrument(settings("bad", every_s=60.0), MeterTwin(), clock, collector, bad),
            instrument(settings("good", every_s=60.0), MeterTwin(), clock, collector),
        )
        tasks = [asyncio.create_task(supervise(one)) for one in pair]
        await asyncio.sleep(hours * 3600)
        await end(*tasks)
    return pair


@pytest.mark.slow
def test_a_crash_of_one_instrument_leaves_the_others_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = _with_a_crashing_neighbour(tmp_path, 24)
    kept = [one.reading for one in _kept(tmp_path) if one.reading.layout.name == "status"]
    assert {one.instrument for one in kept} == {"good"}
    assert len(kept) == good.due == 1440
    assert bad.ledger.missed_by_cause == {Cause.DEFECT: bad.due}
    said = Counter(record.levelname for record in caplog.records)
    assert (said["ERROR"], said["WARNING"]) == (1, 1)
    assert bad.state.failures[Cause.DEFECT] < 24 * 3600 / 30 + 10
