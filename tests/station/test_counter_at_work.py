"""A station with a particle counter: what the counter needs, whatever the station is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fieldstation.instruments import registry
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.opc_n3.simulator import OpcN3Twin, twin
from fieldstation.journal import Reader
from fieldstation.model import Line, Value
from fieldstation.station import port as ports
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.supervisor import instruments, supervise
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport.address import Address
from fieldstation.transport.loopback import LoopLink

from .meter import LoopClock, collecting, end


@in_virtual_time
async def _run(
    folder: Path, unit: OpcN3Twin, every_s: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A station that works for so long and is then told to stop."""
    clock = LoopClock()

    async def open_link(address: Address, line: Line, **_: object) -> LoopLink:
        return LoopLink(unit, lambda: clock.now().utc_us / 1e6)

    monkeypatch.setattr(ports, "open_link", open_link)
    line = registry.driver("opc_n3").line
    settings = [InstrumentSettings("air", "opc_n3", "spi:0.0", every_s, line)]
    async with collecting(folder, clock) as collector:
        (made,) = instruments(settings, clock, collector)
        task = asyncio.create_task(supervise(made))
        await asyncio.sleep(seconds)
        await end(task)


def _kept(folder: Path) -> list[dict[str, Value]]:
    reader = Reader(folder / "journal.sqlite3")
    try:
        assert reader.holes() == []
        readings = [one.reading for one in reader.after(0, 1000)]
    finally:
        reader.close()
    return [
        dict(zip(one.layout.names, one.values, strict=True))
        for one in readings
        if one.layout.name == "histogram"
    ]


@pytest.mark.parametrize(("every_s", "count"), [(10.0, 180), (60.0, 30), (300.0, 6)])
def test_a_counter_is_never_left_alone_however_seldom_readings_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_s: float, count: int
) -> None:
    # This unit logs on its own, and answers no more, when it hears nothing for 65 s.
    unit = twin("", 1, FaultPlan(["own_logging"]))
    _run(tmp_path, unit, every_s, 1800.0, monkeypatch)
    kept = _kept(tmp_path)
    assert len(kept) == pytest.approx(count, abs=2)
    covered_s = sum(float(one["sampling_period"] or 0) for one in kept)
    assert covered_s == pytest.approx(1800, abs=every_s + 30)
    assert not any(one["nothing_counted"] for one in kept)
    assert (unit.power["fan_on"], unit.power["laser_switch"]) == (0, 0)


@pytest.mark.parametrize("seconds", [1.0, 4.0, 7.5, 9.0, 33.3])
def test_a_station_told_to_stop_leaves_fan_and_laser_off_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    unit = twin("", 1, FaultPlan())
    _run(tmp_path, unit, 10.0, seconds, monkeypatch)
    assert (unit.power["fan_on"], unit.power["laser_switch"]) == (0, 0)
