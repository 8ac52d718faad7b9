"""The Emus driver and its twin over links: in memory with line speed, and on a real pty."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import pytest

from fieldstation.errors import InstrumentRefused, LinkTimeout
from fieldstation.instruments import registry
from fieldstation.instruments.emus_bms.driver import DRIVER
from fieldstation.instruments.emus_bms.grammar import parse
from fieldstation.model import Poll, configured
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner
from fieldstation.transport.host import pty_host
from fieldstation.transport.loopback import LoopLink
from fieldstation.transport.opening import open_link
from fieldstation.transport.tap import Passed, Way

NOON_S = 1_779_969_600.0  # 2026-05-28 12:00 UTC


def wall() -> float:
    return NOON_S + asyncio.get_running_loop().time()


async def plan_of(runner: Runner) -> dict[str, Poll]:
    identity = await runner.converse(DRIVER.identify())
    return {poll.layout.name: poll for poll in DRIVER.plan(identity)}


def _lines(passed: list[Passed], way: Way) -> list[bytes]:
    heard = b"".join(piece.data for piece in passed if piece.way is way)
    return [line for line in heard.replace(b"\r", b"\n").split(b"\n") if line]


@in_virtual_time
async def test_all_polls_at_line_speed_amid_broadcasts() -> None:
    link = LoopLink(registry.twin("emus_bms", "pack80"), wall)
    runner = Runner(link)
    plan = await plan_of(runner)
    for poll in plan.values():
        values = await runner.converse(poll.converse())
        row = poll.layout.row(values)
        assert any(value is not None for value in row), poll.layout.name
    voltages = await runner.converse(plan["cell_voltages"].converse())
    assert voltages["cell_voltages_complete"] is True
    assert len(voltages) == 81
    await link.aclose()


@in_virtual_time
async def test_no_broadcast_is_lost_between_polls() -> None:
    passed: list[Passed] = []
    link = LoopLink(registry.twin("emus_bms"), wall)
    runner = Runner(link, tap=passed.append)
    plan = await plan_of(runner)
    await asyncio.sleep(10)
    before = await runner.converse(plan["unit"].converse())
    passed.clear()
    for _ in range(3):
        await asyncio.sleep(10)
        await runner.converse(plan["battery"].converse())
    after = await runner.converse(plan["unit"].converse())
    said = len(_lines(passed, Way.IN))
    counted = int(str(after["lines_ok"])) - int(str(before["lines_ok"]))
    # What came with the last poll may still wait in the buffer.
    assert said - 13 <= counted <= said
    assert said > 13 * 30
    assert after["lines_bad_checksum"] == before["lines_bad_checksum"]
    await link.aclose()


@in_virtual_time
async def test_the_polls_share_what_was_broadcast() -> None:
    passed: list[Passed] = []
    link = LoopLink(registry.twin("emus_bms"), wall)
    runner = Runner(link, tap=passed.append)
    plan = await plan_of(runner)
    await runner.converse(plan["battery"].converse())
    passed.clear()
    await asyncio.sleep(10)
    await runner.converse(plan["battery"].converse())
    await runner.converse(plan["status"].converse())
    asked = [parse(line).name for line in _lines(passed, Way.OUT)]
    assert asked == ["CV1", "ST1"]
    await link.aclose()


@in_virtual_time
async def test_what_passes_on_can_is_kept() -> None:
    passed: list[Passed] = []
    link = LoopLink(registry.twin("emus_bms", faults=["can_trace"]), wall)
    runner = Runner(link, tap=passed.append)
    plan = await plan_of(runner)
    count = 0
    for _ in range(3):
        await asyncio.sleep(10)
        await runner.converse(plan["battery"].converse())
        told = await runner.converse(plan["can_frames"].converse())
        count += int(str(told["can_frame_count"]))
        assert "sent 00010000 remote; received 00010000 0004; sent 00010001" in str(told)
    said = [line[:3] for line in _lines(passed, Way.IN)]
    # What came with the last poll may still wait in the buffer.
    assert said.count(b"CN1") + said.count(b"CN2") - 4 <= count
    assert count >= 4 * 30
    await link.aclose()


@in_virtual_time
async def test_a_unit_that_copies_nothing_from_can_has_no_place_for_it() -> None:
    link = LoopLink(registry.twin("emus_bms"), wall)
    assert "can_frames" not in await plan_of(Runner(link))
    await link.aclose()


@in_virtual_time
async def test_a_unit_that_broadcasts_but_does_not_answer_tells_the_way_out() -> None:
    link = LoopLink(registry.twin("emus_bms", faults=["broadcast_only"]), wall)
    with pytest.raises(LinkTimeout, match="set ask = false"):
        await Runner(link).converse(DRIVER.identify())
    await link.aclose()


@pytest.mark.parametrize("faults", [[], ["broadcast_only"], ["can_trace"]])
def test_a_unit_that_is_not_asked_is_read_from_what_it_broadcasts(faults: list[str]) -> None:
    _listened_to(faults)


@in_virtual_time
async def _listened_to(faults: list[str]) -> None:
    passed: list[Passed] = []
    link = LoopLink(registry.twin("emus_bms", faults=faults), wall)
    runner = Runner(link, tap=passed.append)
    driver = configured(DRIVER, {"ask": False, "distance": True})
    await asyncio.sleep(0.4)  # into the middle of a burst
    identity = await runner.converse(driver.identify())
    assert (identity.serial, identity.facts["cell_count"]) == ("", 8)
    plan = {poll.layout.name: poll for poll in driver.plan(identity)}
    assert list(plan) == [
        "battery", "status", "charger", "energy", "distance", "can", "unit", "can_frames",
    ]  # fmt: skip
    for _ in range(3):
        await asyncio.sleep(10)
        for name, poll in plan.items():
            values = await runner.converse(poll.converse())
            assert set(values) == set(poll.layout.names), name
    frames = await runner.converse(plan["can_frames"].converse())
    assert frames["can_frame_count"] == 0
    assert _lines(passed, Way.OUT) == []
    await link.aclose()


@in_virtual_time
async def test_a_unit_that_is_listened_to_gives_what_it_said_last() -> None:
    link = LoopLink(registry.twin("emus_bms"), wall)
    runner, driver = Runner(link), configured(DRIVER, {"ask": False})
    identity = await runner.converse(driver.identify())
    [unit] = [poll for poll in driver.plan(identity) if poll.layout.name == "unit"]
    for _ in range(3):
        await asyncio.sleep(30)
        told = await runner.converse(unit.converse())
        age_s = wall() - datetime.fromisoformat(f"{told['device_time']}Z").timestamp()
        assert 0 <= age_s < 2.5
    await link.aclose()


@in_virtual_time
async def test_a_unit_that_is_not_asked_and_silent_is_lost() -> None:
    link = LoopLink(registry.twin("emus_bms", faults=["no_broadcast"]), wall)
    with pytest.raises(LinkTimeout, match="no whole reply to CV1 within 12 s"):
        await Runner(link).converse(configured(DRIVER, {"ask": False}).identify())
    await link.aclose()


@pytest.mark.parametrize(
    "fault", ["flip:0.05", "lose_byte:0.05", "truncate:0.05", "garbage:0.2", "duplicate:0.2",
              "late:0.1", "cut_line:0.02", "lost_line_end:0.02"],
)  # fmt: skip
def test_line_faults_never_give_a_wrong_value(fault: str) -> None:
    _faulty(fault)


@in_virtual_time
async def _faulty(fault: str) -> None:
    clean = LoopLink(registry.twin("emus_bms", fast=True, faults=["no_broadcast"]), wall)
    truth = await Runner(clean).converse((await plan_of(Runner(clean)))["status"].converse())
    link = LoopLink(registry.twin("emus_bms", faults=[fault]), wall)
    plan = DRIVER.plan(await Runner(clean).converse(DRIVER.identify()))
    runner = Runner(link)
    good = 0
    for poll in plan:
        for _ in range(3):
            try:
                values: dict[str, Any] = await runner.converse(poll.converse())
            except (LinkTimeout, InstrumentRefused):
                continue
            good += 1
            if poll.layout.name == "status":
                moving = {"charging_stage_duration"}
                assert {k: v for k, v in values.items() if k not in moving} == {
                    k: v for k, v in truth.items() if k not in moving
                }
            for channel, value in zip(poll.layout.channels, poll.layout.row(values), strict=True):
                if isinstance(value, float) and channel.high is not None:
                    assert value <= channel.high
    assert good > len(plan)
    await link.aclose()
    await clean.aclose()


@in_virtual_time
async def test_a_restart_in_the_middle_is_survived() -> None:
    link = LoopLink(registry.twin("emus_bms", faults=["restart:0.05"]), wall)
    runner = Runner(link)
    plan: dict[str, Poll] = {}
    good = 0
    for _ in range(40):
        try:
            plan = plan or await plan_of(runner)
            await runner.converse(plan["battery"].converse())
        except LinkTimeout:
            continue
        good += 1
    assert good > 20
    await link.aclose()


@pytest.mark.slow
async def test_driver_and_twin_talk_over_a_real_pty() -> None:
    async with pty_host(registry.twin("emus_bms"), time.time) as path:
        link = await open_link(path, DRIVER.line)
        try:
            runner = Runner(link)
            plan = await plan_of(runner)
            battery = await runner.converse(plan["battery"].converse())
            voltages = await runner.converse(plan["cell_voltages"].converse())
        finally:
            await link.aclose()
    assert battery["cell_count"] == 8
    assert voltages["cell_voltages_complete"] is True
