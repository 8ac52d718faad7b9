"""The report document: what one side writes the other reads, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.batch.facts import (
    DAY_US,
    Cause,
    ClockFact,
    Event,
    Fact,
    Hole,
    Source,
    State,
    Tally,
    per_day,
)
from fieldstation.batch.ranges import Ranges
from fieldstation.batch.report import MOST_BYTES, Answer, Report
from fieldstation.errors import CodecError

BOOT = bytes(range(16))

numbers = st.integers(0, 2**53 - 1)
boots = st.binary(min_size=16, max_size=16)
words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=60).filter(
    str.isprintable
)
facts: st.SearchStrategy[Fact] = st.one_of(
    st.builds(
        Hole, number=numbers, instrument=words, layout=words, cause=st.sampled_from(Cause),
        boot=boots, first_utc_us=numbers, last_utc_us=numbers, count=numbers,
        state=st.sampled_from(State),
    ),
    st.builds(Tally, boot=boots, instrument=words, day=numbers, stored=numbers),
    st.builds(
        ClockFact, boot=boots, number=numbers, kernel=words, mono_us=numbers, utc_us=numbers,
        error_us=numbers, source=st.sampled_from(Source),
    ),
    st.builds(
        Event, boot=boots, number=numbers, utc_us=numbers, mono_us=numbers, what=words, text=words
    ),
)  # fmt: skip
spans = st.tuples(boots, numbers, numbers).map(lambda s: (s[0], min(s[1:]), max(s[1:])))
reports = st.builds(
    Report, journal=st.just("0011223344556677"), boot=boots, kernel=words, version=words,
    utc_us=numbers, mono_us=numbers, trust=st.sampled_from([0, 1]), backlog=numbers,
    settled=st.lists(spans, max_size=3).map(tuple),
    facts=st.lists(facts, max_size=5).map(lambda found: tuple(enumerate(found, 1))),
)  # fmt: skip


@given(reports)
def test_a_report_is_read_as_it_was_written(report: Report) -> None:
    assert Report.from_json(json.dumps(report.as_json()).encode()) == report


@given(st.builds(Answer, utc_us=numbers, through=numbers, missing=st.lists(spans).map(tuple)))
def test_an_answer_is_read_as_it_was_written(answer: Answer) -> None:
    assert Answer.from_json(json.dumps(answer.as_json()).encode()) == answer


def _plain(**changes: Any) -> dict[str, Any]:
    report = Report("00" * 8, BOOT, "kernel", "1.0", 1, 2, 1).as_json()
    return report | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"journal": "00"},
        {"boot": "zz" * 16},
        {"utc_us": 1.5},
        {"utc_us": 2**60},
        {"trust": True},
        {"version": "a\nb"},
        {"version": "x" * 65},
        {"settled": [["00" * 16, 5, 4]]},
        {"settled": [["00" * 16, 1]]},
        {"after": 3, "facts": [[3, "tally", "00" * 16, "a", 1, 1]]},
        {"facts": [[1, "tally", "00" * 16, "a", 1]]},
        {"facts": [[1, "tally", "00" * 16, "a", "1", 1]]},
        {"facts": [[1, "rumour"]]},
        {"facts": [[1, "tally", "00" * 16, "a", 1, 1]] * 1001},
        {"facts": 7},
    ],
)
def test_a_malformed_report_is_refused_with_its_reason(changes: dict[str, Any]) -> None:
    with pytest.raises(CodecError) as caught:
        Report.from_json(json.dumps(_plain(**changes)).encode())
    assert caught.value.kind == "bad_field"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b"[" * 100_000, b"\xff", b"NaN"])
def test_what_is_no_document_is_refused(body: bytes) -> None:
    for read in (Report.from_json, Answer.from_json):
        with pytest.raises(CodecError):
            read(body)


def test_a_document_over_the_limit_is_not_read() -> None:
    with pytest.raises(CodecError) as caught:
        Answer.from_json(b" " * (MOST_BYTES + 1))
    assert caught.value.kind == "too_long"


@given(st.integers(0, 5 * DAY_US), st.integers(0, 5 * DAY_US), st.integers(1, 2000))
def test_a_holes_days_add_up_to_its_count(first: int, span: int, count: int) -> None:
    hole = Hole(1, "a", "", Cause.SILENT, BOOT, first, first + span, count)
    steps = max(1, count - 1)
    expected: dict[int, int] = {}
    for place in range(count):
        day = (first + place * span // steps) // DAY_US
        expected[day] = expected.get(day, 0) + 1
    assert per_day(hole) == expected


small = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda p: (min(p), max(p)))


@given(st.lists(st.tuples(st.booleans(), small)), small)
def test_ranges_are_a_set_of_numbers(steps: list[tuple[bool, tuple[int, int]]], probe: Any) -> None:
    ranges, model = Ranges(), set[int]()
    for adds, (first, last) in steps:
        span = set(range(first, last + 1))
        if adds:
            ranges.add(first, last)
            model |= span
        else:
            ranges.remove(first, last)
            model -= span
    assert {n for first, last in ranges.pairs for n in range(first, last + 1)} == model
    gaps = ranges.absent(*probe)
    wanted = set(range(probe[0], probe[1] + 1)) - model
    assert {n for first, last in gaps for n in range(first, last + 1)} == wanted
