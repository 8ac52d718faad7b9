"""What is peculiar to the TriStar MPPT; what all instruments share is in the conformance kit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError
from fieldstation.instruments import registry
from fieldstation.instruments.tristar_mppt import channels, codec
from fieldstation.instruments.tristar_mppt.forms import Scale
from fieldstation.instruments.tristar_mppt.registers import (
    BY_NAME,
    REGISTERS,
    Orders,
    decode_words,
    encode_words,
    scale_of,
)
from fieldstation.instruments.tristar_mppt.values import rounded
from fieldstation.model import Kind

SHARED = Path(__file__).parents[5] / "shared/vectors/tristar-mppt.json"
ENTRIES: list[dict[str, Any]] = json.loads(SHARED.read_text("utf-8")) if SHARED.exists() else []

# The terms that section 10 lets a unit have.
scales = st.builds(Scale, st.floats(50, 400), st.floats(20, 200))
counts = st.integers(0, 0xFFFF)
scaled = st.sampled_from(
    sorted(r.name for r in REGISTERS if channels.CHANNELS[r.name].kind is Kind.NUMBER)
)


def close(found: Any, expected: Any) -> bool:
    """Equality as section 12 of the sheet wants it: numbers to 1e-9 of their size."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(close(found[k], expected[k]) for k in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    if isinstance(found, int | float) and not isinstance(found, bool):
        return found == pytest.approx(expected, rel=1e-9)
    return bool(found == expected)


@pytest.mark.skipif(not ENTRIES, reason="the shared vectors are not beside this checkout")
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["id"]))
def test_shared_vectors_decode_as_they_say(entry: dict[str, Any]) -> None:
    result = registry.decode_entry("tristar_mppt", entry)
    assert close(result.get("decoded"), entry["decoded"]), result


def test_scaling_with_fractions() -> None:
    assert scale_of((123, 57409, 80, 0)).v_pu == pytest.approx(123.8759918, abs=1e-7)
    words = (123, 57409, 80, 0, *[0] * 20, 3504)
    values = decode_words(0, words, scale_of(words))
    assert values["battery_voltage"] == pytest.approx(13.246505, abs=1e-6)


@given(st.sampled_from(REGISTERS), st.data(), scales)
def test_every_word_survives_decode_and_encode(
    register: Any, data: st.DataObject, scale: Scale
) -> None:
    words = data.draw(st.lists(counts, min_size=register.form.size, max_size=register.form.size))
    value = register.form.decode(words, scale)
    again = register.form.decode(register.form.encode(value, scale), scale)
    assert again == value or (value is None and register.name == "firmware_version")


@given(scaled, st.data(), scales)
def test_word_can_be_told_from_the_kept_value(name: str, data: st.DataObject, scale: Scale) -> None:
    form = BY_NAME[name].form
    words = data.draw(st.lists(counts, min_size=form.size, max_size=form.size))
    kept = rounded({name: form.decode(words, scale)})
    if name not in ("v_pu", "i_pu"):
        assert form.encode(kept[name], scale) == words


@pytest.mark.parametrize(("value", "word"), [(1e9, 32767), (-1e9, 32768)])
def test_value_beyond_its_register_becomes_the_nearest_there_is(value: float, word: int) -> None:
    assert BY_NAME["battery_voltage"].form.encode(value, Scale(180, 80)) == [word]


def test_value_cut_by_a_block_is_left_out() -> None:
    assert decode_words(0x2B, (17, 64), Scale(180, 80)) == {"faults": 64}
    assert decode_words(0x50, (1,) * 8, Scale(180, 80)) == {}


@pytest.mark.parametrize("high_first", [True, False])
def test_word_order_can_be_turned(high_first: bool) -> None:
    orders = Orders(ram_high_first=high_first, eeprom_high_first=not high_first)
    names = ("hourmeter", "stored_hourmeter")
    words = encode_words(dict.fromkeys(names, 0x12345), Scale(180, 80), orders)
    first = {name: words[BY_NAME[name].address] for name in names}
    assert first == {
        "hourmeter": 1 if high_first else 0x2345,
        "stored_hourmeter": 0x2345 if high_first else 1,
    }
    for name in names:
        start = BY_NAME[name].address
        pair = (words[start], words[start + 1])
        assert decode_words(start, pair, Scale(180, 80), orders)[name] == 0x12345


@pytest.mark.parametrize("words", [(0, 0, 80, 0), (180, 0, 6, 0), (0xFFFF, 0, 80, 0)])
def test_scaling_terms_of_no_tristar_are_refused(words: tuple[int, ...]) -> None:
    with pytest.raises(CodecError, match="none that a TriStar MPPT has") as error:
        scale_of(words)
    assert error.value.kind == "implausible"


def test_frame_without_a_name_is_known_by_its_size() -> None:
    frame = codec.encode_frame("adc", {"battery_voltage": 13.5})
    assert codec.decode_frame("", frame)["battery_voltage"] == pytest.approx(13.5, abs=0.003)
    with pytest.raises(CodecError, match="name its request"):
        codec.decode_frame("", bytes.fromhex("01 04 02 0d b0 bc 14"))


def test_frame_name_that_is_no_request_is_refused_in_a_sentence() -> None:
    with pytest.raises(CodecError, match="neither an RTU request in hex nor one of adc"):
        codec.decode_frame("QPIGS", b"")


def test_settings_act_on_the_battery_behind_the_name() -> None:
    frame = codec.encode_frame("settings", {"float_voltage": 13.5})
    assert codec.read_frame("scaled_settings@24", frame)["float_voltage_scaled"] == 27.004
    assert codec.read_frame("scaled_settings", frame) == {}
    assert codec.decode_frame("settings@48", frame)["system_voltage"] == 48
    with pytest.raises(CodecError, match=r"no battery has '36' V; one of \(12, 24, 48\)"):
        codec.read_frame("settings@36", frame)


def test_encoding_a_channel_of_another_frame_is_refused() -> None:
    with pytest.raises(CodecError, match="no reply to read of 4 words"):
        codec.encode_frame("control", {"battery_voltage": 12.0})
