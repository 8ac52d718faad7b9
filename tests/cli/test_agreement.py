"""How `decode --vectors` counts what agrees."""

from __future__ import annotations

from typing import Any

import pytest

from fieldstation.cli.agreement import Agreement


def result(entry: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """The sentences after one entry."""
    agreement = Agreement()
    agreement.compare("x", entry, found)
    return agreement.sentences()


GOOD, ODD = ["1 of 1 entries agree"], ["0 of 1 entries agree", "not: x"]
OTHER = ["1 of other kinds are left out"]


@pytest.mark.parametrize(
    ("entry", "found", "told"),
    [
        ({"decoded": {"a": 1.5}}, {"decoded": {"a": 1.5000001}}, GOOD),
        ({"decoded": {"a": 1.5}}, {"decoded": {"a": 1.6}}, ODD),
        ({"decoded": {"a": True}}, {"decoded": {"a": 1}}, ODD),
        ({"decoded": {"a": None}}, {"decoded": {}}, ODD),
        ({"decoded": {}, "id": 1}, {"decoded": {"a": 1}}, []),
        ({"decoded": {"a": 1}}, {"decoded": {"a": 1, "b": 2}}, ODD),
        ({"decoded": None, "expected_error": "nak"}, {"error": "nak"}, GOOD),
        ({"decoded": None, "expect": "reject_checksum"}, {"decoded": {"a": 1}}, ODD),
        ({"expect": {"a": 1}}, {"decoded": {"a": 1, "more": 2}}, GOOD),
        ({"expect": {"error": True}}, {"error": "not_init"}, GOOD),
        ({"expect": {"status": 200}}, {"error": "unsupported"}, OTHER),
        ({"queued": True}, {"decoded": {"queued": False}}, ODD),
    ],
)
def test_each_form_of_expectation_is_compared(
    entry: dict[str, Any], found: dict[str, Any], told: list[str]
) -> None:
    assert result(entry, found) == told


def test_what_is_of_another_kind_is_left_out_and_said() -> None:
    agreement = Agreement()
    unsupported = {"error": "unsupported"}
    agreement.compare(1, {"device": "si7020", "decoded": {"a": 1}}, {"decoded": {"a": 1}}, "si7020")
    agreement.compare(2, {"device": "bh1745", "decoded": {"a": 1}}, {"decoded": {"a": 1}}, "si7020")
    agreement.compare(3, {"expect": {"error": True}}, unsupported, "si7020")
    agreement.compare(4, {"device": "si7020", "decoded": {"a": 1}}, unsupported, "si7020")
    assert agreement.sentences() == [
        "1 of 2 entries agree",
        "2 of other kinds are left out",
        "not: 4",
    ]


def test_what_only_describes_is_named_and_not_compared() -> None:
    entry = {"decoded": {"a": 1, "note": "why", "original_record": {"a": 2}}}
    assert result(entry, {"decoded": {"a": 1}}) == [
        "1 of 1 entries agree",
        "descriptive keys not compared: note (1), original_record (1)",
    ]
