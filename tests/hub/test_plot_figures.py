"""Moments, days, longer buckets and figures of pictures: pure, no server."""

from __future__ import annotations

from datetime import date
from itertools import chain, pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import BadRequest
from fieldstation.export.picture import MARKERS, STYLES, Look
from fieldstation.hub.plots import figures, moments
from fieldstation.hub.plots.options import COMPARE, CurveName, PlotOptions, options_of
from fieldstation.series.api import Buckets

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_US = 3_600_000_000
NOW_US = 1_777_629_600_000_000  # 2026-05-01 12:00 in Berlin

words = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=30)
looks = st.builds(
    Look,
    title=words, x_title=words, y_title=words, date_format=words,
    style=st.sampled_from(list(STYLES)), marker=st.sampled_from(list(MARKERS)),
    tight_layout=st.booleans(), logarithmic_scale=st.booleans(),
    width=st.integers(200, 4000), height=st.integers(150, 3000),
)  # fmt: skip
curves = st.lists(
    st.builds(
        CurveName,
        st.from_regex(r"[a-z-]{1,9}", fullmatch=True),
        words.filter(bool),
        st.just("power"),
    ),
    max_size=4, unique=True,
).map(tuple)  # fmt: skip
orders = st.builds(
    PlotOptions, curves=curves, start=st.sampled_from(["-24h", "today", "2026-05-01 12:00"]),
    end=st.just("now"), interval=st.integers(0, 1000), compare=st.sampled_from(COMPARE), look=looks,
)  # fmt: skip


@given(orders)
def test_a_query_written_and_read_again_is_the_same(order: PlotOptions) -> None:
    from urllib.parse import parse_qs

    assert options_of(parse_qs(order.query())) == order


def test_a_query_of_defaults_is_empty() -> None:
    assert PlotOptions().query() == ""


@given(
    st.dictionaries(
        st.sampled_from(["curve", "start", "interval", "style", "width"]), st.lists(st.text())
    )
)
def test_any_query_is_read_or_refused_with_a_sentence(query: dict[str, list[str]]) -> None:
    sentence = "fine"
    try:
        options_of(query)
    except BadRequest as error:
        sentence = str(error)
    assert sentence


@given(st.text(max_size=30))
def test_any_time_is_read_or_refused(text: str) -> None:
    sentence = "start"
    try:
        moments.moment_us("start", text, BERLIN, NOW_US)
    except BadRequest as error:
        sentence = str(error)
    assert "start" in sentence


@pytest.mark.parametrize(
    ("text", "hours_from_now"),
    [
        ("now", 0),
        ("today", -12),
        ("yesterday", -36),
        ("-2h", -2),
        ("2026-05-01T13:00", 1),
        ("2026-5-1 13:00:00", 1),
        ("2026-05-01", -12),
        ("2026-05-01T13:00:00Z", 3),
        ("2026-05-01T13:00:00 02:00", 1),
    ],
)
def test_times_without_offset_are_the_sites(text: str, hours_from_now: int) -> None:
    assert moments.moment_us("start", text, BERLIN, NOW_US) == NOW_US + hours_from_now * HOUR_US


def test_times_of_a_clock_change_are_taken_as_said() -> None:
    def at(text: str) -> int:
        return moments.moment_us("start", text, BERLIN, NOW_US)

    assert at("2026-10-25 02:30") == at("2026-10-25T02:30:00+02:00")
    assert at("2026-03-29 02:30") == at("2026-03-29T03:30:00+02:00")


def test_both_days_of_a_clock_change_have_their_own_length() -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-05-01", 24)):
        begin = moments.midnight_us(date.fromisoformat(day), BERLIN)
        [(found, first, last)] = moments.days((begin + HOUR_US, begin + 2 * HOUR_US), BERLIN)
        assert (found.isoformat(), (last - first) / HOUR_US) == (day, hours)


@given(st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu",
                        "Australia/Lord_Howe",
                        "Africa/Cairo", "Pacific/Apia"]),
       st.integers(0, 2_000_000_000), st.integers(1, 900))  # fmt: skip
def test_days_follow_one_another_without_a_gap(name: str, start_s: int, hours: int) -> None:
    span = start_s * 1_000_000, start_s * 1_000_000 + hours * HOUR_US
    days = list(moments.days(span, ZoneInfo(name)))
    assert days[0][1] <= span[0] < days[0][2]
    assert days[-1][1] < span[1] <= days[-1][2]
    assert all(a[2] == b[1] for a, b in pairwise(days))


def test_the_week_before_begins_at_the_same_hour() -> None:
    first = moments.moment_us("start", "2026-03-30", BERLIN, NOW_US)
    before, _ = moments.earlier((first, first + HOUR_US), "7d", BERLIN)
    assert moments.local(before, BERLIN).isoformat() == "2026-03-23T00:00:00+01:00"
    assert moments.earlier((10, 14), "before", BERLIN) == (6, 10)


def buckets(values: list[list[float]], span_us: int, first: int = 0) -> Buckets:
    """One bucket for each list that holds something, one reading for each number."""
    full = [(place, row) for place, row in enumerate(values) if row]
    columns = [np.array([fold(row) for _, row in full]) for fold in (len, min, np.mean, max)]
    ends = [np.array([row[place] for _, row in full], dtype=float) for place in (0, -1)]
    starts = np.array([(first + place) * span_us for place, _ in full], dtype=np.int64)
    n, low, mean, high = columns
    return Buckets("c", span_us, starts, n.astype(np.int64), low, mean, high, *ends)


rows = st.lists(st.lists(st.floats(-1e6, 1e6), max_size=4), min_size=1, max_size=40).filter(any)


@given(rows, st.integers(1, 6))
def test_longer_buckets_hold_the_same_values(values: list[list[float]], times: int) -> None:
    found = figures.longer(buckets(values, 10), 10 * times)
    grouped = [list(chain(*values[at : at + times])) for at in range(0, len(values), times)]
    wanted = buckets(grouped, 10 * times)
    for name in ("start_us", "n", "minimum", "maximum", "first", "last"):
        assert getattr(found, name).tolist() == getattr(wanted, name).tolist()
    assert found.mean == pytest.approx(wanted.mean, abs=1e-6)


def test_a_gap_adds_nothing_to_a_total() -> None:
    hour = [100.0] * 6
    found = buckets([hour, [], hour, hour[:3]], HOUR_US)
    day = (date(1970, 1, 1), 0, 24 * HOUR_US)
    [row] = figures.day_figures(found, [day], HOUR_US // 6, (0, 4 * HOUR_US))
    assert row.total == pytest.approx(250)
    assert row.figures.completeness == 15 / 24
    assert row.change == 0


@pytest.mark.parametrize("step", [1, 6, 24])
def test_rarer_readings_have_the_same_total(step: int) -> None:
    """Ten-minute buckets; a reading is due every ten minutes and there is one in `step` of them."""
    found = buckets([[100.0] if at % step == 0 else [] for at in range(144)], HOUR_US // 6)
    day = (date(1970, 1, 1), 0, 24 * HOUR_US)
    [row] = figures.day_figures(found, [day], HOUR_US // 6, (0, 24 * HOUR_US))
    assert row.total == pytest.approx(2400)


def test_nothing_is_no_number() -> None:
    empty = buckets([[1.0]], HOUR_US)
    none = Buckets("c", HOUR_US, *[getattr(empty, n)[:0] for n in
                   ("start_us", "n", "minimum", "mean", "maximum", "first", "last")])  # fmt: skip
    assert figures.figures_of(none, 1_000_000, HOUR_US) == figures.Figures(0, completeness=0.0)
    assert figures.figures_of(none, 0, HOUR_US).completeness is None
