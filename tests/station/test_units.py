"""Whose readings a name stands for, over restarts of the station and replaced units."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fieldstation.batch.facts import Cause
from fieldstation.journal import Reader
from fieldstation.station.instrument import InstrumentState
from fieldstation.station.supervisor import supervise
from fieldstation.testing.virtualtime import in_virtual_time

from .meter import LoopClock, MeterTwin, collecting, end, instrument, settings


@in_virtual_time
async def _run(folder: Path, serial: str, configured: str = "") -> InstrumentState:
    """One run of the station with the unit `serial` on the port."""
    clock = LoopClock()
    async with collecting(folder, clock) as collector:
        made = instrument(settings(serial=configured), MeterTwin(serial), clock, collector)
        task = asyncio.create_task(supervise(made))
        await asyncio.sleep(95)
        await end(task)
    return made.state


def _readings(folder: Path) -> int:
    reader = Reader(folder / "journal.sqlite3")
    try:
        return len(reader.after(0, 10**6))
    finally:
        reader.close()


def test_the_first_unit_seen_is_the_one_from_then_on(tmp_path: Path) -> None:
    assert _run(tmp_path, "A1").state == "good"
    before = _readings(tmp_path)
    state = _run(tmp_path, "B2")
    assert (state.state, state.cause) == ("lost", Cause.WRONG_UNIT)
    assert state.error == (
        "meter: the unit on loop: has serial number B2, so far it was A1; plug in the right one, or"
        ' accept this one: serial_number = "B2" in [instrument.meter]'
    )
    assert _readings(tmp_path) == before
    assert _run(tmp_path, "A1").state == "good"


def test_a_replaced_unit_is_accepted_by_its_number_and_stays(tmp_path: Path) -> None:
    _run(tmp_path, "A1")
    assert _run(tmp_path, "B2", configured="B2").state == "good"
    assert _run(tmp_path, "B2").state == "good"
    state = _run(tmp_path, "A1")
    assert (state.state, state.cause) == ("lost", Cause.WRONG_UNIT)


def test_a_unit_without_a_number_binds_nobody(tmp_path: Path) -> None:
    assert _run(tmp_path, "").state == "good"
    assert _run(tmp_path, "A1").state == "good"
    state = _run(tmp_path, "")
    assert "tells none, so far it was A1" in state.error
