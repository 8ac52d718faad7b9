"""The SE521: frames and reports, the rules for open inputs, means and the twin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import BadRequest, CodecError, NotFound
from fieldstation.instruments import registry
from fieldstation.instruments.se521 import averaging, codec, frame
from fieldstation.instruments.se521.live import Rules, decode_live, kept
from fieldstation.model import Value

NOON_S = 1_779_969_600.0  # 2026-05-28 12:00 UTC
SHARED = Path(__file__).parents[5] / "shared/vectors/se521.json"
ALL = [f"temperature_{number}" for number in range(1, 5)]


# --- frames ---


def test_an_exchange_is_the_three_reports_of_the_sheet() -> None:
    reports = frame.encode_reports(frame.encode_command("A", 1), 64)
    assert reports.hex(" ", 8) == "4301070000000000 0702410000000103 4304400000000000"
    assert frame.counts(64) == [31, 31, 2]
    assert frame.counts(32) == [31, 1]


@pytest.mark.parametrize("letter", [*"BCEHMNP", "", "AA"])
def test_no_key_can_be_pressed(letter: str) -> None:
    with pytest.raises(BadRequest, match="no question"):
        frame.encode_command(letter)


@given(st.binary(min_size=64, max_size=64))
def test_reports_carry_any_reply_there_and_back(reply: bytes) -> None:
    assert frame.frame_of(frame.pack_reports(reply), 64) == reply


def test_a_left_over_report_is_noticed_and_not_mixed_in() -> None:
    reply = frame.pack_reports(codec.build_live({}))
    end = frame.reports_end(64)
    assert end(reply[:95]) is None
    assert end(reply) == 96
    with pytest.raises(CodecError) as noticed:
        end(b"\x02\x1c\x03".ljust(32, b"\0") + reply)
    assert noticed.value.kind == "resync_needed"
    with pytest.raises(CodecError) as impossible:
        end(b"\0" * 32)
    assert impossible.value.kind == "bad_report"


@pytest.mark.parametrize(
    ("at", "kind"),
    [(0, "framing_error"), (63, "framing_error"), (62, "checksum_error"), (20, "checksum_error")],
)
def test_a_spoilt_reply_says_what_is_wrong(at: int, kind: str) -> None:
    reply = bytearray(codec.build_live({"battery_level": 2}))
    reply[at] ^= 0x40
    with pytest.raises(CodecError) as spoilt:
        codec.open_live(bytes(reply), None)
    assert spoilt.value.kind == kind


def test_a_reply_to_another_request_is_turned_down() -> None:
    reply = codec.build_live({"counter": 9})
    assert codec.open_live(reply, 9) == reply
    with pytest.raises(CodecError) as other:
        codec.open_live(reply, 10)
    assert other.value.kind == "counter_mismatch"


def test_a_wrong_checksum_counts_only_when_it_should() -> None:
    reply = bytearray(codec.build_live({}))
    reply[62] ^= 1
    assert codec.open_live(bytes(reply), None, summed=False)


def test_a_capture_without_a_name_is_known_by_its_shape() -> None:
    live, identify = codec.build_live({"battery_level": 1}), _identify()
    assert codec.decode_frame("", live)["battery_level"] == 1
    assert codec.decode_frame("", frame.pack_reports(live))["battery_level"] == 1
    assert codec.decode_frame("", identify)["model"] == "521"
    assert codec.decode_frame("", frame.pack_reports(identify))["model"] == "521"


def _identify() -> bytes:
    twin = registry.twin("se521", fast=True)
    return twin.receive(frame.encode_command("K"), NOON_S)[0].data


# --- values and open inputs ---


@pytest.mark.parametrize(
    ("fahrenheit", "celsius"),
    [(32.0, 0.0), (72.5, 22.5), (212.0, 100.0), (-40.0, -40.0), (2498.0, 1370.0)],
)
def test_temperatures_are_those_of_the_sheet(fahrenheit: float, celsius: float) -> None:
    assert kept(codec.build_live({"fahrenheit_1": fahrenheit}))["temperature_1"] == celsius


@given(st.integers(0, 255))
def test_an_input_is_open_when_either_of_its_bits_is_set(byte6: int) -> None:
    rows = decode_live(codec.build_live({"status_byte6": byte6}))["channels"]
    for number, row in enumerate(rows):
        closed = not byte6 >> number & 1 and not byte6 >> number + 4 & 1
        assert (row["value_c"] is not None) is closed


def test_the_other_reading_of_byte_6_marks_good_inputs_from_the_other_end() -> None:
    rules = Rules(flag_layout="o_comment")
    found = kept(codec.build_live({"status_byte6": 0xCC}), rules)
    assert [found[name] is not None for name in ALL] == [True, True, False, False]
    # The one pattern on which both readings agree.
    assert [kept(codec.build_live({"status_byte6": 0xCC}))[n] is not None for n in ALL] == [
        True,
        True,
        False,
        False,
    ]


def test_values_in_the_unit_of_the_display_are_an_option() -> None:
    rules = Rules(raw_unit="by_flag")
    shown_in_celsius = codec.build_live({"fahrenheit_1": 22.5, "display_unit": "C"})
    shown_in_fahrenheit = codec.build_live({"fahrenheit_1": 72.5, "display_unit": "F"})
    assert kept(shown_in_celsius, rules)["temperature_1"] == 22.5
    assert kept(shown_in_fahrenheit, rules)["temperature_1"] == 22.5


def test_the_lowest_valid_value_is_an_option() -> None:
    cold = codec.build_live({"fahrenheit_1": -320.0})
    assert kept(cold)["temperature_1"] is None
    assert kept(cold)["input_1_state"] == "below_minus_200F"
    assert kept(cold, Rules(min_valid_f=-328))["temperature_1"] == pytest.approx(-195.556)


def test_the_difference_is_there_in_its_mode_only() -> None:
    values = {"fahrenheit_1": 80.0, "fahrenheit_2": 71.0, "fahrenheit_difference": 9.0}
    assert kept(codec.build_live(values))["temperature_difference"] is None
    found = kept(codec.build_live({**values, "t1_minus_t2_mode": True}))
    assert found["temperature_difference"] == 5.0
    assert found["temperature_3"] is None
    assert found["input_3_state"] == "difference_mode"


def test_t3_and_t4_in_the_difference_mode_are_an_option() -> None:
    values = {"fahrenheit_3": 50.0, "t1_minus_t2_mode": True}
    found = kept(codec.build_live(values), Rules(difference_hides=False))
    assert found["temperature_3"] == 10.0
    assert found["input_3_state"] == "ok"


def test_whole_degrees_where_the_display_shows_no_decimal_are_an_option() -> None:
    reply = bytearray(codec.build_live({"fahrenheit_1": 121.2, "fahrenheit_2": 21.2}))
    reply[2] |= 0x04 | 0x40 | 0x01  # no decimal: T1, and the difference that is shown
    reply[17:19] = (18).to_bytes(2, "big")
    by_flag = kept(bytes(reply), Rules(raw_step="by_flag"))
    assert (by_flag["temperature_1"], by_flag["temperature_2"]) == (655.556, -6.0)
    assert by_flag["temperature_difference"] == 10.0
    tenths = kept(bytes(reply))
    assert (tenths["temperature_1"], tenths["temperature_difference"]) == (49.556, 1.0)


def test_values_that_are_never_below_zero_are_an_option() -> None:
    cold = codec.build_live({"fahrenheit_1": -40.0})
    assert kept(cold)["temperature_1"] == -40.0
    assert kept(cold, Rules(signed=False))["temperature_1"] == pytest.approx(3600.889)
    values = {"t1_minus_t2_mode": True, "fahrenheit_difference": -9.0}
    assert kept(codec.build_live(values), Rules(signed=False))["temperature_difference"] == -5.0


@pytest.mark.parametrize("mode", ["hold", "recall_mode", "max_min_mode"])
def test_frozen_values_are_not_live(mode: str) -> None:
    assert kept(codec.build_live({mode: True}))["live"] is False


def _same(found: Any, expected: Any) -> bool:
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if isinstance(expected, int | float):
        return isinstance(found, int | float) and abs(found - expected) <= 1e-5
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            _same(found[key], value) for key, value in expected.items()
        )
    return bool(found == expected)


def test_shared_vectors_decode_as_they_say() -> None:
    if not SHARED.exists():
        pytest.skip(f"{SHARED.name} is not beside the checkout")
    # What another program makes of the same bytes, and remarks, are no part of a decode.
    aside = {"original_would_return", "note"}
    for entry in json.loads(SHARED.read_text("utf-8")):
        expected = {key: value for key, value in entry["decoded"].items() if key not in aside}
        assert _same(registry.decode_entry("se521", entry).get("decoded"), expected), entry["id"]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"layer": "frame", "request_hex": "02"},
        {"layer": "frame", "request_hex": "zz"},
        {"layer": "average", "response_hex": "02 03"},
        {"layer": "schedule"},
        {"layer": "schedule", "decoded": {"now": 1.0, "samples": 1, "interval_s": 1}},
    ],
)
def test_a_vector_that_makes_no_sense_is_an_error_and_no_crash(entry: dict[str, Any]) -> None:
    assert "error" in registry.decode_entry("se521", entry)


# --- means ---


def _sample(*celsius: float | None, live: bool = True) -> dict[str, Value]:
    values: dict[str, Value] = {"live": live, "samples": 1, "temperature_difference": None}
    for number, value in enumerate(celsius, start=1):
        values[f"temperature_{number}"] = value
        values[f"input_{number}_state"] = "ok" if value is not None else "unplugged"
    return values


def test_an_open_input_is_averaged_over_the_samples_it_had() -> None:
    samples = [_sample(20.0, 1.0, None, 4.0), _sample(22.0, 2.0, None, None)]
    found = averaging.averaged(samples)
    assert [found[name] for name in ALL] == [21.0, 1.5, None, 4.0]
    assert found["samples"] == 2
    assert found["input_3_state"] == "unplugged"
    assert found["input_4_state"] == "ok"


def test_a_mean_with_a_frozen_sample_is_not_live() -> None:
    samples = [_sample(1, 1, 1, 1, live=False), _sample(1, 1, 1, 1)]
    assert averaging.averaged(samples)["live"] is False


@given(st.lists(st.one_of(st.none(), st.floats(-200, 1372)), max_size=20))
def test_a_mean_lies_within_its_samples(samples: list[float | None]) -> None:
    valid = [sample for sample in samples if sample is not None]
    found = averaging.mean(samples)
    if not valid:
        assert found is None
    else:
        assert found is not None
        assert min(valid) - 1e-9 <= found <= max(valid) + 1e-9


def test_a_small_change_is_not_told_until_it_has_added_up() -> None:
    told = averaging.Told(0.5)
    seen = [20.0, 20.3, 20.49, 20.5, 20.4, 19.9, None, 20.0]
    found = [told.settled(_sample(value, value, 1.0, None))["temperature_1"] for value in seen]
    assert found == [20.0, 20.0, 20.0, 20.5, 20.5, 19.9, None, 20.0]


def test_every_change_is_told_unless_it_is_ordered_otherwise() -> None:
    told = averaging.Told(0.0)
    for value in (20.0, 20.001, 20.0):
        sample = _sample(value, value, value, None)
        assert told.settled(sample) == sample


@given(st.floats(1e9, 2e9), st.integers(1, 60))
def test_the_window_is_centred_on_the_minute(now_s: float, every_min: int) -> None:
    half_s = averaging.half_window_s(20, 1.0)
    assert half_s == pytest.approx(11.1)
    window = averaging.first_window(now_s, half_s)
    assert window.nominal_s % 60 == 0
    assert window.start_s == pytest.approx(window.nominal_s - half_s)
    assert now_s + 5 <= window.start_s < now_s + 65 + half_s
    ended_s = window.nominal_s + half_s
    following = averaging.next_window(ended_s, window, half_s, every_min)
    assert following.start_s >= ended_s + 2
    assert (following.minute - window.minute) % every_min == 0


def test_a_row_near_its_minute_gets_it_exactly() -> None:
    window = averaging.Window(28333334, 1700000028.9)
    assert averaging.row_time_s(window, 1700000028.9, 1700000052.0) == 1700000040
    assert averaging.row_time_s(window, 1700000030.0, 1700000056.0) == 1700000043.0


# --- the twin ---


def _feed(twin: Any, *reports: bytes) -> bytes:
    return b"".join(piece.data for report in reports for piece in twin.receive(report, NOON_S))


def test_the_twin_wants_a_command_announced() -> None:
    reports = frame.encode_reports(frame.encode_command("A", 1), 64)
    pieces = [reports[:8], reports[8:16], reports[16:]]
    assert len(_feed(registry.twin("se521", fast=True), *pieces)) == 96
    assert _feed(registry.twin("se521", fast=True), *pieces[1:]) == b""


def test_keys_of_the_twin_change_what_it_says() -> None:
    twin: Any = registry.twin("se521", fast=True)
    for letter, name in (("H", "hold"), ("M", "max_min_mode"), ("C", "fahrenheit")):
        key = bytes((2, ord(letter), 0, 0, 0, 0, 3))
        assert _feed(twin, key) == b""
        assert twin.state[name] is True
    reply = _feed(twin, frame.encode_command("A"))
    assert decode_live(reply)["live"] is False
    assert decode_live(reply)["display_unit"] == "F"


def test_the_twin_is_warmest_in_the_afternoon_and_the_same_for_a_seed() -> None:
    def tank(hour: float, seed: int = 1) -> float:
        twin = registry.twin("se521", seed=seed, fast=True)
        reply = twin.receive(frame.encode_command("A"), NOON_S + 3600 * (hour - 12))[0].data
        return float(decode_live(reply)["channels"][2]["celsius"])

    assert tank(14) > tank(2) + 5
    assert tank(9) == tank(9)
    assert tank(9) != tank(9, seed=2)


def test_an_unknown_site_is_told() -> None:
    with pytest.raises(NotFound, match="greenhouse, two_probes, cryostat"):
        registry.twin("se521", "kitchen")
