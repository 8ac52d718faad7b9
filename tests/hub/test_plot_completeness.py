"""How complete a curve is, by what its station says is missing."""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest

from fieldstation.batch.facts import DAY_US, Cause, Fact, Hole, State, Tally
from fieldstation.batch.report import MEDIA_TYPE, PATH, Report

DAY = 20_400  # 2025-11-08
HOUR_US = DAY_US // 24


@pytest.fixture
def curve(person: httpx.Client, station: Any) -> str:
    """A day of hourly readings of an instrument that is due every ten seconds now."""
    rows = [(51.0, 430, 2, True, "well")] * 24
    station.send(rows, start_us=DAY * DAY_US, step_us=HOUR_US)
    station.send(rows[:2], start_us=DAY * DAY_US + DAY_US, step_us=10_000_000)
    return f"{station.slug}/inverter:battery_voltage"


def report(station: Any, *facts: Fact) -> None:
    """Say these facts."""
    import json

    word = Report(
        os.urandom(8).hex(), station.boot, "", "1", DAY * DAY_US, 1, 1,
        facts=tuple(enumerate(facts, 1)),
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {station.key}", "Content-Type": MEDIA_TYPE}
    answer = station.client.post(PATH, content=json.dumps(word.as_json()), headers=headers)
    assert answer.status_code == 200, answer.text


def share(person: httpx.Client, curve: str) -> float:
    """What the page says of the first day."""
    query = {"curve": curve, "start": "2025-11-08T00:00Z", "end": "2025-11-09T00:00Z"}
    answer = person.get("/plots/data.json", params=query)
    [found] = answer.raise_for_status().json()["curves"]
    told: float = found["figures"]["completeness"]
    return told


def hole(station: Any, number: int, first: int, last: int, **more: Any) -> Hole:
    """Missing from one hour of the day to another."""
    begin, end = (DAY * DAY_US + hour * HOUR_US for hour in (first, last))
    words = {"layout": "", "cause": Cause.SILENT, "state": State.LOST} | more
    return Hole(
        number, "inverter", words["layout"], words["cause"], station.boot, begin,
        end - 10_000_000, 1, words["state"],
    )  # fmt: skip


def test_completeness_is_told_by_holes_where_the_station_counts(
    person: httpx.Client, station: Any, curve: str
) -> None:
    assert share(person, curve) < 0.01  # of readings every ten seconds
    counted = Tally(station.boot, "inverter", DAY, 24)
    report(station, counted)
    assert share(person, curve) == 1
    report(station, counted, hole(station, 1, 6, 12), hole(station, 2, 9, 15))
    assert share(person, curve) == pytest.approx(1 - 9 / 24)


def test_what_was_recovered_or_belongs_to_another_layout_is_not_missing(
    person: httpx.Client, station: Any, curve: str
) -> None:
    facts = [
        Tally(station.boot, "inverter", DAY, 24),
        hole(station, 1, 0, 6, state=State.RECOVERED),
        hole(station, 2, 6, 12, layout="no_such_layout"),
    ]
    report(station, *facts)
    assert share(person, curve) == pytest.approx(1 - 6 / 24)
