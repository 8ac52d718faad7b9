"""However much is asked for, the answer is bounded and comes soon."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

ALL_TIME = {"start": "1970-01-01T00:00:00Z", "end": "2250-12-31T23:59:59Z"}
# Far above what a loaded machine needs, far below what somebody waits.
SOON_S = 10.0


@pytest.fixture
def one(station: Any) -> str:
    rows = [(n / 7, n, 1 + n % 2, n % 3 == 0, "x") for n in range(20_000)]
    for begin in range(0, len(rows), 5000):
        station.send(
            rows[begin : begin + 5000], start_us=1_780_000_000_000_000 + begin * 10_000_000
        )
    return f"/api/v1/instruments/{station.slug}/inverter"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/readings", {"limit": "10000"}),
        ("/buckets", {"channels": "battery_voltage,load_power,mode,load_on", "points": "4096"}),
        ("/buckets", {"channels": "battery_voltage", "points": "1"}),
        ("/states", {"channels": "mode,load_on", "points": "4096"}),
        ("/holes", {"limit": "10000"}),
    ],
)
def test_all_time_is_answered_soon_and_bounded(
    person: httpx.Client, one: str, path: str, query: dict[str, str]
) -> None:
    begin = time.monotonic()
    answer = person.get(one + path, params=ALL_TIME | query)
    assert answer.status_code == 200, answer.text
    assert time.monotonic() - begin < SOON_S
    assert len(answer.content) < 20_000_000
    if path == "/readings":
        assert len(answer.json()["times"]) == 10_000
    if path == "/buckets":
        assert all(len(row["n"]) <= int(query["points"]) for row in answer.json()["channels"])
        assert all(sum(row["n"]) == 20_000 for row in answer.json()["channels"])


@pytest.mark.parametrize(
    "query",
    [
        {"start": "-999999999y"},
        {"start": "0001-01-01T00:00:00Z"},
        {"end": "9999-12-31T23:59:59-23:59"},
        {"start": "-" + "9" * 400 + "s"},
        {"start": "9" * 400},
        {"cursor": "A" * 4000},
        {"cursor": "f" * 16},
        {"cursor": "_" * 16},
        {"limit": "9" * 400},
        {"channels": "," * 4000},
        {"channels": ",".join(f"c{n}" for n in range(900))},
    ],
)
def test_extreme_questions_are_answered_or_refused_never_failed(
    person: httpx.Client, station: Any, query: dict[str, str]
) -> None:
    station.send()
    one = f"/api/v1/instruments/{station.slug}/inverter"
    for path in ("/readings", "/buckets", "/states", "/export.csv", "/export.ndjson", "/holes"):
        answer = person.get(one + path, params={"channels": "mode"} | query)
        assert answer.status_code in (200, 400, 404, 422), f"{path}: {answer.text[:200]}"
