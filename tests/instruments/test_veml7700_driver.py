"""The VEML7700 led by its driver: a range that follows the light."""

from __future__ import annotations

import asyncio

import pytest

from fieldstation.errors import CodecError, ConfigError
from fieldstation.instruments import outdoors
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.veml7700 import ladder
from fieldstation.instruments.veml7700.driver import DRIVER
from fieldstation.instruments.veml7700.simulator import Veml7700Chip
from fieldstation.model import Driver, Value, configured
from fieldstation.protocol.i2c import ChipTwin
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner
from fieldstation.transport.loopback import LoopLink

NOON_S = 1_779_969_600.0

MIDNIGHT_S = NOON_S + 43_200


class Recorder:
    """A chip whose configurations are written down."""

    def __init__(self, share: float = 1.0) -> None:
        self.chip = Veml7700Chip(share, 1, FaultPlan(), fast=False)
        self.configured: list[int] = []

    def transact(self, write: bytes, read: int, utc_s: float) -> bytes | None:
        if len(write) == 3 and write[0] == 0:
            self.configured.append(int.from_bytes(write[1:], "little"))
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
async def test_range_follows_the_light() -> None:
    (noon,) = await _readings(Recorder())
    assert noon["gain"] == 0.125
    assert isinstance(noon["illuminance"], float)
    assert noon["illuminance"] > 10_000
    (night,) = await _readings(Recorder(), start_s=MIDNIGHT_S)
    assert (night["gain"], night["integration_ms"]) == (2.0, 800)
    assert night["illuminance"] == 0.0
    (indoors,) = await _readings(Recorder(share=0.002))
    assert isinstance(indoors["als_counts"], int)
    assert ladder.TOO_FEW < indoors["als_counts"] <= ladder.TOO_MANY


@in_virtual_time
async def test_result_from_before_a_change_is_never_kept() -> None:
    chip = Recorder(share=0.0002)
    (values,) = await _readings(chip)
    assert isinstance(values["illuminance_linear"], float)
    light_lx = 0.0002 * outdoors.illuminance_lx(NOON_S, 1)
    # A count of the setting before would be wrong by a factor of two or more.
    assert values["illuminance_linear"] == pytest.approx(light_lx, rel=0.1)
    assert len(chip.configured) > 2


@in_virtual_time
async def test_setting_that_suits_is_left_alone() -> None:
    chip = Recorder()
    await _readings(chip, 4)
    changes = len(chip.configured)
    assert changes <= 2 * ladder.MOST_STEPS
    # Every change is written with the part shut down, then switched on.
    assert [word & 1 for word in chip.configured] == [1, 0] * (changes // 2)


@in_virtual_time
async def test_chip_that_lost_its_settings_is_set_again() -> None:
    chip = Recorder()
    runner = _runner(chip)
    plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
    before = await runner.converse(plan[0].converse())
    chip.chip.plan = FaultPlan(["power_dip*1"])
    after = await runner.converse(plan[0].converse())
    assert before["gain"] == after["gain"]
    assert after["illuminance"] == pytest.approx(before["illuminance"], rel=0.2)


@in_virtual_time
async def test_missing_chip_is_one_sentence() -> None:
    chip = Recorder()
    chip.chip.plan = FaultPlan(["absent"])
    with pytest.raises(CodecError, match="did not acknowledge its configuration in 3 tries"):
        await _runner(chip).converse(DRIVER.identify())


@in_virtual_time
async def test_full_counter_with_a_fixed_range_stays_without_illuminance() -> None:
    driver = configured(DRIVER, {"automatic_range": False, "gain": 2.0, "integration_ms": 800})
    (values,) = await _readings(Recorder(), driver=driver)
    assert (values["gain"], values["integration_ms"]) == (2.0, 800)
    assert (values["saturated"], values["illuminance"]) == (True, None)


def test_options_are_checked_with_one_sentence_each() -> None:
    with pytest.raises(ConfigError) as caught:
        configured(DRIVER, {"resolution_base": 0.005, "gian": 1, "automatic_range": "yes"})
    unknown, base, automatic = caught.value.problems
    assert unknown == "there is no option 'gian'; did you mean 'gain'?"
    assert base == "option resolution_base must be one of 0.0042, 0.0036, not 0.005"
    assert automatic == "option automatic_range must be true or false, not 'yes'"


@in_virtual_time
async def test_base_of_old_records_can_be_chosen() -> None:
    driver = configured(DRIVER, {"resolution_base": 0.0036})
    identity = await _runner(Recorder()).converse(driver.identify())
    assert identity.facts == {"resolution_base": 0.0036}
    (new,), (old,) = await _readings(Recorder()), await _readings(Recorder(), driver=driver)
    assert isinstance(old["illuminance_linear"], float)
    assert new["illuminance_linear"] == pytest.approx(old["illuminance_linear"] * 7 / 6)
