"""The Axpert: frames, replies, conversations and the twin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError, InstrumentRefused, LinkTimeout, NotFound
from fieldstation.instruments import registry
from fieldstation.instruments.axpert import codec
from fieldstation.instruments.axpert.channels import CHANNELS, LAYOUTS
from fieldstation.instruments.axpert.driver import DRIVER, query
from fieldstation.instruments.axpert.frame import (
    encode_reply,
    encode_request,
    fallback_request,
    open_reply,
)
from fieldstation.instruments.axpert.plant import Plant
from fieldstation.instruments.axpert.profiles import profile
from fieldstation.instruments.axpert.reply import LV5048, decode_reply, split
from fieldstation.instruments.axpert.tokens import decode_token
from fieldstation.instruments.axpert.warning_bits import decode_warnings
from fieldstation.model import Conversation, Kind, Outgoing

T = TypeVar("T")

NOON_S = 1_779_969_600.0  # 2026-05-28 12:00 UTC
DAY = "000.0 00.0 230.0 50.0 0322 0221 006 425 52.80 011 100 0040 0016 100.6 52.78 00000"


def run(conversation: Conversation[T], answer: Callable[[bytes], bytes]) -> T:
    """The conversation stepped by hand, each request asked once."""
    try:
        exchange = next(conversation)
        while True:
            try:
                reply = exchange.decode(_answered(answer(exchange.request)))
            except (CodecError, InstrumentRefused, LinkTimeout) as error:
                exchange = conversation.throw(error)
            else:
                exchange = conversation.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result


def _answered(data: bytes) -> bytes:
    if not data:
        raise LinkTimeout("no reply")
    return data


def line(sent: Sequence[Outgoing]) -> bytes:
    return b"".join(piece.data for piece in sent)


def ask(twin: Any, command: str, utc_s: float = NOON_S) -> bytes:
    return line(twin.receive(encode_request(command), utc_s))


# --- frames ---


@pytest.mark.parametrize(
    ("command", "sent", "plain"),
    [
        ("QPI", "515049beac0d", None),
        ("QPIGS", "5150494753b7a90d", None),
        ("QMOD", "514d4f4449c10d", None),
        ("QBOOT", "51424f4f540b880d", None),
        ("QGMN", "51474d4e49290d", None),
        ("POP02", "504f503032e20b0d", None),
        ("PCVV57.0", "5043565635372e3029eb0d", None),
        ("QED20240115", "514544323032343031313585010d", "514544323032343031313585000d"),
        ("PBFT48.8", "5042465434382e3815010d", "5042465434382e3815000d"),
    ],
)
def test_sheet_requests_are_byte_exact(command: str, sent: str, plain: str | None) -> None:
    fallback = fallback_request(command)
    assert encode_request(command).hex() == sent
    assert (fallback.hex() if fallback else None) == plain


def test_trailing_blank_counts() -> None:
    assert open_reply(encode_reply("03.1 327.3 01026 ")) == "03.1 327.3 01026 "
    without = encode_reply("03.1 327.3 01026")
    with pytest.raises(CodecError, match="damaged"):
        open_reply(without[:-3] + b" " + without[-3:])


def test_reply_crc_with_nul_is_good_lifted_and_plain() -> None:
    text = next(f"{n:08d}" for n in range(10_000) if encode_reply(f"{n:08d}")[-2] == 0)
    plain = encode_reply(text)
    lifted = plain[:-2] + b"\x01\r"
    assert open_reply(plain) == open_reply(lifted) == text


def test_damaged_refusal_is_no_refusal() -> None:
    with pytest.raises(CodecError) as caught:
        open_reply(b"(NAO\x73\x73\r", "QBATCD")
    assert caught.value.kind == "crc_mismatch"


def test_padding_inside_the_text_is_taken_out() -> None:
    frame = encode_reply("B B")
    assert open_reply(frame[:2] + bytes(3) + frame[2:]) == "B B"


# --- replies ---


@given(st.integers(0, 99999), st.integers(1, 9))
def test_width_is_never_read(value: int, width: int) -> None:
    assert decode_token(CHANNELS["ac_output_active_power"], f"{value:0{width}d}") == value


@pytest.mark.parametrize("token", ["NA", "-", "---.-", "--"])
@pytest.mark.parametrize("kind", ["battery_voltage", "battery_type", "load_on", "serial_number"])
def test_absent_tokens_are_none(token: str, kind: str) -> None:
    assert decode_token(CHANNELS[kind], token) is None


def test_fraction_where_none_is_documented_is_kept() -> None:
    assert decode_token(CHANNELS["bus_voltage"], "401.5") == 401.5
    whole = decode_token(CHANNELS["bus_voltage"], "401.0")
    assert whole == 401
    assert isinstance(whole, int)


def test_unknown_codes_get_a_label_and_never_fail() -> None:
    assert codec.decode_frame("QOPM", encode_reply("09"))["output_mode_label"] == "unknown_9"
    assert codec.decode_frame("QMOD", encode_reply("M"))["device_mode_label"] == "unknown_M"


@pytest.mark.parametrize(("token", "side"), [("0016", "battery"), ("02.7", "pv"), ("NA", None)])
def test_form_of_the_pv_current_says_on_which_side_it_is(token: str, side: str | None) -> None:
    text = f"{DAY.replace('0016', token)} 01110110 00 00 00844 010"
    assert codec.read_frame("QPIGS", encode_reply(text))["pv1_current_side"] == side


def test_pv_power_of_the_oldest_layout_is_worked_out() -> None:
    values = codec.read_frame("QPIGS", encode_reply(f"{DAY} 01110110"))
    assert values["pv1_charging_power"] == 844.0  # 16 A at 52.78 V


def test_battery_current_is_signed() -> None:
    night = DAY.replace(" 011 ", " 000 ")[:-5] + "00021"
    values = codec.read_frame("QPIGS", encode_reply(f"{night} 01010000"))
    assert values["battery_current"] == -21.0
    assert values["battery_power"] == -1108.8


def test_split_phase_unit_gives_the_status_bits_another_meaning() -> None:
    data = encode_reply(f"{DAY} 10100110 00 00 00844 010")
    values = decode_reply("QPIGS", data, LV5048).values
    assert values["scc_ok"] is True
    assert values["line_ok"] is False
    assert values["charge_sources"] == ["solar"]


def test_digits_of_a_fault_code_are_no_warning_bits() -> None:
    bits = "01000001" + "0" * 24 + "5800"
    assert decode_warnings(bits) == (bits, ["inverter_fault", "inverter_voltage_too_low"], [])


@pytest.mark.parametrize("fault", [False, True])
def test_inverter_fault_turns_warnings_into_faults(fault: bool) -> None:
    bits = f"0{int(fault)}0000000100" + "0" * 20
    _bits, faults, warnings = decode_warnings(bits)
    assert ("over_temperature" in faults) is fault
    assert ("over_temperature" in warnings) is not fault


@pytest.mark.parametrize(
    ("dialect", "bit", "name"),
    [("lv5048", 13, "overcharge"), ("lv5048", 30, "slave"), ("king", 33, "low_pv_energy")],
)
def test_warning_bits_mean_what_the_dialect_says(dialect: str, bit: int, name: str) -> None:
    bits = "".join("1" if at == bit else "0" for at in range(36))
    _bits, faults, warnings = decode_warnings(bits, dialect)
    assert [*faults, *warnings] == [name]


def test_longest_name_wins() -> None:
    assert split("QPIGS2") == ("QPIGS2", "")
    assert split("QP2GS1") == ("QP2GS", "1")
    assert split("QED20240115") == ("QED", "20240115")
    assert split("QED2024") == ("", "QED2024")


@pytest.mark.parametrize("command", ["QPIGS", "QPIRI", "QDI", "QMOD", "QPIWS", "QFLAG", "QPI"])
def test_query_is_guessed_from_the_shape_of_its_reply(command: str) -> None:
    twin = registry.twin("axpert", fast=True)
    guessed = codec.decode_frame("", ask(twin, command))
    assert guessed.pop("command") == command
    assert guessed == codec.decode_frame(command, ask(twin, command))


def test_channel_names_are_unique_in_the_instrument() -> None:
    counts = Counter(channel.name for layout in LAYOUTS for channel in layout.channels)
    assert max(counts.values()) == 1


def test_every_quantity_has_label_and_every_number_a_range() -> None:
    for layout in LAYOUTS:
        for channel in layout.channels:
            assert channel.label, channel.name
            assert channel.kind is not Kind.NUMBER or channel.high is not None, channel.name


# --- conversations ---


def test_identity_tells_serial_model_and_what_the_unit_can_do() -> None:
    twin = registry.twin("axpert", "max_8048", fast=True)
    identity = run(DRIVER.identify(), lambda data: line(twin.receive(data, NOON_S)))
    assert identity.serial == "92932105105315"
    assert identity.model == "MKS2-8000"
    assert identity.facts["status_tokens"] == 24
    assert identity.facts["battery_rating_voltage"] == 48.0
    names = [poll.layout.name for poll in DRIVER.plan(identity)]
    assert names[0] == "status"
    assert {"trackers", "energy", "bms"} <= set(names)


def test_refused_queries_are_not_polled() -> None:
    twin = registry.twin("axpert", "ms_1012", fast=True)
    identity = run(DRIVER.identify(), lambda data: line(twin.receive(data, NOON_S)))
    names = {poll.layout.name for poll in DRIVER.plan(identity)}
    assert names == {"status", "warnings", "switches", "ratings"}


def test_unit_of_another_family_is_refused_with_a_sentence() -> None:
    with pytest.raises(CodecError, match="speaks 'PI34'") as caught:
        run(DRIVER.identify(), lambda _data: encode_reply("PI34"))
    assert caught.value.kind == "wrong_protocol"


@pytest.mark.parametrize("first", [b"", encode_reply("NAK")])
def test_request_with_nul_falls_back_to_the_plain_form(first: bytes) -> None:
    plain = fallback_request("QED20240115")
    answers = {encode_request("QED20240115"): first, plain: encode_reply("00001234")}
    reply = run(query("QED20240115"), answers.__getitem__)
    assert reply.values == {"pv_energy_day": 1234}


def test_request_without_nul_has_no_other_form() -> None:
    with pytest.raises(InstrumentRefused):
        run(query("QPIGS2"), lambda _data: encode_reply("NAK"))


def test_split_phase_unit_is_recognised_by_its_second_leg() -> None:
    twin = registry.twin("axpert", "lv5048", fast=True)
    identity = run(DRIVER.identify(), lambda data: line(twin.receive(data, NOON_S)))
    assert identity.facts["dialect"] == LV5048


def test_resync_reply_is_no_reading() -> None:
    assert DRIVER.resync is not None
    twin = registry.twin("axpert", fast=True)
    for command in ("QPIGS", "QMOD", "QPIRI", "QPIWS", "QFLAG", "QID", "QDI", "Q1"):
        with pytest.raises(CodecError):
            DRIVER.resync.decode(ask(twin, command))


# --- the twin ---


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


def test_early_float_ends_absorption_when_a_cloud_keeps_the_current_low() -> None:
    absorbed_s = [0, 0]
    for early_float in (False, True):
        unit = plant("vmiii_6048", early_float=early_float)
        for minute in range(0, 5 * 24 * 60, 15):
            unit.advance(NOON_S + 43_200 + 60 * minute)
            absorbed_s[early_float] += 900 * (unit.stage == "absorb")
    assert absorbed_s[True] < absorbed_s[False]


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
