"""How the TriStar MPPT driver asks, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fieldstation.errors import CodecError, ConfigError, LinkTimeout
from fieldstation.instruments import registry
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.tristar_mppt import channels, codec, simulator
from fieldstation.instruments.tristar_mppt.driver import DRIVER
from fieldstation.instruments.tristar_mppt.reply import CONTROL, LIVE, REQUESTS, SETTINGS, STORED
from fieldstation.instruments.tristar_mppt.scaling import system_of
from fieldstation.model import Driver, Layout, Poll, Value, configured
from fieldstation.protocol.modbus import (
    WIRES,
    Client,
    ReadBits,
    ReadIdentity,
    ReadWords,
    Request,
    decode_request,
)
from fieldstation.transport.play import answers, play

# 2026-05-28, midnight UTC: a clear day with seed 3.
MIDNIGHT_S = 1_779_926_400.0
NOON_S = MIDNIGHT_S + 12 * 3600
DAY_S = 86400


def twin(*faults: str, profile: str = "", seed: int = 3) -> Any:
    return registry.twin("tristar_mppt", profile, seed, faults, fast=True)


def live_polls(driver: Any, answer: Callable[[bytes], bytes]) -> list[Poll]:
    plan = driver.plan(play(driver.identify(), answer))
    return [poll for poll in plan if poll.layout in channels.LIVE]


def poll_of(driver: Driver, layout: Layout, answer: Callable[[bytes], bytes]) -> Poll:
    plan = driver.plan(play(driver.identify(), answer))
    [poll] = [poll for poll in plan if poll.layout is layout]
    return poll


# Section 2.2 of the sheet.
WORKED = {
    "scale": "01 04 00 00 00 05 30 09",
    "adc": "01 04 00 00 00 50 f0 36",
    "settings": "01 03 e0 00 00 22 f2 13",
    "identity": "01 03 e0 c0 00 0e f3 f2",
}


@pytest.mark.parametrize("name", WORKED)
def test_requests_are_the_worked_frames_of_the_sheet(name: str) -> None:
    request = Client(WIRES["rtu"], 1).exchange(REQUESTS[name]).request
    assert request == bytes.fromhex(WORKED[name])


def test_identity_comes_from_registers() -> None:
    identity = play(DRIVER.identify(), answers(twin(profile="24v"), lambda: NOON_S))
    assert (identity.serial, identity.model) == ("14220077", "TS-MPPT-60")
    assert identity.facts["firmware_version"] == 29
    assert identity.facts["hardware_version"] == "1.2"


def without(*pdus: bytes) -> Callable[[bytes], bytes]:
    """Answers of a unit that refuses requests that begin so."""
    inner = answers(twin(), lambda: NOON_S)

    def answer(request: bytes) -> bytes:
        pdu = request[1:-2]
        if pdu.startswith(pdus):
            return WIRES["rtu"].seal(1, bytes([pdu[0] | 0x80, 1]))
        return inner(request)

    return answer


REGISTERS, DESCRIPTION = b"\x03\xe0\xc0", b"\x2b"


def test_unit_without_the_registers_is_known_by_its_description() -> None:
    identity = play(DRIVER.identify(), without(REGISTERS))
    assert (identity.serial, identity.model) == ("", "TS-MPPT-60")


def test_unit_that_describes_nothing_is_still_identified() -> None:
    identity = play(DRIVER.identify(), without(REGISTERS, DESCRIPTION))
    assert (identity.serial, identity.model) == ("", "")
    assert identity.facts["firmware_version"] == 29


@pytest.mark.parametrize(
    ("refused", "missing"),
    [
        ((), set[str]()),
        ((DESCRIPTION,), {"vendor_name", "product_code", "revision"}),
        ((REGISTERS,), {"model", "hardware_version"}),
    ],
)
def test_what_the_unit_tells_of_itself_is_kept(
    refused: tuple[bytes, ...], missing: set[str]
) -> None:
    answer = without(*refused) if refused else answers(twin(), lambda: NOON_S)
    found = play(poll_of(DRIVER, channels.UNIT, answer).converse(), answer)
    assert set(channels.UNIT.names) - found.keys() == missing
    told = {
        "v_pu": 180.0,
        "i_pu": 80.0,
        "firmware_version": 29,
        "model": 1,
        "hardware_version": "1.2",
        "vendor_name": "Morningstar Corp.",
        "product_code": "TS-MPPT-60",
        "revision": "v01.02.29",
    }
    assert found == {name: value for name, value in told.items() if name not in missing}


def test_one_read_serves_all_layouts_that_are_due() -> None:
    asked: list[Request[Any]] = []
    inner = answers(twin(), lambda: NOON_S)

    def answer(request: bytes) -> bytes:
        asked.append(decode_request(request[1:-2]))
        return inner(request)

    polls = live_polls(DRIVER, answer)
    asked.clear()
    for _ in range(3):
        for poll in polls:
            assert set(play(poll.converse(), answer)) == set(poll.layout.names)
    assert asked == [LIVE] * 3


def test_failed_read_leaves_nothing_old() -> None:
    inner = answers(twin(), lambda: NOON_S)
    polls = live_polls(DRIVER, inner)
    play(polls[0].converse(), inner)
    with pytest.raises(LinkTimeout):
        play(polls[0].converse(), lambda request: b"")
    with pytest.raises(LinkTimeout):
        play(polls[1].converse(), lambda request: b"")


def test_block_that_cannot_be_true_is_asked_for_again() -> None:
    inner = answers(twin(), lambda: NOON_S)
    [adc, *_] = live_polls(DRIVER, inner)
    with pytest.raises(CodecError, match=r"Battery voltage 179\.995 V is outside -1 to 80"):
        play(adc.converse(), answers(twin("wild_words"), lambda: NOON_S))


def test_hourmeter_that_went_back_is_believed_only_the_second_time() -> None:
    inner = answers(twin(), lambda: NOON_S)
    [adc, *_] = live_polls(DRIVER, inner)
    play(adc.converse(), inner)
    earlier = answers(twin(), lambda: NOON_S - 7200)
    with pytest.raises(CodecError, match="the hourmeter went back from 56148 to 56146 h"):
        play(adc.converse(), earlier)
    play(adc.converse(), earlier)


def test_settings_are_decoded_with_the_terms_of_the_unit() -> None:
    unit = twin()
    unit.unit.memory.put({"v_pu": 200.5})
    answer = answers(unit, lambda: NOON_S)
    found = play(poll_of(DRIVER, channels.SETTINGS, answer).converse(), answer)
    assert found["absorption_voltage"] == round(2549 * 200.5 / 32768, 3)


def test_other_blocks_need_no_terms_of_their_own() -> None:
    asked: list[Request[Any]] = []
    inner = answers(twin(), lambda: NOON_S)

    def answer(request: bytes) -> bytes:
        asked.append(decode_request(request[1:-2]))
        return inner(request)

    plan = DRIVER.plan(play(DRIVER.identify(), answer))
    asked.clear()
    for poll in plan:
        play(poll.converse(), answer)
    assert asked == [LIVE, CONTROL, SETTINGS, STORED, ReadIdentity()]


def test_settings_are_read_once_for_both_their_layouts() -> None:
    unit = twin()
    answer = answers(unit, lambda: NOON_S)
    plan = DRIVER.plan(play(DRIVER.identify(), answer))
    both = [poll for poll in plan if poll.layout in (channels.SETTINGS, channels.SCALED)]
    for volts in (14.0, 14.5):
        unit.unit.memory.put({"absorption_voltage": volts})
        told = [play(poll.converse(), answer) for poll in both]
        assert told[0]["absorption_voltage"] == told[1]["absorption_voltage_scaled"]
        assert told[0]["absorption_voltage"] == pytest.approx(volts, abs=0.005)


def scaled_settings(unit: Any, **options: object) -> dict[str, Value]:
    answer = answers(unit, lambda: NOON_S)
    driver = configured(DRIVER, options)
    return play(poll_of(driver, channels.SCALED, answer).converse(), answer)


@pytest.mark.parametrize(("profile", "times"), [("12v", 1), ("24v", 2), ("48v", 4)])
def test_settings_are_scaled_for_the_battery(profile: str, times: int) -> None:
    found = scaled_settings(twin(profile=profile))
    assert set(found) == set(channels.SCALED.names)
    assert found["system_voltage"] == 12 * times
    assert found["absorption_voltage_scaled"] == round(times * 2549 * 180 / 32768, 3)
    assert found["temperature_compensation_scaled"] == round(times * 11 * 180 / 65536, 4)


def test_battery_of_the_configuration_wins_over_the_measured_one() -> None:
    assert scaled_settings(twin(), system_voltage=48)["float_voltage_scaled"] == 54.009


@pytest.mark.parametrize(("option", "volts"), [(False, 85.798), (True, 171.595)])
def test_fixed_array_voltage_is_scaled_only_on_request(option: bool, volts: float) -> None:
    unit = twin(profile="24v")
    unit.unit.memory.put({"array_fixed_voltage": 85.8})
    found = scaled_settings(unit, array_voltage_scales=option)
    assert found["array_fixed_voltage_scaled"] == volts


def test_without_a_battery_nothing_is_scaled() -> None:
    image = [180, 0, 80, 0, *[0] * 76]
    made = simulator.twin("", 1, FaultPlan())
    unit = simulator.TristarTwin(made.unit, 1, FaultPlan(), fast=True, image=image)
    assert scaled_settings(unit) == {}


@pytest.mark.parametrize(
    ("volts", "system"),
    [(7.9, None), (8.0, 12), (16.6, 12), (20.0, 24), (33.2, 24), (40.0, 48), (66, 48), (72, None)],
)
def test_measured_voltage_tells_the_battery(volts: float, system: int | None) -> None:
    assert system_of(volts) == system


@pytest.mark.parametrize(
    ("options", "seconds"),
    [({}, 1.0), ({"wire": "tcp"}, 5.0), ({"wire": "tcp", "timeout_s": 20}, 20.0)],
)
def test_replies_are_waited_for_as_the_wire_or_the_operator_says(
    options: dict[str, object], seconds: float
) -> None:
    driver = configured(DRIVER, options)
    assert driver.resync is not None
    assert driver.resync.timeout_s == next(driver.identify()).timeout_s == seconds


def test_driver_sends_nothing_but_reads() -> None:
    assert DRIVER.resync is not None
    sent: list[Request[Any]] = [decode_request(DRIVER.resync.request[1:-2])]
    inner = answers(twin(), lambda: NOON_S)

    def answer(request: bytes) -> bytes:
        sent.append(decode_request(request[1:-2]))
        return inner(request)

    for poll in DRIVER.plan(play(DRIVER.identify(), answer)):
        play(poll.converse(), answer)
    assert {type(request) for request in sent} == {ReadWords, ReadBits, ReadIdentity}


def test_options_choose_unit_wire_and_order() -> None:
    driver = configured(DRIVER, {"unit": 17, "wire": "tcp", "ram_order": "low_first"})
    assert driver.resync is not None
    _unit, _number, pdu = WIRES["tcp"].unseal(driver.resync.request)
    assert driver.resync.request[6] == 17
    assert decode_request(pdu) == ReadBits(2, 1)


def test_turned_order_reaches_the_readings() -> None:
    unit = twin()
    answer = answers(unit, lambda: NOON_S)
    usual, turned = (
        play(live_polls(driver, answer)[2].converse(), answer)["hourmeter"]
        for driver in (DRIVER, configured(DRIVER, {"ram_order": "low_first"}))
    )
    assert turned == int(str(usual)) << 16


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"unit": 0}, "option unit must be 1 to 247, not 0"),
        ({"wire": "ascii"}, "option wire must be one of rtu, tcp, not 'ascii'"),
        ({"untit": 2}, "there is no option 'untit'; did you mean 'unit'?"),
    ],
)
def test_wrong_option_is_one_sentence(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        configured(DRIVER, options)
    assert error.value.problems == (problem,)


def test_late_reply_of_a_poll_is_no_answer_to_the_resync() -> None:
    assert DRIVER.resync is not None
    with pytest.raises(CodecError):
        DRIVER.resync.end(codec.encode_frame("adc", {}))
