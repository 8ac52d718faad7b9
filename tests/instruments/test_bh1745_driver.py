"""The BH1745NUC led by its driver: measurements that are waited for."""

from __future__ import annotations

import asyncio

import pytest

from fieldstation.errors import CodecError, ConfigError
from fieldstation.instruments.bh1745.driver import DRIVER
from fieldstation.instruments.bh1745.ladder import START
from fieldstation.instruments.bh1745.simulator import LX_PER_GREEN, Bh1745Chip
from fieldstation.instruments.faults import FaultPlan
from fieldstation.model import Driver, Value, configured
from fieldstation.protocol.i2c import ChipTwin
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner
from fieldstation.transport.loopback import LoopLink

NOON_S = 1_779_969_600.0

MIDNIGHT_S = NOON_S + 43_200


class Recorder:
    """A chip whose writes to the mode registers are written down."""

    def __init__(self, share: float = 0.5, *faults: str) -> None:
        self.chip = Bh1745Chip(share, 1, FaultPlan(faults), fast=False)
        self.modes: list[bytes] = []

    def transact(self, write: bytes, read: int, utc_s: float) -> bytes | None:
        if len(write) > 1 and write[0] in (0x41, 0x42, 0x44):
            self.modes.append(write)
        return self.chip.transact(write, read, utc_s)


def _runner(chip: Recorder, start_s: float = NOON_S) -> Runner:
    loop = asyncio.get_running_loop()
    return Runner(LoopLink(ChipTwin(chip), lambda: start_s + loop.time()), silence_s=0.0)


async def _readings(
    chip: Recorder, count: int = 1, start_s: float = NOON_S, driver: Driver = DRIVER
) -> list[dict[str, Value]]:
    runner = _runner(chip, start_s)
    plan = driver.plan(await runner.converse(driver.identify()))
    return [await runner.converse(plan[0].converse()) for _ in range(count)]


@in_virtual_time
async def test_another_part_is_refused() -> None:
    chip = Recorder()
    chip.chip.registers[0x92] = 0xE1
    with pytest.raises(CodecError, match="maker E1 part 0B is no BH1745NUC"):
        await _runner(chip).converse(DRIVER.identify())


@in_virtual_time
async def test_modes_are_written_once() -> None:
    once, often = Recorder(), Recorder()
    await _readings(once)
    await _readings(often, 5)
    assert once.modes == [b"\x41\x00", b"\x44\x02", b"\x42\x10"]
    assert often.modes == once.modes


@in_virtual_time
async def test_result_from_before_a_change_is_never_kept() -> None:
    chip = Recorder(share=0.0005)
    (values,) = await _readings(chip)
    gain, time_ms = values["gain"], values["measurement_ms"]
    green = values["green_counts"]
    assert isinstance(gain, int)
    assert isinstance(time_ms, int)
    assert isinstance(green, int)
    lux = green / gain / time_ms * 160 * LX_PER_GREEN
    assert values["illuminance"] == pytest.approx(lux, rel=0.05)
    assert (gain, time_ms) != (START.gain, START.measurement_ms)


@in_virtual_time
async def test_range_follows_the_light() -> None:
    (noon,) = await _readings(Recorder())
    assert (noon["gain"], noon["measurement_ms"]) == (1, 160)
    assert isinstance(noon["colour_temperature"], float)
    (night,) = await _readings(Recorder(), start_s=MIDNIGHT_S)
    assert (night["gain"], night["measurement_ms"]) == (16, 2560)
    assert (night["illuminance"], night["colour_temperature"]) == (0.0, None)


@in_virtual_time
async def test_chip_that_lost_its_settings_is_set_again() -> None:
    chip = Recorder()
    runner = _runner(chip)
    plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
    before = await runner.converse(plan[0].converse())
    chip.chip.plan = FaultPlan(["power_dip*1"])
    after = await runner.converse(plan[0].converse())
    assert after["illuminance"] == pytest.approx(before["illuminance"], rel=0.2)


@in_virtual_time
async def test_chip_is_reset_when_it_is_first_met() -> None:
    chip = Recorder()
    await _readings(chip)
    chip.chip.registers[0x44] = 0x00  # without its third mode a part counts nothing
    chip.chip.registers |= dict.fromkeys(range(0x50, 0x58), 0)
    (values,) = await _readings(chip)
    assert values["green_counts"] != 0


@in_virtual_time
async def test_reset_is_waited_for() -> None:
    chip = Recorder()
    chip.chip.reset_s = 0.08
    (values,) = await _readings(chip)
    assert len(chip.modes) == 3
    assert isinstance(values["illuminance"], float)
    chip = Recorder()
    chip.chip.reset_s = 5.0
    with pytest.raises(CodecError, match="does not come back from a reset"):
        await _readings(chip)
    assert chip.modes == []


@in_virtual_time
async def test_part_that_ends_no_measurement_is_one_sentence() -> None:
    with pytest.raises(CodecError, match="ended no measurement; does another program"):
        await _readings(Recorder(0.5, "never_valid"))


@in_virtual_time
async def test_full_colour_is_kept_as_counts_only() -> None:
    driver = configured(DRIVER, {"automatic_range": False})
    (values,) = await _readings(Recorder(0.5, "full"), driver=driver)
    assert (values["red_counts"], values["illuminance"]) == (65_535, None)
    assert values["saturated"] is True


def test_options_are_checked_with_one_sentence_each() -> None:
    with pytest.raises(ConfigError) as caught:
        configured(DRIVER, {"window": 0, "gain": 3})
    assert caught.value.problems == (
        "option window must be 0.001 to 1, not 0",
        "option gain must be one of 1, 2, 16, not 3",
    )
