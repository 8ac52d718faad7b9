"""The OPC-N3: its bytes, its commands and its twin."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError, NotFound
from fieldstation.instruments import registry
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.opc_n3 import (
    air,
    blocks,
    channels,
    codec,
    commands,
    simulator,
    summing,
)
from fieldstation.instruments.opc_n3.simulator import OpcN3Twin
from fieldstation.model import Value

START_S = 1_779_969_600.0

# The worked example of the OPC-N3 sheet, section 7.3: a real unit.
WORKED = bytes.fromhex(
    "090002000100000000000100" + "0000" * 18 + "0f0020003300a903816f81686bc5943e122c9e3f421fd13f"
    "090000001f09030000006502e088"
)


def _unit() -> OpcN3Twin:
    return simulator.twin("", 1, FaultPlan())


def test_worked_example_gives_the_units_own_numbers() -> None:
    values = codec.read_frame("read_histogram", b"\x31\xf3" + WORKED)
    assert values["bin_0_concentration"] == pytest.approx(1.883357398455647)
    assert values["total_concentration"] == pytest.approx(13 / 4.7787)
    assert values["temperature"] == pytest.approx(31.22453650720989)
    assert (values["sampling_period"], values["sample_flow_rate"]) == (0.51, 9.37)
    assert (values["reject_ratio"], values["laser_status"]) == (2335, 613)


def test_model_of_mass_agrees_with_a_real_unit() -> None:
    counts = blocks.decode_histogram(WORKED)
    masses = [
        air.pm(counts["bins"], 4.7787, channels.BOUNDARIES_UM, [165] * 24, size)
        for size in channels.PM_DIAMETERS_UM
    ]
    assert masses == pytest.approx([0.29056868, 1.23571992, 1.63376641], rel=0.0015)


def test_without_a_volume_there_is_no_concentration() -> None:
    frame = codec.encode_frame("read_histogram", {"bins": [1] * 24, "sampling_period_s": 5.0})
    values = codec.read_frame("read_histogram", frame)
    assert values["no_sample_volume"] is True
    assert {values[f"bin_{at}_concentration"] for at in range(24)} == {None}
    assert values["bin_3_count"] == 1


def test_mass_that_is_no_number_is_left_out_and_flagged() -> None:
    frame = codec.encode_frame("read_histogram", {"pm_a": float("nan"), "pm_b": -1.0, "pm_c": 2.5})
    values = codec.read_frame("read_histogram", frame)
    assert (values["pm_a"], values["pm_b"], values["pm_c"]) == (None, None, 2.5)
    assert values["pm_invalid"] is True


def test_full_counter_is_flagged() -> None:
    bins = [0, 65_535, *[0] * 22]
    frame = codec.encode_frame("read_histogram", {"bins": bins})
    assert codec.read_frame("read_histogram", frame)["saturated"] is True


@given(
    st.lists(st.integers(0, 65_535), min_size=24, max_size=24), st.binary(min_size=4, max_size=4)
)
def test_counters_survive_the_round_trip(bins: list[int], mtof: bytes) -> None:
    frame = codec.encode_frame("read_histogram", {"bins": bins, "mtof_raw": list(mtof)})
    decoded = codec.decode_frame("read_histogram", frame)
    assert (decoded["bins"], decoded["mtof_raw"]) == (bins, list(mtof))


def _histogram(**values: Any) -> dict[str, Value]:
    usual = {"sampling_period_s": 5.0, "sample_flow_rate_ml_s": 4.0, "humidity_raw": 30_000}
    frame = codec.encode_frame("read_histogram", usual | values)
    return codec.read_frame("read_histogram", frame)


counts = st.lists(st.integers(0, 2000), min_size=24, max_size=24)


@given(counts, counts, st.integers(100, 1000), st.integers(100, 1000))
def test_two_histograms_give_what_one_over_both_times_would(
    first: list[int], second: list[int], first_cs: int, second_cs: int
) -> None:
    parts = [
        _histogram(bins=bins, sampling_period_s=cs / 100, reject_ratio=cs)
        for bins, cs in ((first, first_cs), (second, second_cs))
    ]
    both = _histogram(
        bins=[a + b for a, b in zip(first, second, strict=True)],
        sampling_period_s=(first_cs + second_cs) / 100,
        reject_ratio=first_cs + second_cs,
    )
    assert summing.summed(parts) == pytest.approx(both)


def test_masses_are_weighed_by_volume_and_transit_times_by_count() -> None:
    bins = [0, 30, *[0] * 22]
    total = summing.summed(
        [
            _histogram(pm_a=1.0, pm_b=float("nan"), sampling_period_s=2.0, temperature_raw=0,
                       bins=bins, mtof_raw=[60, 0, 0, 0]),
            _histogram(pm_a=4.0, pm_b=8.0, sampling_period_s=4.0, temperature_raw=65_535,
                       bins=[0, 10, *[0] * 22], mtof_raw=[20, 0, 0, 0]),
            _histogram(pm_a=10.0, pm_b=8.0, sampling_period_s=0.0, mtof_raw=[99, 0, 0, 0],
                       temperature_raw=32_767),
        ]
    )  # fmt: skip
    assert total["pm_a"] == pytest.approx((1.0 * 8 + 4.0 * 16) / 24)
    assert total["pm_b"] == 8.0
    assert total["mtof_bin_1"] == pytest.approx((20.0 * 30 + 20 / 3 * 10) / 40)
    assert total["mtof_bin_3"] == 0.0
    assert total["temperature"] == pytest.approx(42.5, abs=0.01)
    assert total["sample_flow_rate"] == pytest.approx(4.0)


def test_one_warning_in_a_minute_is_kept() -> None:
    quiet, full = _histogram(), _histogram(bins=[65_535, *[0] * 23], pm_c=float("inf"))
    total = summing.summed([full, quiet, quiet])
    assert (total["saturated"], total["pm_invalid"]) == (True, True)
    assert total["nothing_counted"] is False
    assert summing.summed([quiet, quiet])["nothing_counted"] is True
    still = _histogram(sample_flow_rate_ml_s=0.0)
    assert summing.summed([still, quiet])["no_sample_volume"] is False
    assert summing.summed([still, still])["no_sample_volume"] is True
    assert summing.summed([still, still])["pm_a"] is None


def test_one_histogram_alone_stays_as_it_was() -> None:
    alone = _histogram(bins=list(range(24)), pm_a=1.25)
    assert summing.summed([alone]) == alone


def test_ruinous_commands_cannot_be_encoded() -> None:
    assert not {0x11, 0x41} & {command.code for command in commands.COMMANDS}
    payloads = {
        commands.power_option(target, on)[0] for target in commands.TARGETS for on in (False, True)
    }
    assert payloads == set(range(2, 10))


def test_settings_that_cannot_be_right_are_refused() -> None:
    spoiled = blocks.encode_config({"pm_diameter_a_um": 30.0})
    with pytest.raises(CodecError, match="do not rise"):
        codec.decode_frame("read_config", b"\x31\xf3" + spoiled)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [("3100", "protocol_error"), ("f3", "stale_ready"), ("31" * 21, "busy_timeout"),
     ("31f30102", "short_read"), ("", "short_read")],
)  # fmt: skip
def test_reply_that_is_none_is_named(reply: str, kind: str) -> None:
    with pytest.raises(CodecError) as caught:
        codec.decode_frame("read_histogram", bytes.fromhex(reply))
    assert caught.value.kind == kind


def _clocked(unit: OpcN3Twin, sent: str, at_s: float = 0.0) -> str:
    replies = unit.receive(bytes.fromhex(sent), START_S + at_s)
    return b"".join(piece.data for piece in replies).hex()


@pytest.mark.parametrize(
    ("sent", "heard"),
    [("cfcf", "31f3"), ("030303", "31f303"), ("12121212", "31f30111"), ("424200ff", "31f34200"),
     ("43433f3c3f3c43", "31f3433f3c3f3c"), ("1313" + "13" * 6, "31f30001ff8c0003")],
)  # fmt: skip
def test_traces_of_the_sheet_are_byte_exact(sent: str, heard: str) -> None:
    assert _clocked(_unit(), sent) == heard


def test_silence_ends_a_transaction() -> None:
    unit = _unit()
    assert _clocked(unit, "1212") == "31f3"
    assert _clocked(unit, "cfcf", 2.5) == "31f3"


def test_aborted_command_stops_the_counting() -> None:
    unit = _unit()
    _clocked(unit, "030303")
    _clocked(unit, "030307")
    _clocked(unit, "3030" + "30" * 86, 1.0)
    assert _clocked(unit, "30cf", 2.0) == "3131"
    block = bytes.fromhex(_clocked(unit, "3030" + "30" * 86, 3.5))[2:]
    assert blocks.decode_histogram(block)["bins"] == [0] * 24
    block = bytes.fromhex(_clocked(unit, "3030" + "30" * 86, 5.0))[2:]
    assert any(blocks.decode_histogram(block)["bins"])


def test_same_seed_and_time_give_the_same_air() -> None:
    def noon(seed: int) -> float:
        return air.number_per_cm3(air.URBAN, seed, START_S)

    assert noon(3) == noon(3)
    assert noon(3) != noon(4)
    hours = [air.number_per_cm3(air.URBAN, 3, START_S + 3600 * hour) for hour in range(24)]
    assert max(hours) > 1.5 * min(hours)


def test_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(NotFound, match="there are urban, clean"):
        registry.twin("opc_n3", "rural")


@pytest.mark.parametrize("command", commands.COMMANDS, ids=lambda command: command.name)
def test_twin_knows_every_command(command: commands.Command) -> None:
    unit = _unit()
    polls = bytes((command.code,)) * 2
    count = command.reads + command.writes
    heard = _clocked(unit, (polls + bytes(count)).hex())
    assert heard.startswith("31f3")
    assert len(heard) == 2 * (2 + count)
    assert _clocked(unit, "cfcf", 2.5 if command == commands.RESET else 0.1) == "31f3"
