"""Chips on one bus: whose transactions take turns need not wait for a whole reading of another."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fieldstation.instruments import registry
from fieldstation.journal import Reader
from fieldstation.model import I2cLine, Line
from fieldstation.station import port as ports
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.supervisor import instruments, supervise
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport.address import Address
from fieldstation.transport.loopback import LoopLink

from .meter import START_US, LoopClock, collecting, end

# By the light sensor's address; the night in which the twins stand gives it long ranges to try.
KINDS = {0x10: "veml7700", 0x40: "si7020"}


@in_virtual_time
async def test_a_slow_chip_never_keeps_its_neighbours_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = LoopClock()

    async def open_link(address: Address, line: Line, **_: object) -> LoopLink:
        assert isinstance(line, I2cLine)
        return LoopLink(registry.twin(KINDS[line.address]), lambda: clock.now().utc_us / 1e6)

    monkeypatch.setattr(ports, "open_link", open_link)
    settings = [
        InstrumentSettings(kind, kind, "i2c:1", 1.0, I2cLine(address))
        for address, kind in KINDS.items()
    ]
    async with collecting(tmp_path, clock) as collector:
        light, air = instruments(settings, clock, collector)
        tasks = [asyncio.create_task(supervise(one)) for one in (light, air)]
        await asyncio.sleep(10)
        await end(*tasks)
    assert light.state.readings < 8
    reader = Reader(tmp_path / "journal.sqlite3")
    kept = [one.reading for one in reader.after(0, 100) if one.reading.instrument == "si7020"]
    reader.close()
    since_us = [one.instant.utc_us - START_US for one in kept]
    assert len(since_us) == 10
    # Due half a second beside the other, and 0.06 s long, or 0.08 with its reset.
    assert all(abs(at - 550_000 - 1_000_000 * n) < 100_000 for n, at in enumerate(since_us))
