"""The BH1745NUC: counts to light, and its twin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.instruments.bh1745 import codec, ladder, light
from fieldstation.instruments.bh1745.ladder import LADDER, Range, next_range
from fieldstation.instruments.bh1745.simulator import Bh1745Chip
from fieldstation.instruments.faults import FaultPlan

NOON_S = 1_779_969_600.0


def _light(red: int, green: int, blue: int, clear: int) -> dict[str, object]:
    return light.light({"red": red, "green": green, "blue": blue, "clear": clear}, 1, 160)


def test_worked_examples_of_the_sheet() -> None:
    daylight = _light(850, 1200, 700, 150)
    assert daylight["illuminance"] == pytest.approx(1090.9)
    assert daylight["colour_temperature"] == pytest.approx(5553.2, abs=0.1)
    lamp = _light(3200, 2600, 900, 900)
    assert lamp["illuminance"] == pytest.approx(2188.4)
    assert lamp["colour_temperature"] == pytest.approx(3420.6, abs=0.1)


def test_border_between_the_two_kinds_of_light_is_exact() -> None:
    assert _light(1000, 1000, 1000, 160)["illuminance"] == pytest.approx(805)
    assert _light(1000, 1000, 1000, 159)["illuminance"] == pytest.approx(968)


def test_one_full_colour_leaves_nothing_computed() -> None:
    values = _light(65_535, 41_000, 30_000, 9_000)
    assert values["saturated"] is True
    computed = ("illuminance", "colour_temperature", "red_irradiance", "blue_irradiance")
    assert [values[name] for name in computed] == [None] * 4
    assert values["green_counts"] == 41_000


@given(*[st.integers(0, 65_534)] * 4)
def test_computed_values_are_always_sound(red: int, green: int, blue: int, clear: int) -> None:
    values = _light(red, green, blue, clear)
    illuminance, kelvin = values["illuminance"], values["colour_temperature"]
    assert isinstance(illuminance, float)
    assert 0 <= illuminance < 70_000
    assert kelvin is None if green == 0 else isinstance(kelvin, float)


def test_cover_is_taken_into_account() -> None:
    data = codec.encode_frame("reading", {"red_counts": 850, "green_counts": 1200})
    plain, covered = codec.read_frame("reading", data), codec.read_frame("reading", data, 0.5)
    assert covered["illuminance"] == pytest.approx(2 * 1090.9)
    assert plain["illuminance"] == pytest.approx(1090.9)


@given(st.sampled_from([*LADDER, Range(2, 640)]), st.integers(0, 65_535), st.integers(0, 65_535))
def test_ladder_always_comes_to_an_end(setting: Range, colour: int, clear: int) -> None:
    """Constant light, as counts at gain 1 and 160 ms, settles within the steps."""

    def counts(at: Range) -> list[int]:
        factor = at.gain * at.measurement_ms / 160
        return [min(light.FULL, int(one * factor)) for one in (colour, colour, colour, clear)]

    now = setting
    for _ in range(2 * ladder.MOST_STEPS):
        better = next_range(counts(now), now, 5120)
        if better is None:
            return
        now = better
    pytest.fail(f"never settles from {setting} at {colour} and {clear}")


def test_clear_alone_can_be_too_bright() -> None:
    assert next_range([600, 600, 600, 50_001], Range(2, 160), 5120) == Range(1, 160)
    assert next_range([100, 100, 100, 6_251], Range(2, 160), 5120) is None
    assert next_range([100, 100, 100, 6_250], Range(2, 160), 5120) == Range(16, 160)


def test_longest_time_bounds_the_way_up_only() -> None:
    assert next_range([100, 100, 100, 10], Range(16, 640), 640) is None
    assert next_range([60_000] * 4, Range(16, 5120), 640) == Range(16, 2560)


def test_registers_count_up_and_holes_read_ff() -> None:
    chip = Bh1745Chip(0.5, 1, FaultPlan(), fast=False)
    assert chip.transact(b"\x40", 5, NOON_S) == bytes.fromhex("0b0000ff00")
    assert chip.transact(b"\x60", 6, NOON_S) == bytes.fromhex("0001ffff0000")
    assert chip.transact(b"\x92", 1, NOON_S) == b"\xe0"


def test_valid_is_cleared_by_reading_it() -> None:
    chip = Bh1745Chip(0.5, 1, FaultPlan(), fast=False)
    for write in (b"\x41\x00", b"\x44\x02", b"\x42\x10"):
        chip.transact(write, 0, NOON_S)
    assert chip.transact(b"\x42", 1, NOON_S + 0.1) == b"\x10"
    assert chip.transact(b"\x42", 1, NOON_S + 0.17) == b"\x90"
    assert chip.transact(b"\x42", 1, NOON_S + 0.18) == b"\x10"
    assert chip.transact(b"\x50", 2, NOON_S + 0.18) != b"\0\0"


def test_third_mode_must_be_written() -> None:
    chip = Bh1745Chip(0.5, 1, FaultPlan(), fast=True)
    chip.transact(b"\x42\x10", 0, NOON_S)
    assert chip.transact(b"\x50", 8, NOON_S + 1) == bytes(8)
    chip.transact(b"\x44\x02", 0, NOON_S)
    assert chip.transact(b"\x50", 8, NOON_S + 1) != bytes(8)
