"""Conversations with an SE521, stepped against its twin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fieldstation.errors import CodecError, ConfigError, LinkTimeout
from fieldstation.instruments import registry
from fieldstation.instruments.se521.channels import LIVE
from fieldstation.instruments.se521.driver import DRIVER, HID, OPTIONS, SERIAL
from fieldstation.model import Conversation, Value, configured, paced
from fieldstation.transport.play import answers, play

NOON_S = 1_779_969_600.0  # 2026-05-28 12:00 UTC
ALL = [f"temperature_{number}" for number in range(1, 5)]


class Site:
    """A twin whose clock goes on a second with each question, and all that was sent to it."""

    def __init__(self, *faults: str, profile: str = "", **options: object) -> None:
        twin = registry.twin("se521", profile, 1, faults, fast=True)
        self.now_s = NOON_S
        self.sent: list[bytes] = []
        self.driver = configured(DRIVER, options)
        self._answer = answers(twin, lambda: self.now_s)

    def answer(self, request: bytes) -> bytes:
        self.sent.append(request)
        self.now_s += 1.0
        return self._answer(request)

    def run(self, conversation: Conversation[Any]) -> Any:
        return play(conversation, self.answer)

    def read(self) -> dict[str, Value]:
        (poll,) = self.driver.plan(self.run(self.driver.identify()))
        values: dict[str, Value] = self.run(poll.converse())
        return values


def test_four_probes_give_four_temperatures() -> None:
    values = Site().read()
    assert all(isinstance(values[name], float) for name in ALL)
    assert values["live"] is True
    assert values["thermocouple_type"] == "K"
    assert set(values) == set(LIVE.names)


def test_a_serial_unit_gives_the_same_as_a_usb_unit() -> None:
    assert Site(wire="serial").read() == Site().read()
    assert configured(DRIVER, {"wire": "serial"}).line == SERIAL
    assert DRIVER.line == HID


def test_each_request_has_the_next_number() -> None:
    site = Site()
    (poll,) = site.driver.plan(site.run(site.driver.identify()))
    for _ in range(257):
        site.run(poll.converse())
    numbers = [request[14] for request in site.sent[1:]]
    assert numbers == [*range(1, 256), 0, 1]


def test_only_questions_are_sent() -> None:
    site = Site(average=3)
    site.read()
    letters = {chr(request[10]) for request in site.sent}
    assert letters == {"K", "A"}


def test_a_mean_is_taken_over_the_samples_that_came() -> None:
    values = Site("wrong_checksum:0.5", average=20).read()
    assert isinstance(values["samples"], int)
    assert 2 < values["samples"] < 20


def test_a_mean_without_a_sample_is_an_error() -> None:
    with pytest.raises(CodecError, match="checksum"):
        Site("wrong_checksum", average=3).read()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("wrong_counter", "counter_mismatch"),
        ("wrong_end", "framing_error"),
        ("wrong_checksum", "checksum_error"),
    ],
)
def test_a_bad_reply_is_never_delivered(fault: str, kind: str) -> None:
    with pytest.raises(CodecError) as bad:
        Site(fault).read()
    assert bad.value.kind == kind


def test_a_short_reply_is_never_delivered() -> None:
    with pytest.raises(LinkTimeout):
        Site("short_reply").read()


def test_another_model_is_refused_by_name() -> None:
    with pytest.raises(CodecError, match="'520'"):
        Site("other_model").read()


def test_a_lost_probe_is_null_however_plausible_it_looks() -> None:
    values = Site("probe_lost").read()
    assert values["temperature_2"] is None
    assert values["input_2_state"] == "overload"
    assert values["temperature_1"] is not None


DOUBTS: Sequence[tuple[str, object]] = (
    ("raw_unit", "fahrenheit"),
    ("raw_step", "tenths"),
    ("signed", True),
    ("flag_layout", "s"),
    ("min_valid_f", -200.0),
    ("difference_hides", True),
    ("checksum", True),
    ("counter", True),
    ("wire", "hid"),
)


def test_every_doubt_of_the_sheet_is_an_option() -> None:
    found = {option.name: option.default for option in OPTIONS}
    assert {name: found[name] for name, _ in DOUBTS} == dict(DOUBTS)


def test_a_number_that_the_unit_does_not_repeat_may_be_let_pass() -> None:
    assert Site("wrong_counter", counter=False).read()["live"] is True


def test_a_checksum_that_never_fits_may_be_let_pass() -> None:
    assert Site("wrong_checksum", checksum=False).read()["live"] is True


def test_changes_that_do_not_matter_are_not_told() -> None:
    site = Site(change_k=5.0)
    (poll,) = site.driver.plan(site.run(site.driver.identify()))
    first, second = (site.run(poll.converse()) for _ in range(2))
    assert [first[name] for name in ALL] == [second[name] for name in ALL]
    plain = Site()
    (poll,) = plain.driver.plan(plain.run(plain.driver.identify()))
    first, second = (plain.run(poll.converse()) for _ in range(2))
    assert [first[name] for name in ALL] != [second[name] for name in ALL]


def test_a_mean_that_takes_longer_than_the_interval_is_refused() -> None:
    driver = configured(DRIVER, {"average": 20})
    assert paced(driver, 22.0) is driver
    with pytest.raises(ConfigError, match="is 10, but 20 samples 1 s apart take 21 s; raise it"):
        paced(driver, 10.0)
    assert paced(DRIVER, 0.2) is DRIVER


def test_a_wrong_option_is_told_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="flag_layout must be one of s, o_comment"):
        configured(DRIVER, {"flag_layout": "x"})


def test_every_state_of_an_input_has_a_label() -> None:
    faults: Sequence[str] = ("probe_lost", "difference")
    for fault in faults:
        values = Site(fault, profile="two_probes").read()
        for channel in LIVE.channels:
            if channel.name.endswith("_state"):
                assert values[channel.name] in channel.codes
