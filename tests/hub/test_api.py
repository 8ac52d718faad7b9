"""What programs are told: instruments, newest values, readings, buckets, CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fieldstation.model import Channel, Kind, Layout

START_US = 1_780_000_000_000_000
HOSTILE = "<script>alert(1)</script>\"'& שלום"
LAYOUT = Layout(
    "axpert",
    "status",
    (
        Channel("voltage", Kind.NUMBER, "V", "Battery voltage", decimals=1, headline=True),
        Channel("power", Kind.INTEGER, "W"),
        Channel("mode", Kind.ENUM, codes={1: "Line", 2: "Battery"}),
        Channel("load_on", Kind.FLAG),
        Channel("note", Kind.TEXT, label=HOSTILE),
    ),
)
ROWS: list[tuple[Any, ...]] = [
    (51.2, 430, 2, True, "well"),
    (None, None, None, None, None),
    (50.123456789, -7, 1, False, "=SUM(A1)"),
    (51.4, 431, 2, True, HOSTILE),
]


@pytest.fixture
def one(station: Any) -> str:
    """The address of an instrument with four readings."""
    station.send(ROWS, layout=LAYOUT, start_us=START_US)
    return f"/api/v1/instruments/{station.slug}/inverter"


RANGE = {"start": "2026-05-28T20:00:00Z", "end": "2026-05-28T21:00:00Z"}


def test_range_of_these_tests_covers_their_readings(person: httpx.Client, one: str) -> None:
    assert len(person.get(f"{one}/readings", params=RANGE).json()["times"]) == 4


def test_list_names_every_instrument_with_its_state(person: httpx.Client, station: Any) -> None:
    station.send()
    station.send(instrument="old", start_us=START_US)
    rows = person.get("/api/v1/instruments").json()["instruments"]
    mine = {row["name"]: row for row in rows if row["gateway"] == station.slug}
    assert {name: row["state"] for name, row in mine.items()} == {
        "inverter": "fresh",
        "old": "lost",
    }
    assert mine["old"]["last_reading"] == "2026-05-28T20:26:40.000000Z"
    assert (mine["old"]["kind"], mine["old"]["model"], mine["old"]["serial"]) == (
        "axpert",
        "VM-5000",
        "9293",
    )
    assert mine["old"]["every_s"] == 10.0


def test_one_instrument_comes_with_its_channel_table(person: httpx.Client, one: str) -> None:
    channels = person.get(one).json()["channels"]
    assert [Channel.from_json(row) for row in channels] == list(LAYOUT.channels)


def test_newest_value_of_each_channel_is_the_last_that_was_one(
    person: httpx.Client, one: str
) -> None:
    newest = person.get(f"{one}/latest").json()
    assert newest["values"]["voltage"] == 51.4
    assert newest["values"]["load_on"] is True
    assert newest["values"]["note"] == HOSTILE
    assert newest["times"]["voltage"] == "2026-05-28T20:27:10.000000Z"


def test_readings_are_columns_with_null_for_no_value(person: httpx.Client, one: str) -> None:
    page = person.get(f"{one}/readings", params=RANGE).json()
    assert page["times"][0] == "2026-05-28T20:26:40.000000Z"
    assert page["values"] == {
        "voltage": [51.2, None, 50.123456789, 51.4],
        "power": [430, None, -7, 431],
        "mode": [2, None, 1, 2],
        "load_on": [True, None, False, True],
        "note": ["well", None, "=SUM(A1)", HOSTILE],
    }
    assert page["next"] is None


def test_nan_never_leaves_the_hub(person: httpx.Client, one: str) -> None:
    for path in ("", "/latest", "/readings", "/buckets?channels=voltage"):
        text = person.get(f"{one}{path}", params=RANGE if "?" not in path else {}).text
        json.loads(text, parse_constant=no_such_word)


def no_such_word(word: str) -> None:
    pytest.fail(f"{word} is no JSON")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_pages_put_together_are_the_whole_even_with_equal_times(
    person: httpx.Client, station: Any, limit: int
) -> None:
    station.send([(float(n), n, 1, True, "") for n in range(9)], layout=LAYOUT, start_us=START_US)
    station.send(
        [(float(n), n, 1, True, "") for n in range(9, 15)],
        layout=LAYOUT,
        start_us=START_US,
        step_us=0,
    )
    address = f"/api/v1/instruments/{station.slug}/inverter/readings"
    whole = person.get(address, params=RANGE | {"channels": "power", "limit": 1000}).json()
    assert len(whole["times"]) == 15
    times, values = [], []
    for page in pages(person, address, limit):
        times += page["times"]
        values += page["values"]["power"]
    assert (times, values) == (whole["times"], whole["values"]["power"])


def pages(person: httpx.Client, address: str, limit: int) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        query: dict[str, Any] = RANGE | {"channels": "power", "limit": limit, "cursor": cursor}
        page = person.get(address, params=query).json()
        assert len(page["times"]) <= limit
        yield page
        cursor = page["next"]


def test_buckets_keep_the_spike(person: httpx.Client, station: Any) -> None:
    rows = [(1000.0 if n == 77 else 50.0, n, 1, True, "") for n in range(200)]
    station.send(rows, layout=LAYOUT, start_us=START_US, step_us=1_000_000)
    address = f"/api/v1/instruments/{station.slug}/inverter/buckets"
    query = RANGE | {"channels": "voltage,power,load_on", "points": "100"}
    answer = person.get(address, params=query).json()
    assert [channel["channel"] for channel in answer["channels"]] == ["voltage", "power", "load_on"]
    voltage = answer["channels"][0]
    assert len(voltage["start_s"]) <= 100
    assert sum(voltage["n"]) == 200
    assert max(voltage["max"]) == 1000.0
    assert max(voltage["mean"]) < 1000.0
    assert all(start % answer["span_s"] == 0 for start in voltage["start_s"])
    lengths = {len(column) for name, column in voltage.items() if name != "channel"}
    assert len(lengths) == 1


def test_empty_range_of_a_known_channel_is_no_error(person: httpx.Client, one: str) -> None:
    query = {"channels": "voltage", "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
    answer = person.get(f"{one}/buckets", params=query)
    assert answer.status_code == 200
    assert answer.json()["channels"][0]["start_s"] == []
    assert person.get(f"{one}/readings", params=query).json()["times"] == []


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("/buckets", {"channels": "voltag"}, 404, "Did you mean voltage?"),
        ("/buckets", {"channels": "note"}, 400, "holds texts"),
        ("/buckets", {"channels": ","}, 400, "at least one channel"),
        ("/buckets", {}, 422, "channels"),
        ("/buckets", {"channels": "voltage", "points": "4097"}, 422, "points"),
        ("/buckets", {"channels": "voltage", "points": "x"}, 422, "points"),
        ("/buckets", {"channels": "voltage", "start": "yesterday"}, 400, "is no instant"),
        ("/buckets", {"channels": "voltage", "start": "2026-01-01T00:00:00"}, 400, "no offset"),
        ("/buckets", {"channels": "voltage", "start": "now", "end": "-1h"}, 400, "is empty"),
        ("/readings", {"start": "1960-01-01T00:00:00Z"}, 400, "before 1970"),
        ("/readings", {"limit": "0"}, 422, "limit"),
        ("/readings", {"cursor": "bogus"}, 400, "start again without it"),
        ("/export.csv", {"channels": "nope"}, 404, "no channel"),
        ("/nothing-here", {}, 404, "no instrument"),
    ],
)
def test_wrong_questions_get_one_sentence(
    person: httpx.Client, one: str, path: str, query: dict[str, str], status: int, words: str
) -> None:
    answer = person.get(f"{one}{path}", params=query)
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in problem["detail"]


def test_very_many_channels_get_fewer_points_and_shorter_pages(
    person: httpx.Client, station: Any
) -> None:
    names = [f"cell_{number}" for number in range(500)]
    layout = Layout("emus_bms", "cells", tuple(Channel(n, Kind.NUMBER, "V") for n in names))
    station.send([(3.3,) * 500] * 900, layout=layout, start_us=START_US, step_us=1_000_000)
    address = f"/api/v1/instruments/{station.slug}/inverter"
    page = person.get(f"{address}/readings", params=RANGE | {"limit": 1000}).json()
    assert len(page["times"]) == 800
    assert page["next"] is not None
    query = RANGE | {"channels": ",".join(names), "points": "1024"}
    answer = person.get(f"{address}/buckets", params=query)
    assert answer.status_code == 400
    assert "at most 800 points" in answer.json()["detail"]


def test_unknown_address_below_the_api_is_a_problem(person: httpx.Client) -> None:
    answer = person.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    "path",
    ["", "/a/b", "/a/b/latest", "/a/b/readings", "/a/b/buckets?channels=x", "/a/b/export.csv"],
)
def test_strangers_are_told_to_sign_in(anyone: httpx.Client, path: str) -> None:
    answer = anyone.get(f"/api/v1/instruments{path}")
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in")


def test_csv_has_every_reading_at_full_precision(person: httpx.Client, one: str) -> None:
    answer = person.get(f"{one}/export.csv", params=RANGE | {"units": "true"})
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert rows[0] == ["time", "voltage", "power", "mode", "load_on", "note"]
    assert rows[1] == ["UTC", "V", "W", "", "", ""]
    assert rows[2] == ["2026-05-28T20:26:40.000000Z", "51.2", "430", "2", "true", "well"]
    assert rows[3][1:] == [""] * 5
    assert float(rows[4][1]) == 50.123456789
    assert rows[4][5] == "'=SUM(A1)"
    assert rows[5][5] == HOSTILE
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="station-' in answer.headers["content-disposition"]


def test_long_csv_is_complete(person: httpx.Client, station: Any) -> None:
    for part in range(5):
        rows = [(n / 7, n, 1, True, "") for n in range(2000)]
        station.send(rows, layout=LAYOUT, start_us=START_US + part * 200_000_000, step_us=100_000)
    address = f"/api/v1/instruments/{station.slug}/inverter/export.csv"
    text = person.get(address, params=RANGE | {"channels": "voltage"}).text
    values = [float(row[1]) for row in list(csv.reader(io.StringIO(text)))[1:]]
    assert len(values) == 10_000
    assert math.isclose(sum(values), 5 * sum(n / 7 for n in range(2000)))


@pytest.mark.parametrize("called", [HOSTILE[:60], "a/b", "%2e%2e", "x?y#z", "=1+1", "ünï cödé"])
def test_any_name_of_an_instrument_can_be_asked_for(
    person: httpx.Client, station: Any, called: str
) -> None:
    station.send(instrument=called)
    address = httpx.URL(f"/api/v1/instruments/{station.slug}/").join(
        "./" + "".join(f"%{byte:02X}" for byte in called.encode())
    )
    assert person.get(address).json()["name"] == called
    answer = person.get(f"{address}/export.csv")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].isascii()


def test_states_are_spans_and_a_text_code_is_one_too(person: httpx.Client, station: Any) -> None:
    stages = Layout(
        "axpert",
        "stages",
        (
            Channel("stage", Kind.ENUM, label="Stage", codes={"L": "line", "B": "battery"}),
            Channel("fan_on", Kind.FLAG, label="Fan"),
        ),
    )
    rows = [("L", True), ("L", False), ("B", False), ("B", None), ("B", True)]
    station.send(rows, layout=stages, start_us=1_780_000_000_000_000)
    at = f"/api/v1/instruments/{station.slug}/inverter/states"
    span = {"start": "2026-05-28T20:00:00Z", "end": "2026-05-28T21:00:00Z", "points": "360"}
    stage, fan = person.get(at, params=span | {"channels": "stage,fan_on"}).json()["channels"]
    assert (stage["value"], stage["n"]) == (["L", "B"], 5)
    assert [s - 1_780_000_000 for s in stage["start_s"]] == [0, 20]
    assert [s - 1_780_000_000 for s in stage["end_s"]] == [20, 50]
    assert (fan["value"], fan["n"]) == ([True, False, True], 4)
    refused = person.get(at, params={"channels": "load_power"})
    assert refused.status_code == 404
    station.send(start_us=1_780_000_100_000_000)
    refused = person.get(at, params={"channels": "load_power"})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad-request")
