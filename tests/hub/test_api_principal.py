"""Who may ask the API, how often, and what it costs to ask again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest


@pytest.fixture
def token(name: str) -> Callable[..., str]:
    """Makes personal tokens of the person: `token("write")`."""
    from fieldstation.hub.accounts import tokens
    from fieldstation.hub.accounts.models import User

    def make(scope: str = "read") -> str:
        return tokens.make(User.objects.get(username=name), "a program", scope, 7)[0]

    return make


@pytest.fixture
def program(hub: Any, token: Callable[..., str]) -> Iterator[Callable[..., httpx.Client]]:
    clients: list[httpx.Client] = []

    def make(scope: str = "read") -> httpx.Client:
        client = hub.client()
        client.headers["Authorization"] = f"Bearer {token(scope)}"
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def test_a_token_reads_what_its_person_sees(
    program: Callable[..., httpx.Client], station: Any, name: str
) -> None:
    station.send()
    client = program()
    rows = client.get("/api/v1/instruments").json()["instruments"]
    assert station.slug in {row["gateway"] for row in rows}
    me = client.get("/api/v1/me").json()
    assert (me["name"], me["scope"], me["operator"]) == (name, "read", False)
    assert {"site": "home", "role": "owner"}.items() <= me["sites"][0].items()


def test_a_token_to_read_changes_nothing(program: Callable[..., httpx.Client]) -> None:
    answer = program("read").post("/api/v1/sensors", json={"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")


def test_a_token_to_write_changes_without_a_page(program: Callable[..., httpx.Client]) -> None:
    client = program("write")
    made = client.post("/api/v1/sensors", json={"name": "roof", "site": "home"})
    assert made.status_code == 200, made.text
    assert client.delete(f"/api/v1/sensors/{made.json()['id']}").status_code == 200


def test_a_session_changes_nothing_without_the_token_of_a_page(person: httpx.Client) -> None:
    answer = person.post("/api/v1/sensors", json={"name": "forged"})
    assert (answer.status_code, answer.json()["code"]) == (403, "page-token-missing")


@pytest.mark.parametrize(
    "header", ["Bearer fst_wrong", "Bearer", "Basic YTpi", "Bearer fsk_x", "é"]
)
def test_a_wrong_token_is_not_saved_by_a_session(person: httpx.Client, header: str) -> None:
    answer = person.get("/api/v1/instruments", headers={"Authorization": header.encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_revoked_token_opens_nothing_from_then_on(
    program: Callable[..., httpx.Client], name: str
) -> None:
    from fieldstation.hub.accounts.models import PersonalToken

    client = program()
    assert client.get("/api/v1/me").status_code == 200
    PersonalToken.objects.filter(user__username=name).delete()
    assert client.get("/api/v1/me").status_code == 401


def test_who_asks_too_often_is_told_when_to_come_back(
    program: Callable[..., httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings

    monkeypatch.setattr(settings, "API_PER_MINUTE", 3)
    client = program()
    answers = [client.get("/api/v1/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [a.headers["ratelimit-remaining"] for a in answers] == ["2", "1", "0", "0"]
    assert answers[3].json()["code"] == "too-many-requests"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 20


def test_a_bucket_fills_up_again_evenly_and_never_over_its_rim() -> None:
    from fieldstation.hub.api.rate import Rates, TooOften

    rates = Rates()
    assert [rates.take("a", 60, 0.0).left for _ in range(60)] == list(range(59, -1, -1))
    with pytest.raises(TooOften, match="again in 1 s"):
        rates.take("a", 60, 0.0)
    assert rates.take("b", 60, 0.0).left == 59
    assert rates.take("a", 60, 10.0).left == 9
    assert rates.take("a", 60, 10_000.0).left == 59


def test_an_answer_that_did_not_change_is_not_sent_again(
    person: httpx.Client, station: Any
) -> None:
    start_us = 1_780_000_000_000_000
    station.send(start_us=start_us)
    one = f"/api/v1/instruments/{station.slug}/inverter"
    closed = "?channels=load_power&start=2026-05-28T20:00:00Z&end=2026-05-28T21:00:00Z"
    for path in (f"{one}/latest", f"{one}/buckets{closed}", one, f"{one}/readings{closed}"):
        first = person.get(path)
        again = person.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path
        assert again.headers["etag"] == first.headers["etag"]
        station.send(start_us=start_us)
        start_us += 60_000_000
        station.send(start_us=start_us)
        changed = person.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert changed.status_code == 200, path


def test_no_answer_is_kept_by_anyone_in_between(person: httpx.Client) -> None:
    answer = person.get("/api/v1/instruments")
    assert answer.headers["cache-control"] == "no-store"
    assert "Cookie" in answer.headers["vary"]
    assert "Authorization" in answer.headers["vary"]


def test_lines_of_json_hold_every_reading(person: httpx.Client, station: Any) -> None:
    station.send([(n / 7, n, 1, True, "x") for n in range(3000)], start_us=1_780_000_000_000_000)
    address = f"/api/v1/instruments/{station.slug}/inverter/export.ndjson"
    answer = person.get(
        address,
        params={"start": "2026-05-28T00:00:00Z", "end": "2026-05-30T00:00:00Z"},
    )
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert len(rows) == 3000
    assert rows[0]["time"] == "2026-05-28T20:26:40.000000Z"
    assert rows[2999]["values"]["battery_voltage"] == 2999 / 7
    assert rows[0]["values"] == {
        "battery_voltage": 0.0, "load_power": 0, "mode": 1, "load_on": True, "note": "x",
    }  # fmt: skip


def test_the_description_is_a_page_without_scripts(anyone: httpx.Client) -> None:
    answer = anyone.get("/api/v1/docs")
    assert answer.status_code == 200
    document = anyone.get("/api/v1/openapi.json").json()
    for path in document["paths"]:
        assert f" {path}</code>" in answer.text
    assert "<script" not in answer.text
