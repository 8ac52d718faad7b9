"""The VEML7700: counts to lux, and its twin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.veml7700 import codec, ladder, lux
from fieldstation.instruments.veml7700.ladder import Range, next_range
from fieldstation.instruments.veml7700.simulator import Veml7700Chip, linear

NOON_S = 1_779_969_600.0

ranges = st.builds(Range, st.sampled_from(ladder.GAINS), st.sampled_from(ladder.TIMES_MS))


def test_both_bases_are_kept_apart() -> None:
    counts = (1480).to_bytes(2, "little")
    data = b"\x00\x18" + counts + b"\0\0"
    assert codec.read_frame("reading", data, 0.0036)["illuminance"] == pytest.approx(340.992)
    assert codec.read_frame("reading", data, 0.0042)["illuminance"] == pytest.approx(397.824)


@pytest.mark.parametrize(
    ("linear_lx", "lx"), [(1000, 1000), (1500, 1658.143), (5000, 6250.494), (20000, 73718.0)]
)
def test_correction_of_the_vendor(linear_lx: float, lx: float) -> None:
    assert lux.corrected(linear_lx) == pytest.approx(lx, rel=1e-5)


def test_correction_may_begin_at_100_lx() -> None:
    assert lux.corrected(500) == 500
    assert lux.corrected(500, 100.0) == pytest.approx(520.386, rel=1e-5)
    data = codec.encode_frame("reading", {"gain": 0.25, "integration_ms": 100, "als_counts": 1860})
    usual, early = codec.read_frame("reading", data), codec.read_frame("reading", data, 0.0042, 100)
    assert usual["illuminance"] == usual["illuminance_linear"] == early["illuminance_linear"]
    assert early["illuminance"] == pytest.approx(lux.corrected(1860 * 0.2688, 100.0))


def test_full_counter_gives_no_illuminance() -> None:
    values = codec.read_frame("reading", bytes.fromhex("0000ffffffff"))
    assert (values["saturated"], values["over_range"]) == (True, False)
    assert values["illuminance"] is None
    beyond = codec.encode_frame(
        "reading", {"gain": 0.125, "integration_ms": 25, "als_counts": 40_000}
    )
    values = codec.read_frame("reading", beyond)
    assert (values["saturated"], values["over_range"]) == (False, True)
    assert values["illuminance"] is None


def test_part_that_is_shut_down_gives_no_reading() -> None:
    with pytest.raises(CodecError, match="shut down, its counts are old"):
        codec.decode_frame("reading", bytes.fromhex("010005000500"))


@given(ranges)
def test_every_setting_survives_the_configuration_word(setting: Range) -> None:
    word = lux.config_word(setting.gain, setting.integration_ms)
    decoded = lux.decode_config(word.to_bytes(2, "little"))
    assert (decoded["gain"], decoded["integration_ms"]) == (setting.gain, setting.integration_ms)
    assert not word & lux.RESERVED


@given(ranges, st.integers(0, lux.FULL))
def test_ladder_always_comes_to_an_end(setting: Range, light: int) -> None:
    """Constant light, as counts at the least sensitive setting, settles within the steps."""

    def counts(at: Range) -> int:
        return min(lux.FULL, int(light * at.gain / 0.125 * at.integration_ms / 25))

    now = setting
    for _ in range(2 * ladder.MOST_STEPS):
        better = next_range(counts(now), now)
        if better is None:
            return
        now = better
    pytest.fail(f"never settles from {setting} at {light}")


@given(st.floats(0, 140_000))
def test_correction_backwards_meets_the_light(lx: float) -> None:
    back = lux.corrected(linear(lx))
    # At the border the vendor's formula jumps from 1000 to 1075.
    assert back == pytest.approx(lx, rel=1e-6) or 1000 <= lx <= 1085


def test_result_appears_once_in_each_integration_time() -> None:
    chip = Veml7700Chip(1.0, 1, FaultPlan(), fast=False)
    chip.transact(b"\x00\x00\x10", 0, NOON_S)
    assert chip.transact(b"\x04", 2, NOON_S + 0.09) == b"\0\0"
    first = chip.transact(b"\x04", 2, NOON_S + 0.11)
    assert first != b"\0\0"
    assert chip.transact(b"\x04", 2, NOON_S + 0.19) == first
    chip.transact(b"\x00\x01\x10", 0, NOON_S + 0.2)
    kept = chip.transact(b"\x04", 2, NOON_S + 0.2)
    assert chip.transact(b"\x04", 2, NOON_S + 9) == kept
