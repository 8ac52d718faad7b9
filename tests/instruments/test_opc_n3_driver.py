"""The OPC-N3 led by its driver: handshake, and a unit that is kept running."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, pairwise

import pytest

from fieldstation.errors import CodecError
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.opc_n3 import channels, commands, simulator
from fieldstation.instruments.opc_n3.driver import DRIVER
from fieldstation.instruments.opc_n3.handshake import read, ready, write
from fieldstation.instruments.opc_n3.simulator import OpcN3Twin
from fieldstation.model import Identity, Outgoing, Poll, Value, farewell, paced
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner
from fieldstation.transport.loopback import LoopLink

START_S = 1_779_969_600.0


class Recorder:
    """A twin whose line is written down, with the virtual time of each byte sent to it."""

    def __init__(self, twin: OpcN3Twin) -> None:
        self.twin = twin
        self.sent: list[tuple[float, bytes]] = []

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        self.sent.append((utc_s - START_S, data))
        return self.twin.receive(data, utc_s)

    @property
    def bytes_sent(self) -> bytes:
        return b"".join(data for _, data in self.sent)

    def times_of(self, command: commands.Command) -> int:
        """How often a command was begun."""
        whole = bytes((command.code,)) * command.reads
        return sum(data == whole for _, data in self.sent)


def _unit(profile: str = "", *faults: str) -> Recorder:
    return Recorder(simulator.twin(profile, 1, FaultPlan(faults, 1)))


def _connect(unit: Recorder) -> Runner:
    loop = asyncio.get_running_loop()
    return Runner(LoopLink(unit, lambda: START_S + loop.time()))


async def _histograms(unit: Recorder, count: int) -> list[dict[str, Value]]:
    """Readings as a station takes them, ten seconds apart."""
    runner = _connect(unit)
    plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
    values = []
    for _ in range(count):
        values.append(await runner.converse(plan[0].converse()))
        await asyncio.sleep(10)
    return values


@in_virtual_time
async def test_option_byte_is_sent_once_and_only_when_ready() -> None:
    unit = _unit("", "busy")
    await _connect(unit).converse(write(commands.WRITE_POWER, b"\x03"))
    # One byte to begin, ten busy polls, one that is ready, and the option.
    assert unit.bytes_sent == b"\x03" * 13
    assert unit.twin.power["fan_on"] == 1


@in_virtual_time
async def test_polls_keep_the_pause_that_the_unit_needs() -> None:
    unit = _unit("", "busy")
    await _connect(unit).converse(read(commands.READ_FIRMWARE))
    times = [at for at, _ in unit.sent]
    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) >= 0.01 - 1e-6
    assert max(gaps) < 0.1


@in_virtual_time
async def test_unit_out_of_step_is_met_after_a_silence() -> None:
    unit = _unit()
    runner = _connect(unit)
    # Someone else's histogram, broken off in the middle.
    unit.receive(bytes((commands.READ_HISTOGRAM.code,)) * 10, START_S)
    await runner.converse(ready(commands.CHECK_STATUS, wait_s=0.02))
    times = [at for at, data in unit.sent if data == b"\xcf"]
    assert times[1] - times[0] >= 2.5 - 1e-6
    assert len(times) == 3


@pytest.mark.parametrize(
    ("fault", "kind", "advice"),
    [
        ("stuck_00", "no_answer", "reads 00.*5 V supply"),
        ("stuck_ff", "no_answer", "reads FF"),
        ("endless_busy", "busy_timeout", "stays busy with check_status"),
        ("stale_ready", "out_of_step", "out of step"),
    ],
)
@in_virtual_time
async def test_unit_that_never_gets_ready_is_one_sentence(
    fault: str, kind: str, advice: str
) -> None:
    with pytest.raises(CodecError, match=advice) as caught:
        await _connect(_unit("", fault)).converse(DRIVER.identify())
    assert caught.value.kind == kind


@in_virtual_time
async def test_passing_fault_is_overcome() -> None:
    assert (await _connect(_unit("", "stale_ready*1")).converse(DRIVER.identify())).serial


@in_virtual_time
async def test_unit_is_identified_with_its_settings() -> None:
    identity = await _connect(_unit("own_bins")).converse(DRIVER.identify())
    assert (identity.model, identity.serial) == ("OPC-N3", "177700019")
    layout = DRIVER.plan(identity)[0].layout
    labels = {channel.name: channel.label for channel in layout.channels}
    assert labels["pm_c"] == "PM4.25"
    assert labels["bin_0_count"] == "Count 0.5 to 0.6 µm"
    assert layout.id == channels.HISTOGRAM.id


@in_virtual_time
async def test_unit_that_just_got_its_power_is_waited_for() -> None:
    identity = await _connect(_unit("fresh")).converse(DRIVER.identify())
    assert identity.facts["firmware"] == "1.17a"


@in_virtual_time
async def test_another_model_is_refused() -> None:
    profile = replace(simulator.PROFILES["urban"], model="OPC-R2")
    unit = Recorder(OpcN3Twin(profile, 1, FaultPlan(), fast=False))
    with pytest.raises(CodecError, match="calls itself 'OPC-R2") as caught:
        await _connect(unit).converse(DRIVER.identify())
    assert caught.value.kind == "wrong_model"


@in_virtual_time
async def test_first_histogram_is_thrown_away() -> None:
    unit = _unit()
    first, second = await _histograms(unit, 2)
    assert unit.times_of(commands.READ_HISTOGRAM) == 3
    assert first["sampling_period"] == pytest.approx(2.5, abs=0.1)
    assert second["sampling_period"] == pytest.approx(10, abs=0.1)
    assert not first["nothing_counted"]


@in_virtual_time
async def test_fan_gets_its_time_before_the_laser() -> None:
    unit = _unit()
    await _histograms(unit, 1)
    writes = [at for at, data in unit.sent if data in (b"\x03", b"\x07")]
    fan_at, laser_at = writes[2], writes[-1]
    assert laser_at - fan_at >= 5


FAN_ON, FAN_OFF, LASER_ON, LASER_OFF = b"\x03", b"\x02", b"\x07", b"\x06"


def _options(unit: Recorder) -> list[bytes]:
    """Option bytes that were given behind "ready", in order."""
    sent = iter([data for _, data in unit.sent])
    # One byte begins the command, one more finds the unit ready.
    return [[*islice(sent, 2)][-1] for data in sent if data == bytes((commands.WRITE_POWER.code,))]


@in_virtual_time
async def test_unit_left_running_by_a_crash_is_switched_off_first() -> None:
    unit = _unit()
    await _histograms(unit, 2)
    unit.receive(b"\x30\x30\x30", START_S + asyncio.get_running_loop().time())
    await asyncio.sleep(300)
    unit.sent.clear()
    (after,) = await _histograms(unit, 1)
    assert _options(unit) == [LASER_OFF, FAN_OFF, FAN_ON, LASER_ON]
    assert after["sampling_period"] == pytest.approx(2.5, abs=0.1)
    assert not after["nothing_counted"]


@in_virtual_time
async def test_unit_that_was_read_a_moment_ago_is_used_as_it_is() -> None:
    unit = _unit()
    await _histograms(unit, 2)
    unit.receive(b"\x30\x30\x30", START_S + asyncio.get_running_loop().time())
    unit.sent.clear()
    (after,) = await _histograms(unit, 1)
    assert _options(unit) == []
    assert after["sampling_period"] == pytest.approx(2.5, abs=0.1)


async def _plan(unit: Recorder, every_s: float) -> tuple[Runner, Sequence[Poll]]:
    runner, driver = _connect(unit), paced(DRIVER, every_s)
    return runner, driver.plan(await runner.converse(driver.identify()))


@pytest.mark.parametrize(("every_s", "step_s"), [(60.0, 10.0), (15.0, 7.5), (300.0, 10.0)])
@in_virtual_time
async def test_reading_of_a_minute_sums_up_histograms_of_ten_seconds(
    every_s: float, step_s: float
) -> None:
    loop, unit = asyncio.get_running_loop(), _unit()
    runner, plan = await _plan(unit, every_s)
    readings = []
    for number in range(3):
        await asyncio.sleep(number * every_s - loop.time())
        readings.append(await runner.converse(plan[0].converse()))
        # It is over when the next one is due, and soon enough that the unit is not left alone.
        assert loop.time() < (number + 1) * every_s
    whole = bytes((commands.READ_HISTOGRAM.code,)) * commands.READ_HISTOGRAM.reads
    times = [at for at, data in unit.sent if data == whole]
    steps = [after - before for before, after in pairwise(times)]
    # The first ones are of the start.
    assert max(steps) < 2 * step_s
    assert steps[5:] == pytest.approx([step_s] * len(steps[5:]), abs=0.3)
    # No air is lost between readings.
    periods = [reading["sampling_period"] for reading in readings[1:]]
    assert periods == pytest.approx([every_s] * 2, abs=0.5 * step_s)


@in_virtual_time
async def test_unit_that_dies_in_a_long_reading_leaves_what_it_counted() -> None:
    loop, unit = asyncio.get_running_loop(), _unit()
    runner, plan = await _plan(unit, 60.0)
    await runner.converse(plan[0].converse())
    loop.call_later(25, _order, unit, "stuck_00")
    values = await runner.converse(plan[0].converse())
    assert values["sampling_period"] == pytest.approx(30, abs=10)
    assert not values["nothing_counted"]
    with pytest.raises(CodecError, match="does not answer"):
        await runner.converse(plan[0].converse())


@pytest.mark.parametrize(("every_s", "every"), [(2.0, 30), (10.0, 6), (60.0, 1), (300.0, 1)])
def test_power_is_asked_once_a_minute(every_s: float, every: int) -> None:
    _histogram, power = paced(DRIVER, every_s).plan(Identity("opc_n3"))
    assert power.every == every


@in_virtual_time
async def test_empty_histogram_is_never_kept() -> None:
    unit = _unit()
    runner, plan = await _plan(unit, 10.0)
    await runner.converse(plan[0].converse())
    _order(unit, "empty*1")
    values = await runner.converse(plan[0].converse())
    assert isinstance(values["humidity"], float)
    assert values["humidity"] > 0
    _order(unit, "empty")
    with pytest.raises(CodecError, match="still starting"):
        await runner.converse(plan[0].converse())


@in_virtual_time
async def test_damaged_histogram_costs_one_period_and_is_never_kept() -> None:
    unit = _unit()
    runner = _connect(unit)
    plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
    await runner.converse(plan[0].converse())
    await asyncio.sleep(10)
    _order(unit, "bad_crc*1")
    values = await runner.converse(plan[0].converse())
    assert values["sampling_period"] == pytest.approx(2.5, abs=0.1)
    _order(unit, "bad_crc")
    with pytest.raises(CodecError, match="checksum"):
        await runner.converse(plan[0].converse())


@in_virtual_time
async def test_unit_that_lost_its_laser_is_started_again() -> None:
    unit = _unit()
    runner = _connect(unit)
    plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
    await runner.converse(plan[0].converse())
    _order(unit, "laser_lost*1")
    await asyncio.sleep(10)
    values = await runner.converse(plan[0].converse())
    assert unit.twin.power["laser_switch"] == 1
    assert not values["nothing_counted"]


@in_virtual_time
async def test_power_status_tells_of_a_lost_fan_and_has_it_started() -> None:
    unit = _unit()
    runner = _connect(unit)
    plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
    await runner.converse(plan[0].converse())
    unit.twin.power["fan_on"] = 0
    assert (await runner.converse(plan[1].converse()))["fan_on"] is False
    await runner.converse(plan[0].converse())
    assert (await runner.converse(plan[1].converse()))["fan_on"] is True


@in_virtual_time
async def test_fan_that_will_not_start_is_one_sentence() -> None:
    with pytest.raises(CodecError, match="stays off; check its 5 V supply"):
        await _histograms(_unit("", "fan_stuck"), 1)


@in_virtual_time
async def test_period_of_zero_gives_a_reading_without_concentrations() -> None:
    (values,) = await _histograms(_unit("", "zero_period"), 1)
    assert values["no_sample_volume"] is True
    assert values["total_concentration"] is None
    assert isinstance(values["temperature"], float)


@in_virtual_time
async def test_unit_that_logs_on_its_own_needs_a_person() -> None:
    unit = _unit("", "own_logging")
    runner = _connect(unit)
    plan = DRIVER.plan(await runner.converse(DRIVER.identify()))
    await runner.converse(plan[0].converse())
    await asyncio.sleep(70)
    with pytest.raises(CodecError, match="switch it off and on"):
        await runner.converse(plan[0].converse())


@in_virtual_time
async def test_farewell_switches_laser_and_fan_off() -> None:
    unit = _unit()
    await _histograms(unit, 1)
    goodbye = farewell(DRIVER)
    assert goodbye is not None
    unit.sent.clear()
    await _connect(unit).converse(goodbye)
    assert [data for _, data in unit.sent] == [b"\x03", b"\x03", b"\x06", b"\x03", b"\x03", b"\x02"]
    assert (unit.twin.power["fan_on"], unit.twin.power["laser_switch"]) == (0, 0)


def _order(unit: Recorder, *faults: str) -> None:
    """Faults from now on."""
    unit.twin.plan = FaultPlan(faults, 1)
