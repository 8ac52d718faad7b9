"""Conversations with an Emus BMS, stepped against its twin."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fieldstation.errors import (
    CodecError,
    InstrumentRefused,
    LinkTimeout,
)
from fieldstation.instruments import registry
from fieldstation.instruments.emus_bms.asking import read, read_parameter
from fieldstation.instruments.emus_bms.board import Board
from fieldstation.instruments.emus_bms.driver import DRIVER, OPTIONS
from fieldstation.instruments.emus_bms.grammar import crc8, parse
from fieldstation.instruments.emus_bms.simulator import EmusTwin
from fieldstation.instruments.emus_bms.speech import seal
from fieldstation.model import Conversation, Poll, chosen, configured
from fieldstation.transport.play import answers, play

NOON_S = 1_779_969_600.0  # 2026-05-28 12:00 UTC

# All that may ever be sent: a question, its checksum, line ends.
QUESTION = re.compile(
    rb"\r\n([A-Z]{2}[0-9],\?,|CF2,[0-9A-F]{4},\?,|SS1,[0-9A-F]{2},)([0-9A-F]{2})\r\n\Z"
)


class Site:
    """A twin whose clock goes on a little with each question, and all that was sent to it."""

    def __init__(self, *faults: str, profile: str = "", seed: int = 1) -> None:
        self.twin = registry.twin("emus_bms", profile, seed, faults, fast=True)
        self.now_s = NOON_S
        self.sent: list[bytes] = []
        self._answer = answers(self.twin, lambda: self.now_s)

    def answer(self, request: bytes) -> bytes:
        if request:
            self.sent.append(request)
        self.now_s += 0.02
        return self._answer(request)

    def reconnect(self) -> None:
        """Talk to whatever twin is there now."""
        self._answer = answers(self.twin, lambda: self.now_s)

    def run(self, conversation: Conversation[Any]) -> Any:
        return play(conversation, self.answer)

    def plan(self, **options: object) -> dict[str, Poll]:
        driver = configured(DRIVER, options)
        return {poll.layout.name: poll for poll in driver.plan(self.run(driver.identify()))}

    @property
    def unit(self) -> Any:
        assert isinstance(self.twin, EmusTwin)
        return self.twin.unit


@pytest.mark.parametrize("fault", ["", "restart:0.3", "bootloader", "cut_line:0.3", "junk_line"])
def test_nothing_sent_can_enter_the_bootloader_or_wipe_the_unit(fault: str) -> None:
    site = Site(*filter(None, [fault]))
    try:
        plan = site.plan(distance=True, shunt_ohm=2.7)
    except (LinkTimeout, CodecError, InstrumentRefused):
        plan = {}
    for poll in plan.values():
        try:
            site.run(poll.converse())
        except (LinkTimeout, CodecError, InstrumentRefused):
            continue
    assert site.sent
    for line in site.sent:
        asked = QUESTION.match(line)
        assert asked, line
        assert crc8(asked[1]) == int(asked[2], 16)
        assert b"#" not in line
        assert b"x" not in line
    assert site.unit.transmitted == []


def test_the_unit_tells_who_it_is_and_how_large_its_pack_is() -> None:
    identity = Site(profile="pack80").run(DRIVER.identify())
    assert identity.serial == "1000"
    assert identity.model == "BMS1"
    assert identity.facts["cell_count"] == 80
    assert identity.facts["cell_string_count"] == 2
    assert identity.facts["external_sensors"] is True


def test_layouts_grow_with_the_pack() -> None:
    plan = Site(profile="pack254").plan(shunt_ohm=2.7)
    assert len(plan["cell_voltages"].layout.channels) == 255
    assert len(plan["cell_balancing"].layout.channels) == 509
    assert "cell_temperatures" in plan
    assert "cell_temperatures" not in Site().plan()


def test_options_add_what_they_say() -> None:
    plan = Site().plan(distance=True, shunt_ohm=2.0, per_cell_every=1)
    assert "distance" in plan
    assert plan["cell_voltages"].every == 1
    site = Site()
    plan = site.plan(shunt_ohm=2.0)
    site.run(plan["cell_voltages"].converse())
    values = site.run(plan["cell_balancing"].converse())
    rate, volts = values["cell_balancing_rate_0"], 3.4
    expected = volts / 2.0 * rate / 100
    assert values["cell_balancing_current_0"] == pytest.approx(expected, rel=0.05)


def test_the_first_poll_is_the_battery_and_its_power_is_derived() -> None:
    site = Site()
    plan = site.plan()
    assert next(iter(plan)) == "battery"
    values = site.run(plan["battery"].converse())
    power = values["pack_voltage"] * values["pack_current"]
    assert values["pack_power"] == pytest.approx(power, abs=0.01)
    assert values["pack_voltage_agrees"] is True


def test_a_broadcast_copy_is_as_good_as_the_reply() -> None:
    site = Site()
    plan = site.plan()
    site.run(plan["battery"].converse())
    site.sent.clear()
    site.now_s += 1.0
    assert site.run(plan["battery"].converse())["cell_count"] == 8
    # The burst that came meanwhile told everything but what is always asked.
    assert [parse(line).name for line in site.sent] == ["CV1"]


def test_a_unit_that_only_broadcasts_is_read_all_the_same() -> None:
    site = Site()
    plan = site.plan()
    site.twin = registry.twin("emus_bms", "", 1, ["broadcast_only"], fast=True)
    site.twin.receive(b"", site.now_s)
    deaf = answers(site.twin, lambda: site.now_s)

    def answer(request: bytes) -> bytes:
        site.now_s += 1.1
        return deaf(request)

    assert play(plan["battery"].converse(), answer)["pack_voltage"] == pytest.approx(13.2, abs=0.8)


def test_a_pack_that_grew_is_asked_anew() -> None:
    site = Site()
    plan = site.plan()
    site.twin = registry.twin("emus_bms", "pack80", 1, fast=True)
    site.reconnect()
    with pytest.raises(CodecError, match="now finds 80 cells, 8 before"):
        site.run(plan["battery"].converse())
    plan = site.plan()
    assert site.run(plan["battery"].converse())["cell_count"] == 80
    assert len(plan["cell_voltages"].layout.channels) == 81


def test_no_event_is_told_twice_to_one_driver() -> None:
    site, driver = Site(), configured(DRIVER, {})
    told = []
    for _ in range(2):
        plan = {poll.layout.name: poll for poll in driver.plan(site.run(driver.identify()))}
        told.append(site.run(plan["events"].converse())["new_events"])
    assert told[0]
    assert told[1] == ""


def test_times_are_in_utc_once_the_offset_of_the_clock_is_known() -> None:
    site = Site()
    plain, dated = site.plan(), site.plan(clock_utc_offset="+02:00")
    for name, time in (("unit", "device_time"), ("resets", "reset_0_time")):
        told = site.run(plain[name].converse())[time]
        moved = site.run(dated[name].converse())[time]
        assert (len(told), moved[-1]) == (19, "Z")
    assert site.run(dated["statistics"].converse())["stat_max_charge_current_time"].endswith("Z")
    events = site.run(dated["events"].converse())
    assert events["event_time"].endswith("Z")
    assert "Z charger_disconnected" in events["new_events"]


def test_how_the_unit_is_set_up_is_kept() -> None:
    site = Site(profile="pack80")
    values = site.run(site.plan()["setup"].converse())
    assert values == {
        "hardware_type": "BMS1",
        "firmware_version": "2.0.21.0",
        "in_bootloader": False,
        "cell_count_configured": 80,
        "cell_string_count": 2,
        "capacity": 360.0,
        "display_period_active": 1.0,
        "display_period_sleep": 10.0,
        "can_cell_group_module_count": 2,
        "function_flags_0": 0xB3DF,
        "function_flags_1": 1,
    }


def test_the_answer_about_another_parameter_is_not_taken() -> None:
    late, due = seal("CF2,0013,02"), seal("CF2,0100,0008")
    found = play(read_parameter(Board(), "0100"), lambda request: late + due)
    assert found["parameter_value"] == 8


def test_a_question_that_met_a_restart_is_repeated_after_the_rest() -> None:
    conversation = read(Board(), "RS2")
    first = next(conversation)
    assert first.overhear is not None
    assert first.overhear(b"#" + seal("VR1,BMS1,000003E8,2.0.21.0"))
    assert (first.quiet_s, first.attempts) == (0.05, 1)
    again = conversation.throw(LinkTimeout("no reply"))
    assert again.quiet_s == 2.0
    conversation.close()


def test_a_lost_detail_line_leaves_its_cells_empty() -> None:
    site = Site("missing_line")
    values = site.run(site.plan()["cell_voltages"].converse())
    assert values["cell_voltages_complete"] is False
    assert "cell_voltage_4" not in values
    assert values["cell_voltage_0"] > 3


def test_missing_cells_are_asked_for_once_more() -> None:
    site = Site("missing_line*1")
    values = site.run(site.plan()["cell_voltages"].converse())
    assert values["cell_voltages_complete"] is True
    assert [parse(line).name for line in site.sent].count("BV2") == 2


@pytest.mark.parametrize(
    "fault",
    ["swapped_lines", "burst_inside", "junk_line", "extra_field", "old_sentence",
     "doubled_line_end"],
)  # fmt: skip
def test_what_stands_between_and_behind_the_lines_does_no_harm(fault: str) -> None:
    healthy, odd = Site(), Site(fault)
    for name in ("battery", "cell_voltages"):
        expected = healthy.run(healthy.plan()[name].converse())
        found = odd.run(odd.plan()[name].converse())
        assert found.keys() == expected.keys()
        assert found.get("cell_voltages_complete", True) is True


def test_cells_out_of_reach_are_null_and_said_to_be() -> None:
    site = Site("cells_lost")
    plan = site.plan()
    values = site.run(plan["battery"].converse())
    assert values["cell_voltage_data_available"] is False
    assert values["cell_voltage_min"] is None
    status = site.run(plan["status"].converse())
    assert status["valid_cell_voltages"] is False
    assert status["protection_no_cell_comm"] is False
    # Parameter 002F: the protection waits before it trips.
    site.now_s += site.unit.state.parameters["002F"] / 10
    assert site.run(plan["status"].converse())["protection_no_cell_comm"] is True
    assert "cell_comm_lost" in site.run(plan["events"].converse())["new_events"]


def test_an_unknown_protection_is_reported() -> None:
    site = Site("unknown_protection")
    assert site.run(site.plan()["status"].converse())["protection_unknown"] is True


def test_old_firmware_with_a_short_trip_sentence_is_read() -> None:
    site = Site("short_trip")
    assert site.run(site.plan()["energy"].converse()) == {}


def test_a_unit_in_its_bootloader_is_left_alone() -> None:
    site = Site("bootloader")
    with pytest.raises(InstrumentRefused, match="switch its supply off and on"):
        site.run(DRIVER.identify())
    assert [parse(line).name for line in site.sent] == ["VR1"]


def test_a_login_that_is_wanted_refuses_the_question() -> None:
    driver_poll = Site().plan()["resets"]
    with pytest.raises(InstrumentRefused, match="login"):
        play(driver_poll.converse(), lambda request: b"\r\nPW1,?,B7\r\n")


def test_after_a_restart_the_line_rests_for_two_seconds() -> None:
    board_poll = Site().plan()["resets"]
    heard = b"#" + seal("VR1,BMS1,000003E8,2.0.21.0")
    with pytest.raises(LinkTimeout):
        play(board_poll.converse(), lambda request: heard)
    conversation = board_poll.converse()
    assert next(conversation).quiet_s == 2.0
    conversation.close()


def test_statistics_and_events_reach_their_channels() -> None:
    site = Site("unknown_event")
    plan = site.plan()
    statistics = site.run(plan["statistics"].converse())
    assert set(statistics) == set(plan["statistics"].layout.names)
    assert statistics["stat_max_cell_voltage_difference_low"] == 2.98
    events = site.run(plan["events"].converse())
    assert events["event_count"] == 50
    assert "unknown_32" in events["new_events"]
    assert site.run(plan["events"].converse())["new_events"] == ""


def test_a_statistic_whose_line_was_lost_is_asked_for_alone() -> None:
    site = Site()
    poll = site.plan()["statistics"]
    whole = site.run(poll.converse())
    site.sent.clear()
    healthy, told = site.answer, site.run(poll.converse())
    assert [line for line in site.sent if b"?" not in line] == []
    assert set(told) == set(whole)
    lost = b"\r\nSS1,0A,"

    def answer(request: bytes) -> bytes:
        said = healthy(request)
        if b"SS1,?" in request:
            start = said.index(lost)
            return said[:start] + said[said.index(b"\r\n", start + 2) :]
        return said

    found = play(poll.converse(), answer)
    assert set(found) == set(whole)
    assert site.sent[-1] == b"\r\nSS1,0A,26\r\n"


def test_wrong_options_are_told_by_name() -> None:
    with pytest.raises(Exception, match="did you mean 'distance'"):
        chosen(OPTIONS, {"distanc": True})


def test_cleared_statistics_begin_anew_and_the_protected_ones_stay() -> None:
    site = Site("no_broadcast")
    plan = site.plan()
    before = site.run(plan["statistics"].converse())
    site.twin.receive(seal("SS1,c"), site.now_s)
    after = site.run(plan["statistics"].converse())
    assert after["stat_max_cell_voltage"] is None
    assert after["stat_bms_start_count"] == 0
    assert after["stat_total_charge"] == pytest.approx(before["stat_total_charge"], rel=1e-4)
