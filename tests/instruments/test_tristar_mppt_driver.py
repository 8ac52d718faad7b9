"""How the TriStar MPPT driver asks, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fieldstation.errors import CodecError, ConfigError, LinkTimeout
from fieldstation.instruments import registry
from fieldstation.instruments.tristar_mppt import channels, codec
from fieldstation.instruments.tristar_mppt.driver import DRIVER
from fieldstation.instruments.tristar_mppt.reply import LIVE, REQUESTS
from fieldstation.model import Poll, configured
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


def test_identity_comes_from_registers_and_description() -> None:
    identity = play(DRIVER.identify(), answers(twin(profile="24v"), lambda: NOON_S))
    assert (identity.serial, identity.model) == ("14220077", "TS-MPPT-60")
    assert identity.facts["firmware_version"] == 29
    assert identity.facts["hardware_version"] == "1.2"
    assert identity.facts["vendor_name"] == "Morningstar Corp."


def test_unit_that_describes_nothing_is_still_identified() -> None:
    inner = answers(twin(), lambda: NOON_S)

    def answer(request: bytes) -> bytes:
        pdu = request[1:-2]
        if isinstance(decode_request(pdu), ReadIdentity) or pdu[1:3] == b"\xe0\xc0":
            return WIRES["rtu"].seal(1, bytes([pdu[0] | 0x80, 1]))
        return inner(request)

    identity = play(DRIVER.identify(), answer)
    assert (identity.serial, identity.model) == ("", "")
    assert identity.facts["firmware_version"] == 29


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


def test_settings_are_scaled_with_the_terms_of_the_unit() -> None:
    unit = twin()
    unit.unit.memory.put({"v_pu": 200.5})
    answer = answers(unit, lambda: NOON_S)
    plan = DRIVER.plan(play(DRIVER.identify(), answer))
    [settings] = [poll for poll in plan if poll.layout is channels.SETTINGS]
    found = play(settings.converse(), answer)
    assert found["absorption_voltage"] == round(2549 * 200.5 / 32768, 3)


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
