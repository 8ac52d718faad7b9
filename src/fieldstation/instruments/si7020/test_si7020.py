"""The Si7020: words, checksums and its twin."""

from __future__ import annotations

import pytest

from fieldstation.errors import CodecError
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.si7020 import codec, simulator, words
from fieldstation.instruments.si7020.simulator import Si7020Chip

START_S = 1_779_969_600.0


@pytest.mark.parametrize(
    ("code", "percent"), [(0x7A8E, 53.841156), (0x4E86, 32.341522), (0x0002, 0.0), (0xFFFE, 100.0)]
)
def test_humidity_words_of_the_data_sheet(code: int, percent: float) -> None:
    assert words.humidity_of(code)["humidity"] == pytest.approx(percent, abs=1e-6)


@pytest.mark.parametrize(
    ("code", "celsius"), [(0x6868, 24.815103), (0x4440, -0.002773), (0x09F8, -40.007388)]
)
def test_temperature_words_of_the_data_sheet(code: int, celsius: float) -> None:
    assert words.temperature_of(code)["temperature"] == pytest.approx(celsius, abs=1e-6)


def test_checksums_of_the_data_sheet() -> None:
    assert [words.crc8(bytes.fromhex(text)) for text in ("dc", "683a", "4e85")] == [
        0x79, 0x7C, 0x6B,
    ]  # fmt: skip


def test_dew_point_meets_the_temperature_in_saturated_air() -> None:
    assert words.dew_point(20.0, 100.0) == pytest.approx(20.0)
    assert words.dew_point(25.0, 50.0) == pytest.approx(13.86, abs=0.02)
    assert words.dew_point(25.0, 0.0) is None


def test_word_of_the_other_kind_is_refused() -> None:
    temperature = bytes.fromhex("6868")
    with pytest.raises(CodecError, match="ends in the bits of a temperature"):
        codec.decode_frame("humidity", temperature + bytes((words.crc8(temperature),)))
    with pytest.raises(CodecError, match="ends in the bits of a humidity"):
        codec.decode_frame("temperature_kept", bytes.fromhex("7a8e"))


def test_bus_held_low_is_no_temperature() -> None:
    with pytest.raises(CodecError, match=r"-46\.9 °C is beyond the part's range"):
        codec.decode_frame("temperature_kept", b"\0\0")


def test_heater_warms_the_chip_slowly() -> None:
    chip = Si7020Chip(0x14, 1, FaultPlan(), fast=True)

    def celsius(utc_s: float) -> float:
        chip.transact(b"\xf5", 0, utc_s)
        word = chip.transact(b"\xe0", 2, utc_s) or b""
        return float(codec.decode_frame("temperature_kept", word)["temperature"])

    before = celsius(START_S)
    chip.transact(b"\x51\x09", 0, START_S)
    chip.transact(b"\xe6\x04", 0, START_S)
    assert celsius(START_S) == pytest.approx(before, abs=0.1)
    assert celsius(START_S + 30) == pytest.approx(before + 6.3, abs=0.3)
    assert celsius(START_S + 300) == pytest.approx(before + 10, abs=0.5)


def test_registers_keep_what_a_user_may_not_set() -> None:
    chip = Si7020Chip(0x14, 1, FaultPlan(), fast=True)
    chip.transact(b"\xe6\xff", 0, START_S)
    assert chip.transact(b"\xe7", 1, START_S) == b"\xbf"
    chip.transact(b"\xfe", 0, START_S)
    assert chip.transact(b"\xe7", 1, START_S) == b"\x3a"
    assert chip.transact(b"\x99", 1, START_S) is None
    assert simulator.PROFILES["si7021"] == 0x15
