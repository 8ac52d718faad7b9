"""Small rules of the hub: instants, cursors, freshness, near names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import BadRequest
from fieldstation.hub.api.cursor import Cursor, cursor_from
from fieldstation.hub.api.instants import instant_us, span_us
from fieldstation.hub.instruments.freshness import State, patience
from fieldstation.hub.nearest import nearest

# Refusals are said in the reader's language, which takes a hub's settings.
pytestmark = pytest.mark.usefixtures("hub")

NOW_US = 1_780_000_000_123_456
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(
    st.integers(0, 4_000_000_000_000_000),
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_is_the_same_in_every_time_zone(utc_us: int, offset_min: int) -> None:
    zone = timezone(timedelta(minutes=offset_min))
    moment = (EPOCH + timedelta(microseconds=utc_us)).astimezone(zone)
    assert instant_us("start", moment.isoformat(), NOW_US) == utc_us


@given(st.text(max_size=60))
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    try:
        found = instant_us("start", text, NOW_US)
    except BadRequest:
        return
    assert found >= 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("-1s", 1), ("-15m", 900), ("-24h", 86400), ("-2w", 1209600), ("now", 0)]
)
def test_a_time_back_counts_from_now(text: str, seconds: int) -> None:
    assert instant_us("start", text, NOW_US) == NOW_US - seconds * 1_000_000


def test_a_time_before_all_time_is_the_beginning() -> None:
    assert instant_us("start", "-999999999y", NOW_US) == 0


def test_a_range_runs_forward() -> None:
    assert span_us("-1h", "now", NOW_US) == (NOW_US - 3_600_000_000, NOW_US)
    with pytest.raises(BadRequest, match="does not lie before"):
        span_us("now", "now", NOW_US)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**32 - 1))
def test_a_cursor_reads_back(at_us: int, skip: int) -> None:
    assert cursor_from(str(Cursor(at_us, skip))) == Cursor(at_us, skip)


@given(st.text(max_size=40))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        found = cursor_from(text)
    except BadRequest:
        return
    assert str(found) == text


@given(st.integers(0, 10**12), st.floats(0, 1e9), st.floats(0, 1e9))
def test_an_older_reading_is_never_fresher(every_us: int, age_s: float, more_s: float) -> None:
    order = [State.FRESH, State.LATE, State.LOST]
    rule = patience(every_us)
    assert order.index(rule.state(age_s)) <= order.index(rule.state(age_s + more_s))
    assert rule.late_after_s < rule.lost_after_s
    assert rule.state(every_us / 1e6) is State.FRESH


def test_near_names_come_first_and_all_if_none_is_near() -> None:
    assert nearest("voltag", ["voltage", "current"]) == " Did you mean voltage?"
    assert nearest("zzz", ["voltage", "current"]) == " Known: current, voltage."
    assert nearest("zzz", []) == ""
