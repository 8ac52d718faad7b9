"""How the twin of the TriStar MPPT lives and answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldstation.errors import CodecError, InstrumentRefused, NotFound
from fieldstation.instruments import registry
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.tristar_mppt import channels, simulator
from fieldstation.instruments.tristar_mppt.driver import DRIVER
from fieldstation.instruments.tristar_mppt.reply import LIVE
from fieldstation.model import Poll, Value, ask
from fieldstation.protocol.modbus import (
    WIRES,
    Client,
    ReadBits,
    ReadIdentity,
    ReadWords,
    Request,
    WriteBit,
    WriteBits,
    WriteWord,
    WriteWords,
)
from fieldstation.transport.play import answers, play

SHARED = Path(__file__).parents[3] / "shared/vectors/tristar-mppt.json"
ENTRIES: list[dict[str, Any]] = json.loads(SHARED.read_text("utf-8")) if SHARED.exists() else []

# 2026-05-28, midnight UTC: a clear day with seed 3.
MIDNIGHT_S = 1_779_926_400.0
NOON_S = MIDNIGHT_S + 12 * 3600
DAY_S = 86400


def twin(*faults: str, profile: str = "", seed: int = 3) -> Any:
    return registry.twin("tristar_mppt", profile, seed, faults, fast=True)


def live_polls(driver: Any, answer: Callable[[bytes], bytes]) -> list[Poll]:
    plan = driver.plan(play(driver.identify(), answer))
    return [poll for poll in plan if poll.layout in channels.LIVE]


def day(seed: int = 3, profile: str = "", step_s: int = 600) -> list[dict[str, Value]]:
    """A day of the twin from midnight, all live values at each step."""
    now_s = [MIDNIGHT_S]
    answer = answers(twin(seed=seed, profile=profile), lambda: now_s[0])
    polls = live_polls(DRIVER, answer)
    rows: list[dict[str, Value]] = []
    while now_s[0] < MIDNIGHT_S + DAY_S:
        row: dict[str, Value] = {}
        for poll in polls:
            row |= play(poll.converse(), answer)
        rows.append(row)
        now_s[0] += step_s
    return rows


@pytest.mark.parametrize(("profile", "blocks"), [("12v", 1), ("24v", 2), ("48v", 4)])
def test_day_of_the_twin_is_plausible(profile: str, blocks: int) -> None:
    rows = day(profile=profile)
    states = [channels.CHANNELS["charge_state"].label_of(row["charge_state"]) for row in rows]
    assert {"night", "mppt", "absorption", "float"} <= set(states)
    assert states.index("mppt") < states.index("absorption") < states.index("float")
    volts = [float(row["battery_voltage"] or 0) / blocks for row in rows]
    assert 12.0 < min(volts) < 12.8
    assert 14.0 < max(volts) < 14.6
    watts = [float(row["output_power"] or 0) / blocks for row in rows]
    assert 250 < max(watts) < 400
    assert 1500 < max(float(row["daily_charge_wh"] or 0) for row in rows) / blocks < 3000
    night = rows[0]
    assert (night["battery_current"], night["array_current"]) == (0.0, 0.0)
    assert 0.2 < float(night["array_voltage"] or 0) < 1.3
    assert all(row["faults"] == "" for row in rows)


def test_same_seed_same_day() -> None:
    assert day(seed=5, step_s=7200) == day(seed=5, step_s=7200)
    assert day(seed=5, step_s=7200) != day(seed=6, step_s=7200)


def test_asking_more_often_changes_hardly_anything() -> None:
    hourly, often = day(step_s=3600), day(step_s=600)
    assert [row["charge_state"] for row in hourly] == [row["charge_state"] for row in often[::6]]
    for seldom, frequent in zip(hourly, often[::6], strict=True):
        assert seldom["daily_charge_wh"] == pytest.approx(frequent["daily_charge_wh"], abs=20)


def test_counters_never_fall_over_a_month() -> None:
    now_s = [MIDNIGHT_S]
    answer = answers(twin(), lambda: now_s[0])
    charger = live_polls(DRIVER, answer)[3]
    seen: list[float] = []
    for days in (0, 0.5, 1, 3, 10, 31, 80):
        now_s[0] = MIDNIGHT_S + days * DAY_S
        seen.append(float(play(charger.converse(), answer)["charge_ah_total"] or 0))
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]


def say(unit: Any, request: Request[Any], wire: str = "rtu", utc_s: float = NOON_S) -> Any:
    return play(ask(Client(WIRES[wire], 1).exchange(request)), answers(unit, lambda: utc_s))


def test_twin_answers_in_the_framing_of_the_question() -> None:
    unit = twin()
    for wire in ("rtu", "tcp", "tcp", "rtu", "tcp"):
        assert say(unit, ReadWords(0, 5), wire)[:4] == (180, 0, 80, 0)


def test_half_a_request_is_forgotten_after_a_silence() -> None:
    unit = twin()
    frame = bytes.fromhex("01 04 00 00 00 05 30 09")
    assert unit.receive(frame[:5], NOON_S) == []
    assert len(unit.receive(frame, NOON_S + 1)) == 1
    assert unit.receive(frame[:5], NOON_S + 2) == []
    assert len(unit.receive(frame[5:], NOON_S + 2.1)) == 1


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ReadWords(0x005B, 2), "illegal_data_address"),
        (ReadWords(0x8000, 16, 3), "illegal_data_address"),
        (ReadBits(0x0100, 1), "illegal_data_address"),
        (WriteWord(0x0018, 1), "illegal_data_address"),
        (WriteBits(0, (True,)), "illegal_function"),
        (WriteWords(0xE000, (1,)), "illegal_function"),
        (ReadIdentity(level=2), "illegal_data_value"),
    ],
)
def test_what_is_not_there_is_refused(request_: Request[Any], code: str) -> None:
    with pytest.raises(InstrumentRefused) as refusal:
        say(twin(), request_)
    assert refusal.value.code == code


def test_settings_edit_stops_charging_until_a_reset() -> None:
    unit = twin()
    say(unit, WriteWord(0xE001, 2500))
    assert say(unit, ReadWords(0xE001, 1, 3)) == (2500,)
    [faults, *_rest, state] = say(unit, ReadWords(0x2C, 7))
    assert (faults, state) == (1 << 6, 4)
    assert say(unit, ReadWords(0x1C, 1)) == (0,)
    say(unit, WriteBit(0x00FF, True))
    assert say(unit, ReadWords(0x2C, 1), utc_s=NOON_S + 60) == (0,)
    assert say(unit, ReadWords(0x2E, 2), utc_s=NOON_S + 60) == (1 << 3, 0)
    assert say(unit, ReadWords(0x32, 1), utc_s=NOON_S + 60) == (5,)


def test_disconnect_coil_stops_charging_and_lets_go() -> None:
    unit = twin()
    say(unit, WriteBit(0x0002, True))
    assert say(unit, ReadBits(0, 3), utc_s=NOON_S + 20) == (False, False, True)
    assert say(unit, ReadWords(0x32, 1), utc_s=NOON_S + 20) == (2,)
    say(unit, WriteBit(0x0002, False), utc_s=NOON_S + 30)
    assert say(unit, ReadWords(0x32, 1), utc_s=NOON_S + 60) == (5,)


def test_slave_control_that_is_not_repeated_becomes_a_fault() -> None:
    unit = twin()
    say(unit, ReadWords(0x32, 1))
    say(unit, WriteWord(0x58, 1024))
    assert say(unit, ReadWords(0x32, 1), utc_s=NOON_S + 30) == (9,)
    [amps] = say(unit, ReadWords(0x1C, 1), utc_s=NOON_S + 40)
    assert amps == pytest.approx(1024, abs=2)
    assert say(unit, ReadWords(0x2C, 1), utc_s=NOON_S + 120) == (1 << 11,)


def test_negative_current_leaves_slave_control() -> None:
    unit = twin()
    say(unit, ReadWords(0x32, 1))
    say(unit, WriteWord(0x58, 1024))
    assert say(unit, ReadWords(0x32, 1), utc_s=NOON_S + 20) == (9,)
    say(unit, WriteWord(0x58, 0xFFFF), utc_s=NOON_S + 20)
    assert say(unit, ReadWords(0x32, 1), utc_s=NOON_S + 120) == (5,)
    assert say(unit, ReadWords(0x2C, 1), utc_s=NOON_S + 120) == (0,)


def test_equalize_coil_raises_the_target_and_ends_in_float() -> None:
    unit = twin()
    [absorption] = say(unit, ReadWords(0x33, 1))
    say(unit, WriteBit(0x0000, True))
    [state, target] = say(unit, ReadWords(0x32, 2), utc_s=NOON_S + 60)
    assert (state, target > absorption) == (8, True)
    assert say(unit, ReadWords(0x32, 1), utc_s=NOON_S + 3700) == (7,)
    assert say(unit, ReadWords(0x45, 1), utc_s=NOON_S + 3700)[0] & 2


def test_high_voltage_disconnects_and_lets_go_by_itself() -> None:
    unit = twin()
    say(unit, ReadWords(0x32, 1))
    unit.unit.memory.put({"hvd_voltage": 12.0, "hvr_voltage": 11.0})
    [faults, _reserved, high, low, _switches, led, state] = say(
        unit, ReadWords(0x2C, 7), utc_s=NOON_S + 20
    )
    assert (faults, high << 16 | low, led, state) == (1 << 3, 1 << 12, 16, 4)
    assert say(unit, ReadWords(0x1C, 1), utc_s=NOON_S + 20) == (0,)
    unit.unit.memory.put({"hvd_voltage": 15.8, "hvr_voltage": 14.5})
    assert say(unit, ReadWords(0x2C, 4), utc_s=NOON_S + 120) == (0, 0, 0, 0)
    assert say(unit, ReadWords(0x32, 1), utc_s=NOON_S + 120) == (5,)
    # What the day saw stays until the night.
    [faults, _reserved, high, low] = say(unit, ReadWords(0x49, 4), utc_s=NOON_S + 120)
    assert (faults, high << 16 | low) == (1 << 3, 1 << 12)


def test_writes_over_tcp_need_switch_8() -> None:
    unit = twin("switch_8_off")
    with pytest.raises(InstrumentRefused) as refusal:
        say(unit, WriteBit(0x0015, True), "tcp")
    assert refusal.value.code == "illegal_function"
    say(unit, WriteBit(0x0015, True), "rtu")


@pytest.mark.parametrize(
    ("fault", "error"),
    [("bad_crc", CodecError), ("exception", InstrumentRefused), ("wrong_unit", CodecError)],
)
def test_fault_of_the_twin_is_seen(fault: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        say(twin(fault), ReadWords(0, 5))


def test_missing_remote_sensor_has_no_value() -> None:
    answer = answers(twin("no_remote_sensor"), lambda: NOON_S)
    temperature = play(live_polls(DRIVER, answer)[1].converse(), answer)
    assert temperature["rts_temperature"] is None
    assert temperature["battery_temperature"] is not None


def test_stuck_unit_repeats_itself() -> None:
    unit = twin("stuck*99")
    assert say(unit, LIVE) == say(unit, LIVE, utc_s=NOON_S + 3600)


@pytest.mark.skipif(not ENTRIES, reason="the shared vectors are not beside this checkout")
def test_twin_can_begin_with_an_image_of_a_real_unit() -> None:
    [scene] = [entry for entry in ENTRIES if entry["id"] == "scene-fault-hvd"]
    image = scene["registers"]["values"]
    unit = simulator.TristarTwin(
        simulator.twin("", 1, FaultPlan()).unit, 1, FaultPlan(), fast=True, image=image
    )
    assert list(say(unit, LIVE)) == image
    assert list(say(unit, LIVE, utc_s=NOON_S + DAY_S)) == image


def test_latency_and_line_speed_are_those_of_the_wire() -> None:
    unit = registry.twin("tristar_mppt", seed=3)
    pieces = unit.receive(Client(WIRES["rtu"], 1).exchange(LIVE).request, NOON_S)
    assert 165 * 11 / 9600 + 0.010 <= pieces[-1].delay_s <= 165 * 11 / 9600 + 0.040
    [piece] = unit.receive(Client(WIRES["tcp"], 1).exchange(LIVE).request, NOON_S)
    assert 0.050 <= piece.delay_s <= 0.300


def test_unknown_unit_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="the nearest name is '24v'"):
        registry.twin("tristar_mppt", "240v")
