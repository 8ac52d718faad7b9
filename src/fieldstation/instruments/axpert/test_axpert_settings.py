"""Settings of an Axpert: what may be sent, and what is refused before anything is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError
from fieldstation.instruments.axpert import queries
from fieldstation.instruments.axpert.settings import SETTINGS, Limits, checked, encode_setting
from fieldstation.instruments.axpert.texts import TEXTS

USUAL = Limits(48, (10, 20, 30, 40, 50, 60))


def refused(command: str, limits: Limits = USUAL) -> str:
    """The sentence of a refusal."""
    with pytest.raises(CodecError) as caught:
        checked(command, limits)
    assert caught.value.kind == "invalid_argument"
    return str(caught.value)


@pytest.mark.parametrize(
    "command",
    ["PBFT54.0\r", "PBFT 54.0", "PBFT54.0\n", "PBFT(4.0", "PBFT54.0\0", "PBFT５4.0", "P" * 22, ""],
)
def test_what_could_break_the_frame_is_refused(command: str) -> None:
    refused(command)


@given(st.text(max_size=30))
def test_any_text_is_either_a_whole_setting_or_refused(text: str) -> None:
    try:
        setting = checked(text, USUAL)
    except CodecError:
        return
    assert text.startswith(setting.name)
    assert encode_setting(text, USUAL).startswith(text.encode("ascii"))


@pytest.mark.parametrize(
    ("command", "fits"),
    [("PBFT13.8", 12), ("PBFT27.0", 24), ("PBFT54.0", 48), ("PBCV11.3", 12), ("PBCV46.0", 48)],
)
def test_a_voltage_of_another_class_is_refused(command: str, fits: int) -> None:
    checked(command, Limits(fits))
    for other in {0, 12, 24, 48} - {fits}:
        refused(command, Limits(other))


def test_steps_and_ends_of_the_range_hold() -> None:
    for good in (
        "PCVV48.0",
        "PCVV58.4",
        "PBDV00.0",
        "PBCV51.0",
        "PBEQV61.00",
        "PCVT255",
        "PBEQT900",
    ):
        checked(good, USUAL)
    for bad in (
        "PCVV47.9",
        "PCVV58.5",
        "PBDV48.5",
        "PBCV46.5",
        "PBEQV61.01",
        "PCVT007",
        "PBEQT000",
    ):
        assert "takes" in refused(bad)


def test_the_ambiguous_current_is_refused() -> None:
    limits = Limits(48, (20, 120))
    assert "MNCHGC" in refused("MCHGC120", limits)
    assert checked("MCHGC020", limits).channel == "max_charging_current"
    assert checked("MNCHGC0120", limits).danger == "C"
    assert "not asked" in refused("MCHGC020", Limits(48))
    assert "20, 120" in refused("MCHGC030", limits)


@pytest.mark.parametrize("command", ["PF", "RTEY", "RTDL", "ATE1", "BTA+01", "PSAVE", "PBATCD001"])
def test_what_cannot_be_undone_is_not_offered(command: str) -> None:
    refused(command)


def test_a_clock_is_set_to_a_real_date_only() -> None:
    assert encode_setting("DAT260105134500", USUAL).startswith(b"DAT260105134500")
    refused("DAT261305134500")


def test_every_setting_says_where_its_result_is_read() -> None:
    for setting in SETTINGS:
        assert setting.danger in "ABCD"
        assert setting.query in {*queries.TABLES, *TEXTS}, setting.name
        if setting.channel and setting.query in queries.TABLES:
            names = {field.name for form in queries.TABLES[setting.query] for field in form.fields}
            assert setting.channel in names, setting.name
