"""The Si7020 led by its driver: a chip that does not acknowledge while it measures."""

from __future__ import annotations

import asyncio

import pytest

from fieldstation.errors import ChecksumMismatch, CodecError
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.si7020 import channels
from fieldstation.instruments.si7020.driver import DRIVER
from fieldstation.instruments.si7020.simulator import Si7020Chip
from fieldstation.model import Value
from fieldstation.protocol.i2c import ChipTwin
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner
from fieldstation.transport.loopback import LoopLink

START_S = 1_779_969_600.0


class Recorder:
    """A chip whose transactions are written down, with what it answered."""

    def __init__(self, *faults: str) -> None:
        self.chip = Si7020Chip(0x14, 1, FaultPlan(faults, 1), fast=False)
        self.seen: list[tuple[bytes, bytes | None]] = []

    def transact(self, write: bytes, read: int, utc_s: float) -> bytes | None:
        answer = self.chip.transact(write, read, utc_s)
        self.seen.append((write, answer))
        return answer

    def count(self, write: bytes) -> int:
        return sum(written == write for written, _ in self.seen)


def _runner(chip: Recorder) -> Runner:
    loop = asyncio.get_running_loop()
    return Runner(LoopLink(ChipTwin(chip), lambda: START_S + loop.time()), silence_s=0.0)


async def _readings(chip: Recorder, count: int = 1) -> list[dict[str, Value]]:
    runner = _runner(chip)
    plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
    return [await runner.converse(plan[0].converse()) for _ in range(count)]


@in_virtual_time
async def test_chip_is_identified_by_part_and_number() -> None:
    identity = await _runner(Recorder()).converse(DRIVER.identify())
    assert (identity.model, identity.serial) == ("Si7020", "0000000114FFB5FF")
    assert identity.facts == {"firmware": "2.0"}


@in_virtual_time
async def test_part_of_another_family_is_refused() -> None:
    chip = Recorder()
    chip.chip = Si7020Chip(0x32, 1, FaultPlan(), fast=False)
    with pytest.raises(CodecError, match="part code 32 is no Si7020"):
        await _runner(chip).converse(DRIVER.identify())


@in_virtual_time
async def test_chip_that_measures_is_waited_for() -> None:
    chip = Recorder()
    chip.chip.measuring_s = 0.06
    (values,) = await _readings(chip)
    refused = [write for write, answer in chip.seen if answer is None]
    assert refused == [b""] * len(refused)
    assert 1 <= len(refused) <= 10
    assert set(values) == set(channels.AMBIENT.names)


@in_virtual_time
async def test_usual_measurement_needs_no_second_question() -> None:
    chip = Recorder()
    await _readings(chip, 3)
    assert all(answer is not None for _, answer in chip.seen)


@in_virtual_time
async def test_wrong_checksum_is_measured_again_once() -> None:
    chip = Recorder("bad_crc*1")
    await _readings(chip)
    assert chip.count(b"\xf5") == 2
    with pytest.raises(ChecksumMismatch):
        await _readings(Recorder("bad_crc"))


@in_virtual_time
async def test_chip_is_reset_when_it_comes_back() -> None:
    chip = Recorder()
    runner = _runner(chip)
    plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
    await runner.converse(plan[0].converse())
    await runner.converse(plan[0].converse())
    assert chip.count(b"\xfe") == 1
    chip.chip.plan = FaultPlan(["absent*3"], 1)
    with pytest.raises(CodecError, match="did not acknowledge a measurement in 3 tries"):
        await runner.converse(plan[0].converse())
    chip.chip.transact(b"\xe6\x3e", 0, START_S)
    values = await runner.converse(plan[0].converse())
    assert chip.count(b"\xfe") == 2
    assert values["heater_on"] is False


@in_virtual_time
async def test_weak_supply_and_wet_sensor_are_shown() -> None:
    (values,) = await _readings(Recorder("low_supply", "condensation"))
    assert values["vdd_low"] is True
    assert values["humidity"] == 100.0
    assert isinstance(values["humidity_unclamped"], float)
    assert values["humidity_unclamped"] > 100


@in_virtual_time
async def test_bus_held_low_gives_no_reading() -> None:
    chip = Recorder()
    runner = _runner(chip)
    plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
    chip.chip.plan = FaultPlan(["held_low"], 1)
    with pytest.raises(CodecError, match="beyond the part's range"):
        await runner.converse(plan[0].converse())
