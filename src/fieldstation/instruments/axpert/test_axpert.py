"""The Axpert: frames, replies and conversations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError, InstrumentRefused, LinkTimeout
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
from fieldstation.instruments.axpert.reply import LV5048, decode_reply, split
from fieldstation.instruments.axpert.tokens import decode_token
from fieldstation.instruments.axpert.warning_bits import decode_warnings
from fieldstation.model import Conversation, Driver, Kind, Outgoing, acquainted, configured

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
    identity = run(acquainted(DRIVER), lambda data: line(twin.receive(data, NOON_S)))
    assert identity.serial == "92932105105315"
    assert identity.model == "MKS2-8000"
    assert identity.facts["status_tokens"] == 24
    assert identity.facts["battery_rating_voltage"] == 48.0
    names = [poll.layout.name for poll in DRIVER.plan(identity)]
    assert names[0] == "status"
    assert {"trackers", "energy", "bms"} <= set(names)


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("max_8048", ["QPI", "QSID", "QMN", "QPIGS2"]),
        ("ms_1012", ["QPI", "QSID", "QID", "QMN", "QGMN", "QPIGS2"]),
    ],
)
def test_the_first_reading_waits_for_four_questions(model: str, asked: list[str]) -> None:
    twin, heard = registry.twin("axpert", model, fast=True), []

    def answer(data: bytes) -> bytes:
        heard.append(data[:-3].decode())
        return line(twin.receive(data, NOON_S))

    short, whole = run(DRIVER.identify(), answer), run(acquainted(DRIVER), answer)
    assert heard[: len(asked)] == asked
    assert (short.serial, short.model) == (whole.serial, whole.model)
    assert DRIVER.plan(short)[0].layout == DRIVER.plan(whole)[0].layout


def test_refused_queries_are_not_polled() -> None:
    twin = registry.twin("axpert", "ms_1012", fast=True)
    identity = run(acquainted(DRIVER), lambda data: line(twin.receive(data, NOON_S)))
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
    identity = run(acquainted(DRIVER), lambda data: line(twin.receive(data, NOON_S)))
    assert identity.facts["dialect"] == LV5048


def test_resync_reply_is_no_reading() -> None:
    assert DRIVER.resync is not None
    twin = registry.twin("axpert", fast=True)
    for command in ("QPIGS", "QMOD", "QPIRI", "QPIWS", "QFLAG", "QID", "QDI", "Q1"):
        with pytest.raises(CodecError):
            DRIVER.resync.decode(ask(twin, command))


# --- what no reply tells ---


def poll(driver: Driver, name: str, answers: dict[str, str]) -> dict[str, Any]:
    """One poll of a unit that says these texts and refuses all else."""
    replies = {encode_request(command): encode_reply(text) for command, text in answers.items()}

    def answer(request: bytes) -> bytes:
        return replies.get(request, encode_reply("NAK"))

    (found,) = [
        one for one in driver.plan(run(acquainted(driver), answer)) if one.layout.name == name
    ]
    return run(found.converse(), answer)


UNIT = {"QPI": "PI30", "QPIGS": f"{DAY} 01110110 00 00 00844 010", "QMOD": "B"}
RATINGS = (
    "230.0 21.7 230.0 50.0 21.7 5000 4000 48.0 46.0 42.0 56.4 54.0 0 10 010 1 0 0 6 01 0 0 54.0 0 1"
)


@pytest.mark.parametrize(
    ("given", "layout", "channel", "usual", "told"),
    [
        ({"energy_totals_in": "kWh"}, "energy", "pv_energy_total", 1234, 1234000),
        ({"pv_current_side": "pv"}, "status", "pv1_current_side", "battery", "pv"),
        ({"charger_source_0": "solar_first"}, "ratings", "charger_source_priority", 0, 1),
    ],
)
def test_what_no_reply_tells_is_an_option(
    given: dict[str, str], layout: str, channel: str, usual: object, told: object
) -> None:
    unit = UNIT | {"QET": "00001234", "QPIRI": RATINGS}
    assert poll(DRIVER, layout, unit)[channel] == usual
    assert poll(configured(DRIVER, given), layout, unit)[channel] == told


def test_only_totals_are_counted_in_kilowatt_hours() -> None:
    unit = UNIT | {"QET": "00001234", "QT": "20260528120000", "QED20260528": "00000056"}
    values = poll(configured(DRIVER, {"energy_totals_in": "kWh"}), "energy", unit)
    assert values == {"pv_energy_total": 1234000, "pv_energy_day": 56}


def test_a_revo_gives_its_pv_power_and_no_false_current() -> None:
    revo = f"{DAY.replace('0322', '0000').replace('0016', '0850')[:-5]}03210 01110110 00 00"
    values = codec.read_frame("QPIGS", encode_reply(revo))
    assert values["pv1_charging_power"] == 850.0
    wrong = ("pv1_input_current", "battery_discharge_current", "battery_current", "battery_power")
    assert [values.get(name) for name in wrong] == [None] * 4
    assert values["battery_charging_current"] == 11.0


def test_a_max_of_48_volts_has_a_warning_of_its_own() -> None:
    weak = "0" * 31 + "10000"
    bits = {"QPIWS": weak, "QPIRI": f"{RATINGS} 000 0 000"}
    assert poll(DRIVER, "warnings", UNIT | bits)["warning_names"] == "battery_weak"
    assert poll(DRIVER, "warnings", UNIT | bits | {"QPIRI": RATINGS})["warning_names"] == ""
