"""The twin of the Axpert: bytes, energy, faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fieldstation.errors import CodecError, NotFound
from fieldstation.instruments import registry
from fieldstation.instruments.axpert import codec
from fieldstation.instruments.axpert.frame import encode_reply, encode_request, open_reply
from fieldstation.instruments.axpert.plant import Plant
from fieldstation.instruments.axpert.profiles import profile
from fieldstation.model import Outgoing

NOON_S = 1_779_969_600.0  # 2026-05-28 12:00 UTC


def line(sent: Sequence[Outgoing]) -> bytes:
    return b"".join(piece.data for piece in sent)


def ask(twin: Any, command: str, utc_s: float = NOON_S) -> bytes:
    return line(twin.receive(encode_request(command), utc_s))


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (
            "QPIRI",
            "230.0 21.7 230.0 50.0 21.7 5000 4000 48.0 46.0 42.0 56.4 54.0"
            " 0 10 010 1 0 0 6 01 0 0 54.0 0 1",
        ),
        (
            "QDI",
            "230.0 50.0 0030 42.0 54.0 56.4 46.0 60 0 0 2 0 0 0 0 0 1 1 0 0 1 0 54.0 0 1 000",
        ),
        ("QFLAG", "EakxyDbjuvz"),
        ("QVFW", "VERFW:00072.70"),
        ("QMOD", "B"),
        ("QPIWS", "00000100000000000000000000000000"),
    ],
)
def test_usual_twin_starts_with_the_examples_of_the_sheet(command: str, text: str) -> None:
    assert ask(registry.twin("axpert", fast=True), command) == encode_reply(text)


def test_same_seed_and_time_give_the_same_bytes() -> None:
    first, second, other = (registry.twin("axpert", seed=seed, fast=True) for seed in (7, 7, 8))
    assert ask(first, "QPIGS") == ask(second, "QPIGS")
    assert ask(first, "QPIGS") != ask(other, "QPIGS")


def plant(name: str, *, early_float: bool = False) -> Plant:
    ratings = profile(name).ratings().items()
    settings = {key: float(value) for key, value in ratings if isinstance(value, int | float)}
    return Plant(profile(name), 11, settings, early_float)


def test_asking_more_often_changes_nothing() -> None:
    often, seldom = plant(""), plant("")
    for unit, step_s in ((often, 10), (seldom, 1800)):
        for at_s in range(0, 6 * 3600 + 1, step_s):
            unit.advance(NOON_S + at_s)
    assert often.advance(NOON_S + 21_600) == seldom.advance(NOON_S + 21_600)
    assert often.pv_wh == seldom.pv_wh


def test_a_jump_of_any_length_costs_a_bounded_number_of_steps() -> None:
    unit = plant("")
    for jump_s in (1, 10, 1800, 1801, 86_400, 600_000, 10_000_000, -5_000, -10_000_000):
        now_s = NOON_S + jump_s
        unit.advance(now_s)
        assert now_s - 3600 <= unit.at_s <= now_s


@pytest.mark.parametrize("name", registry.profiles("axpert"))
def test_three_days_are_plausible_on_every_model(name: str) -> None:
    twin = registry.twin("axpert", name, seed=2, fast=True)
    rows = [
        codec.decode_frame("QPIGS", ask(twin, "QPIGS", NOON_S + 2400 * step))
        for step in range(36 * 3)
    ]
    nights = [row for step, row in enumerate(rows) if 12 <= step % 36 <= 26]
    days = [row for step, row in enumerate(rows) if step % 36 <= 4]
    assert all(row["pv1_input_voltage"] == 0 for row in nights)
    assert any(row["pv1_input_voltage"] > 0 for row in days)
    charge = [row["battery_capacity"] for row in rows]
    assert 20 <= min(charge) < max(charge) <= 100
    blocks = profile(name).battery_v / 12
    assert all(11 <= row["battery_voltage"] / blocks <= 14.5 for row in rows)


def test_battery_reaches_absorption_and_then_float() -> None:
    twin = registry.twin("axpert", "vmiii_6048", seed=2, fast=True)
    stages = []
    for minute in range(24 * 60):
        ask(twin, "QMOD", NOON_S + 43_200 + 60 * minute)
        stages.append(twin.answers.plant.stage)  # type: ignore[attr-defined]
    order = [stage for at, stage in enumerate(stages) if at == 0 or stage != stages[at - 1]]
    assert order == ["float", "bulk", "absorb", "float"]


def test_counters_of_day_month_year_and_total_agree() -> None:
    twin = registry.twin("axpert", "max_8048", seed=4, fast=True)
    names = ("QED20260528", "QEM202605", "QEY2026", "QET")
    day, month, year, total = (int(open_reply(ask(twin, name))) for name in names)
    assert 0 < day < month < year < total
    days = [int(open_reply(ask(twin, f"QED202605{n:02d}"))) for n in range(1, 29)]
    assert abs(sum(days) - month) <= len(days)
    assert ask(twin, "QED20260231") == encode_reply("NAK")


def test_parallel_units_have_their_own_serials_and_the_fourth_is_absent() -> None:
    twin = registry.twin("axpert", "parallel_3", fast=True)
    units = [codec.decode_frame(f"QPGS{n}", ask(twin, f"QPGS{n}")) for n in range(4)]
    assert [unit["parallel_unit_exists"] for unit in units] == [True, True, True, False]
    assert len({unit["serial_number"] for unit in units}) == 4
    own = units[0]["ac_output_active_power"]
    assert abs(units[0]["total_ac_output_active_power"] - 3 * own) <= 2


def test_half_a_request_is_forgotten_after_a_second() -> None:
    twin = registry.twin("axpert", fast=True)
    request = encode_request("QMOD")
    assert not twin.receive(request[:3], NOON_S)
    assert line(twin.receive(request[3:], NOON_S + 0.5)) == encode_reply("B")
    assert not twin.receive(request[:3], NOON_S + 1)
    assert line(twin.receive(request[3:], NOON_S + 2.5)) == encode_reply("NAK")


def test_request_in_padded_reports_is_understood() -> None:
    twin = registry.twin("axpert", "max_8048", fast=True)
    request = encode_request("QPIGS2")
    sent = [*twin.receive(request[:8], NOON_S), *twin.receive(request[8:] + bytes(7), NOON_S)]
    assert len(codec.decode_frame("QPIGS2", line(sent))) == 3
    assert ask(twin, "QMOD").startswith(b"(B")


def test_reply_is_paced_like_the_line() -> None:
    sent = registry.twin("axpert", seed=3).receive(encode_request("QPIGS"), NOON_S)
    first, last = sent[0], sent[-1]
    assert 0.04 <= first.delay_s <= 0.25 + 8 / 240
    assert last.delay_s - first.delay_s == pytest.approx((len(line(sent)) - 8) / 240)


@pytest.mark.parametrize(
    ("fault", "command", "kind"),
    [
        ("nak", "QPIGS", "nak"),
        ("nak_without_crc", "QPIGS2", "nak"),
        ("echo", "QPIGS2", "echo"),
        ("silent_unknown", "QPIGS2", "timeout"),
    ],
)
def test_ways_to_refuse(fault: str, command: str, kind: str) -> None:
    twin = registry.twin("axpert", faults=[fault], fast=True)
    entry = {"command": command, "response_hex": ask(twin, command).hex()}
    assert registry.decode_entry("axpert", entry)["error"] == kind


def test_line_feed_behind_and_a_stale_tail_before_a_reply_do_no_harm() -> None:
    twin = registry.twin("axpert", faults=["lf_after_cr"], fast=True)
    assert codec.decode_frame("QMOD", ask(twin, "QMOD"))["device_mode"] == "B"
    stale = registry.twin("axpert", faults=["stale*1"], fast=True)
    with pytest.raises(CodecError):
        codec.decode_frame("QMOD", ask(stale, "QMOD"))
    assert codec.decode_frame("QMOD", ask(stale, "QMOD"))["device_mode"] == "B"


def test_unescaped_checksum_of_a_reply_ends_it_early_and_is_noticed() -> None:
    faulty = registry.twin("axpert", faults=["unescaped_crc"], fast=True)
    cut = next(
        data for second in range(2000)
        if b"\r" in (data := ask(faulty, "QPIGS", NOON_S + second))[:-1]
    )  # fmt: skip
    with pytest.raises(CodecError):
        codec.decode_frame("QPIGS", cut)


@pytest.mark.parametrize("faults", [["strict_crc"], ["strict_crc", "silent_bad_crc"]])
def test_strict_unit_knows_only_the_lifted_request(faults: list[str]) -> None:
    twin = registry.twin("axpert", "vmiii_6048", faults=faults, fast=True)
    raw = b"QGMN\x49\x28\r"
    refusal = b"" if len(faults) == 2 else encode_reply("NAK")
    assert line(twin.receive(raw, NOON_S)) == refusal
    assert line(twin.receive(encode_request("QGMN"), NOON_S)) == encode_reply("037")


def test_unit_may_change_its_layout_in_the_middle() -> None:
    twin = registry.twin("axpert", faults=["more_tokens:0.5"], seed=1, fast=True)
    counts = [len(ask(twin, "QPIGS").split()) for _ in range(12)]
    assert counts == sorted(counts)
    assert {21, 24} == set(counts)


@pytest.mark.parametrize(("early_float", "stage"), [(False, "absorb"), (True, "float")])
def test_early_float_ends_absorption_when_little_sun_keeps_the_current_low(
    early_float: bool, stage: str
) -> None:
    unit = plant("vmiii_6048", early_float=early_float)
    morning_s = NOON_S - 4.5 * 3600
    unit.at_s, unit.soc, unit.stage = morning_s, 0.9, "absorb"
    flow = unit.advance(morning_s + 120)
    assert not flow.held
    assert flow.charge_a < 60 / 5
    assert unit.stage == stage


def test_empty_battery_without_grid_switches_off_and_says_why() -> None:
    twin = registry.twin("axpert", fast=True)
    ask(twin, "QMOD")
    unit = twin.answers.plant  # type: ignore[attr-defined]
    unit.soc = 0.0
    night_s = NOON_S + 10 * 3600
    unit.at_s = night_s
    assert ask(twin, "QMOD", night_s + 60) == encode_reply("F")
    warnings = codec.decode_frame("QPIWS", ask(twin, "QPIWS", night_s + 60))["warnings"]
    assert warnings == ["line_fail", "battery_low_alarm", "battery_under_shutdown"]
    status = codec.decode_frame("QPIGS", ask(twin, "QPIGS", night_s + 60))
    assert status["load_on"] is False
    assert status["ac_output_voltage"] == 0


def test_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="'max_8048'"):
        registry.twin("axpert", "max8048")
