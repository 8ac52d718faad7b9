"""The Emus BMS: lines, questions, the board and the twin."""

from __future__ import annotations

import ast
import json
import re
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import (
    BadRequest,
    CodecError,
    ConfigError,
    FrameTooLong,
    NotFound,
)
from fieldstation.instruments import registry
from fieldstation.instruments.emus_bms import codec, readings, requests
from fieldstation.instruments.emus_bms.board import MOST_EVENTS, MOST_FRAMES, Board, Told
from fieldstation.instruments.emus_bms.codes import STATISTICS
from fieldstation.instruments.emus_bms.grammar import crc8, line_end, parse
from fieldstation.instruments.emus_bms.pack import Pack, Size
from fieldstation.instruments.emus_bms.parameters import PARAMETERS, width
from fieldstation.instruments.emus_bms.speech import seal
from fieldstation.instruments.emus_bms.zone import dated, offset_of
from fieldstation.model import configured

NOON_S = 1_779_969_600.0  # 2026-05-28 12:00 UTC
SHARED = Path(__file__).parents[5] / "shared/vectors/emus-bms.json"

# All that may ever be sent: a question, its checksum, line ends.
QUESTION = re.compile(
    rb"\r\n([A-Z]{2}[0-9],\?,|CF2,[0-9A-F]{4},\?,|SS1,[0-9A-F]{2},)([0-9A-F]{2})\r\n\Z"
)


# --- lines ---


def test_checksum_is_that_of_the_sheet() -> None:
    assert crc8(b"123456789") == 0xA1
    assert crc8(b"VR1,?,") == 0xD7
    assert crc8(b"RC1,,") == 0x07  # needs its leading zero


@given(st.integers(0, 8 * 47 - 1))
def test_every_flipped_bit_of_a_line_is_noticed(bit: int) -> None:
    line = bytearray(b"ST1,00,00,0000,000128E3,07,0000,00,00040802,A2")
    truth = codec.decode(bytes(line))
    line[min(bit // 8, len(line) - 1)] ^= 1 << bit % 8
    try:
        found = codec.decode(bytes(line))
    except CodecError:
        return
    # A checksum digit in lower case is the same digit.
    assert found == truth


def test_an_appended_field_changes_nothing() -> None:
    plain = seal("BC1,000456F0,00057E40,1EDC")
    newer = seal("BC1,000456F0,00057E40,1EDC,64,,00")
    assert codec.decode(newer) == codec.decode(plain)


def test_a_restart_mark_in_front_of_a_line_is_no_part_of_it() -> None:
    assert parse(b"#\0VR1,BMS1,00000382,2.0.18_RC1_ZVU,9D\r\n").name == "VR1"


def test_a_line_that_never_ends_is_given_up() -> None:
    with pytest.raises(FrameTooLong, match="512 characters"):
        line_end(b"A" * 512)


@pytest.mark.parametrize("ends", [b"\r", b"\n", b"\r\n", b"\n\r\r\n"])
def test_any_line_ends_will_do(ends: bytes) -> None:
    line = b"IN1,50,00,00,00,B9"
    assert line_end(ends + line + ends) == len(ends + line) + 1
    assert codec.decode(ends + line + ends)[0] == "IN1"


def test_signed_fields_are_signed_over_the_digits_sent() -> None:
    wide = seal("CV1,00000528,FFFFFF9C,0000")
    assert codec.decode(wide)[1]["pack_current"] == -10.0


def test_a_field_that_was_not_sent_gives_no_channel_and_an_empty_one_gives_null() -> None:
    values = codec.decode(seal("CS1,00,,"))[1]
    assert values["charger_can_status"] is None
    assert "charger_voltage" not in values


@pytest.mark.parametrize(
    ("name", "line", "kind"),
    [
        ("", b"BV1,0050,4A,94,80,335B,,D4", "crc_mismatch"),
        ("", b"BV1,0050,4A,94,80,335B,,", "crc_mismatch"),
        ("", b"BV1,\x070", "malformed"),
        ("", b"BV2,00,0000,08,8B85858585,E8", "malformed"),
        ("", b"XX9,12,34,12", "unknown_sentence"),
        ("CV1", b"IN1,50,00,00,00,B9", "unexpected"),
        ("", seal("IN1,5_0,00,00,00").strip(), "malformed"),
        ("", seal("TD1,2026,01,01,00,00,00,00").strip() + b"0", "crc_mismatch"),
        ("", seal("TD1,9999999999,01,01,00,00,00,00,00").strip(), "malformed"),
        ("", seal("SS1,60000000000000000").strip(), "malformed"),
        ("", seal("LG1,00,01,FFFFFF,1FFFFFFFF").strip(), "malformed"),
    ],
)
def test_a_line_to_turn_down_says_why(name: str, line: bytes, kind: str) -> None:
    with pytest.raises(CodecError) as refused:
        codec.decode_frame(name, line)
    assert refused.value.kind == kind


def test_a_capture_without_a_name_tells_which_sentence_it_is() -> None:
    decoded = codec.decode_frame("", b"IN1,50,00,00,00,B9")
    assert decoded["sentence"] == "IN1"
    assert decoded["input_ac_sense"] is True


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return isinstance(found, int | float) and abs(found - expected) <= 0.001
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            _same(found[key], value) for key, value in expected.items()
        )
    return type(found) is type(expected) and bool(found == expected)


def test_shared_vectors_decode_as_they_say() -> None:
    if not SHARED.exists():
        pytest.skip(f"{SHARED.name} is not beside the checkout")
    for entry in json.loads(SHARED.read_text("utf-8")):
        result = registry.decode_entry("emus_bms", entry)
        if entry["expect"] == "decoded":
            assert _same(result.get("decoded"), entry["decoded"]), entry["sentence"]
        else:
            assert result.get("error") == entry["expect"], entry["sentence"]


def test_the_tables_are_complete() -> None:
    assert len(PARAMETERS) == 204
    assert len(STATISTICS) == 45
    assert {width(number) for number in PARAMETERS} == {2, 4, 8}


# --- questions ---


@given(st.text(max_size=8), st.integers())
def test_no_line_but_a_question_can_be_encoded(text: str, number: int) -> None:
    for encode in (
        partial(requests.encode_read, text),
        partial(requests.encode_parameter_read, text),
        partial(requests.encode_statistic_read, number),
    ):
        try:
            line = encode()
        except BadRequest:
            continue
        assert QUESTION.match(line)


@pytest.mark.parametrize(
    "name", ["FD1", "RS1", "RC1", "SC1", "PW1", "PW2", "TC1", "TC2", "CN1", "CF2", "LG1,c", "#"]
)
def test_dangerous_sentences_cannot_be_encoded(name: str) -> None:
    with pytest.raises(BadRequest, match="cannot be read"):
        requests.encode_read(name)


def test_the_driver_has_no_other_way_to_make_a_line() -> None:
    """Neither the twin's pen nor the checksum is within the driver's reach."""
    folder = Path(codec.__file__).parent
    for file in ("driver.py", "plan.py", "asking.py", "listening.py", "board.py", "readings.py"):
        names = {
            alias.name
            for node in ast.walk(ast.parse((folder / file).read_text("utf-8")))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert names.isdisjoint({"seal", "speech", "crc8", "encode_sentence"}), file


def test_the_wire_forms_of_questions_are_those_of_the_sheet() -> None:
    for entry in json.loads((Path(codec.__file__).parent / "vectors/questions.json").read_text()):
        line = entry["sentence"]
        if entry["decoded"]["request"] == "read":
            assert requests.encode_read(entry["type"]) == f"\r\n{line}\r\n".encode()
    assert requests.encode_statistic_read(1) == b"\r\nSS1,01,90\r\n"
    assert requests.encode_statistic_read(0x2F) == b"\r\nSS1,2F,07\r\n"
    assert requests.encode_parameter_read("0c0e") == b"\r\nCF2,0C0E,?,30\r\n"


# --- the board ---


def test_a_damaged_line_is_counted_and_changes_nothing() -> None:
    board = Board()
    board.note(b"IN1,50,00,00,00,B9")
    board.note(b"IN1,50,00,00,00,B8")
    board.note(b"XX9,12,34,12")
    board.note(seal("IN1,zz,00,00,00"))
    assert board.last["IN1"]["input_ac_sense"] is True
    assert board.heard["IN1"] == 1
    assert board.health == {
        "lines_ok": 1,
        "lines_bad_checksum": 1,
        "lines_unknown": 1,
        "lines_malformed": 1,
    }


def _event(place: int, code: int, at_s: int) -> dict[str, Any]:
    return codec.decode(seal(f"LG1,{place:02X},{code:02X},FFFFFF,{at_s:08X}"))[1]


def test_each_event_is_told_once() -> None:
    board = Board()
    first = [_event(0, 22, 2000), _event(1, 23, 1000)]
    assert [event["event_code"] for event in board.untold(first)] == [23, 22]
    # A new event shifts the places of the others.
    later = [_event(0, 4, 3000), _event(1, 22, 2000), _event(2, 23, 1000)]
    assert [event["event_code"] for event in board.untold(later)] == [4]
    assert board.untold(later) == []


def test_an_event_is_not_new_again_after_its_line_was_lost() -> None:
    board = Board()
    log = [_event(0, 22, 2000), _event(1, 23, 1000)]
    board.untold(log)
    assert board.untold(log[:1]) == []
    assert board.untold(log) == []


def test_what_was_told_is_remembered_for_the_newest_events() -> None:
    told: Told = {}
    for at_s in range(0, 3 * MOST_EVENTS, 100):
        log = [_event(place, 1, at_s + 100 - place) for place in range(100)]
        assert len(Board(told).untold(log)) == 100
        assert Board(told).untold(log) == []
    assert len(told) == MOST_EVENTS


def test_can_frames_are_kept_until_they_are_taken() -> None:
    board = Board()
    for number in range(MOST_FRAMES + 5):
        board.note(seal(f"CN1,{number:08X},1,0,8,0B90006000000000"))
    board.note(seal("CN2,FFFFF7E5,0,1,0,"))
    count, frames = board.take_frames()
    assert (count, len(frames)) == (MOST_FRAMES + 6, MOST_FRAMES)
    text = str(readings.can_frames(count, frames)["can_frames"])
    assert text.endswith("received 00000068 0B90006000000000; sent 7E5 remote")
    assert len(text) < 4096
    assert board.take_frames() == (0, [])


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("", "2014-10-10T16:24:51"),
        ("+02:00", "2014-10-10T14:24:51Z"),
        ("-03:30", "2014-10-10T19:54:51Z"),
        ("+00:00", "2014-10-10T16:24:51Z"),
    ],
)
def test_times_have_no_zone_unless_the_operator_names_one(option: str, shown: str) -> None:
    found = dated({"event_time": "2014-10-10T16:24:51", "stat_x_time": 7}, offset_of(option))
    assert found == {"event_time": shown, "stat_x_time": 7}


@pytest.mark.parametrize("text", ["2", "+2:00", "+14:01", "-12:30", "Z", "+02:60"])
def test_offset_that_is_none_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match=r"option clock_utc_offset must be like \+02:00"):
        configured(registry.driver("emus_bms"), {"clock_utc_offset": text})


# --- the twin ---


def _names(pieces: Any) -> list[str]:
    data = b"".join(piece.data for piece in pieces)
    return [parse(line).name for line in data.split(b"\r\n") if line.strip(b"\r\n")]


def test_the_unit_speaks_unasked_at_its_period() -> None:
    twin = registry.twin("emus_bms", fast=True)
    assert _names(twin.receive(b"", NOON_S)) == []
    bursts = [_names(twin.receive(b"", NOON_S + step / 4)) for step in range(1, 41)]
    heard = [burst for burst in bursts if burst]
    assert len(heard) == 10
    assert all(len(burst) == 13 for burst in heard)


def test_the_twin_ignores_what_is_damaged_or_unknown() -> None:
    twin = registry.twin("emus_bms", faults=["no_broadcast"], fast=True)
    assert _names(twin.receive(b"CV1,?,79\r\nXX9,?,00\r\nCV1\r\n", NOON_S)) == []
    assert _names(twin.receive(b"cv1,?,78\r\nCV1,?,78\r\n", NOON_S)) == ["CV1"]


def test_charge_counted_from_the_current_is_the_charge_shown() -> None:
    pack = Pack(Size(8, 2), 3)
    start_s, hours = NOON_S - 20_000, 3
    step_s = 30.0
    counted = sum(
        pack.current_a(start_s + step_s * n) * step_s for n in range(int(hours * 3600 / step_s))
    )
    end_s = start_s + hours * 3600
    shown = (pack.charge(end_s) - pack.charge(start_s)) * pack.size.capacity_c
    assert counted == pytest.approx(shown, rel=0.02, abs=2000)


def test_the_twin_is_the_same_for_a_seed_and_another_for_another() -> None:
    def first(seed: int) -> bytes:
        twin = registry.twin("emus_bms", seed=seed, fast=True)
        question = requests.encode_read("BV2") + requests.encode_read("CV1")
        return b"".join(piece.data for piece in twin.receive(question, NOON_S))

    assert first(1) == first(1)
    assert first(1) != first(2)


def _obey(twin: Any, text: str, utc_s: float = NOON_S) -> list[bytes]:
    data = b"".join(piece.data for piece in twin.receive(seal(text), utc_s))
    return [line for line in data.split(b"\r\n") if line]


def test_a_day_of_the_twin_has_its_stages_in_order() -> None:
    twin: Any = registry.twin("emus_bms", faults=["no_broadcast"], fast=True)
    stages: list[tuple[int, int]] = []
    for at_s in range(0, 86_400, 600):
        [line] = _obey(twin, "ST1,?", NOON_S + at_s)
        told = codec.decode(line)[1]
        stages.append((told["charging_stage"], told["charging_stage_duration"]))
    seen = [stage for stage, _ in stages]
    assert set(seen) == {0, 3, 4, 5}
    assert seen.index(3) < seen.index(4) < seen.index(5)
    for (stage, duration), (before, earlier) in pairwise(reversed(stages)):
        assert duration < 600 if stage != before else duration == earlier + 600


def test_cells_out_of_reach_give_the_empty_forms_of_the_sheet() -> None:
    twin = registry.twin("emus_bms", faults=["no_broadcast", "cells_lost"], fast=True)
    empty = {"BB1": 6, "BB2": 6, "BT1": 5, "BT2": 6, "BT3": 6, "BT4": 6, "BV1": 6, "BV2": 6}
    for name, fields in empty.items():
        assert _obey(twin, f"{name},?") == [seal(name + "," * fields).strip()]
    assert _obey(twin, "BB1,?") == [b"BB1,,,,,,,21"]


def test_the_twin_takes_a_parameter_and_refuses_one_of_the_wrong_width() -> None:
    twin = registry.twin("emus_bms", faults=["no_broadcast"], fast=True)
    assert _obey(twin, "CF2,0010,14") == [b"CF2,0010,14,4C"]
    assert _obey(twin, "CF2,0010,1400") == []
    assert _obey(twin, "CF2,0010,?") == [b"CF2,0010,14,4C"]
    assert _obey(twin, "CF2,FFFF,?") == []


def test_the_twin_copies_what_passes_on_can_while_it_is_told_to() -> None:
    twin: Any = registry.twin("emus_bms", fast=True)
    twin.receive(b"", NOON_S)
    assert "CN1" not in _names(twin.receive(b"", NOON_S + 1))
    twin.receive(seal(f"CF2,1600,{0xB3DF | 1 << 14:08X}"), NOON_S + 1)
    assert _names(twin.receive(b"", NOON_S + 2))[-4:] == ["CN2", "CN1", "CN2", "CN1"]
    sent = "CN2,00000123,0,0,2,0102"
    assert _obey(twin, sent.replace("CN2", "CN1"), NOON_S + 2) == [seal(sent).strip()]
    assert [frame["can_id"] for frame in twin.unit.transmitted] == [0x123]


def test_the_twin_guards_changes_with_its_password() -> None:
    twin = registry.twin("emus_bms", faults=["no_broadcast"], fast=True)
    assert _obey(twin, "PW2,mypass12") == [b"PW2,1,E3"]
    assert _obey(twin, "CF2,0010,14") == [b"PW1,?,B7"]
    assert _obey(twin, "LG1,c") == [b"PW1,?,B7"]
    assert _obey(twin, "PW1,wrong") == [b"PW1,0,AF"]
    assert _obey(twin, "PW1,mypass12") == [b"PW1,1,6B"]
    assert _obey(twin, "LG1,c") == [b"LG1,,D7"]
    assert _obey(twin, "PW1,") == [b"PW1,0,AF"]


def test_the_twin_enters_its_bootloader_when_its_mark_is_sent_back() -> None:
    for echoed, firmware in ((b"", b"2.0.21.0"), (b"#", b"boot")):
        twin = registry.twin("emus_bms", faults=["no_broadcast"], fast=True)
        assert twin.receive(b"", NOON_S) == []
        assert _obey(twin, "RS1,", NOON_S + 1) == [b"#"]
        twin.receive(echoed, NOON_S + 1.5)
        said = b"".join(piece.data for piece in twin.receive(b"", NOON_S + 3))
        if not echoed:
            assert firmware in said
        else:
            assert _obey(twin, "CV1,?", NOON_S + 4) == []
            assert firmware in _obey(twin, "VR1,?", NOON_S + 5)[0]


def test_the_twin_is_wiped_by_a_master_clear_as_its_first_bytes_only() -> None:
    for before, wiped in ((b"", True), (b"VR1,?,D7\r\n", False)):
        twin: Any = registry.twin("emus_bms", faults=["no_broadcast"], fast=True)
        twin.receive(before, NOON_S)
        twin.unit.access.passwords[1] = "mypass12"
        twin.receive(b"xxxxx\r", NOON_S + 5)
        assert (not twin.unit.access.passwords) is wiped


def test_an_unknown_pack_is_told() -> None:
    with pytest.raises(NotFound, match="pack8, pack80, pack254"):
        registry.twin("emus_bms", "pack9")
