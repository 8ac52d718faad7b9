"""States as spans, without a server: what is kept, what is put together, what is left open."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.hub.instruments.spans import Spans, states
from fieldstation.series.api import Columns


def columns(rows: list[tuple[int, Any]], kind: Any = np.float64) -> Columns:
    times = np.array([at for at, _ in rows], dtype=np.int64)
    none = np.nan if kind is np.float64 else None
    values = [none if value is None else value for _, value in rows]
    return Columns(times, {"mode": np.array(values, dtype=kind)})


def spans_of(rows: list[tuple[int, Any]], *cuts: int, shortest: int = 1, **more: Any) -> Spans:
    edges = [0, *sorted(cuts), len(rows)]
    pieces = [columns(rows[a:b], **more) for a, b in itertools.pairwise(edges)]
    return states(pieces, ["mode"], 10, shortest)[0]


def plain(spans: Spans) -> list[tuple[int, int, Any]]:
    values = [None if m else v for v, m in zip(spans.value, spans.mixed, strict=True)]
    return list(zip(spans.start_us.tolist(), spans.end_us.tolist(), values, strict=True))


def test_a_value_holds_until_the_next_one() -> None:
    rows = [(0, 1), (10, 1), (20, 2), (30, 2), (40, 1)]
    assert plain(spans_of(rows)) == [(0, 20, 1), (20, 40, 2), (40, 50, 1)]


def test_a_hole_is_covered_by_no_span() -> None:
    rows = [(0, 1), (10, 1), (100, 1), (110, 2)]
    assert plain(spans_of(rows)) == [(0, 20, 1), (100, 110, 1), (110, 120, 2)]
    silent = [(at, None if 30 < at < 90 else 1) for at in range(0, 150, 10)]
    assert plain(spans_of(silent)) == [(0, 40, 1), (90, 150, 1)]


def test_a_hole_too_short_to_be_shown_is_none() -> None:
    rows = [(at, 1) for at in (*range(0, 60, 10), 130, 140, 150, 1000)]
    assert plain(spans_of(rows, shortest=50)) == [(0, 160, 1), (1000, 1010, 1)]


def test_text_codes_are_states_too() -> None:
    rows = [(0, "L"), (10, "B"), (20, "B")]
    spans = spans_of(rows, kind=object)
    assert plain(spans) == [(0, 10, "L"), (10, 30, "B")]
    assert spans.n == 3


def test_nothing_known_is_no_span() -> None:
    assert plain(spans_of([(0, None), (10, None)])) == []
    assert plain(spans_of([])) == []


def test_a_flicker_is_one_span_without_a_value() -> None:
    rows = [*((1000 + 10 * i, i % 2) for i in range(100)), (2000, 1), (5000, 1)]
    assert (1000, 2010, None) in plain(spans_of(rows, shortest=1000))


@given(st.lists(st.integers(0, 2), max_size=60), st.lists(st.integers(0, 60), max_size=3))
def test_long_spans_are_exact(values: list[int], cuts: list[int]) -> None:
    rows = [(10 * at, value) for at, value in enumerate(values)]
    exact = plain(spans_of(rows))
    assert plain(spans_of(rows, *(min(cut, len(rows)) for cut in cuts))) == exact
    long = [span for span in exact if span[1] - span[0] >= 30]
    drawn = plain(spans_of(rows, *(min(cut, len(rows)) for cut in cuts), shortest=30))
    assert set(long) <= set(drawn)
    assert sum(b - a for a, b, _ in drawn) == sum(b - a for a, b, _ in exact)
    for (_, end, _v), (start, _e, _w) in itertools.pairwise(drawn):
        assert end <= start


@given(st.lists(st.integers(0, 1), min_size=2, max_size=2000))
def test_the_answer_is_bounded_by_the_spans_asked_for(values: list[int]) -> None:
    rows = [(10 * at, value) for at, value in enumerate(values)]
    shortest = max(1, 10 * len(rows) // 20)
    assert len(spans_of(rows, shortest=shortest).start_us) <= 3 * 21
