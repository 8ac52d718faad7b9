"""Gateways by PIN: made by a person, typed once at a station; keys that follow one another."""

from __future__ import annotations

import re
import secrets
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

REGISTER = "/api/v1/register"


@pytest.fixture
def own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests share one address and one hub; this one's attempts count for itself."""
    from fieldstation.hub.accounts import throttle

    mark = secrets.token_hex(4)
    count = throttle._digest
    monkeypatch.setattr(throttle, "_digest", lambda *parts: count(*parts, mark))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The hub's clock for PINs and keys, to be set forward."""
    from fieldstation.hub.stations import keys, pins

    clock = SimpleNamespace(moment=datetime.now(UTC))
    for module in (keys, pins):
        monkeypatch.setattr(module, "timezone", SimpleNamespace(now=lambda: clock.moment))
    return clock


pytestmark = pytest.mark.usefixtures("own_address")


def take_pin(hub: Any, person: httpx.Client, name: str = "") -> tuple[str, str]:
    """A PIN as its page shows it, and the new gateway's slug."""
    name = name or f"roof-{secrets.token_hex(4)}"
    form = {"name": name, "csrfmiddlewaretoken": hub.token(person, "/add-gateway")}
    page = person.post("/add-gateway", data=form)
    assert page.status_code == 200, page.text
    return shown_pin(page.text), name


def shown_pin(page: str) -> str:
    found = re.search(r'id="pin"[^>]*>(\d{4} \d{4})<', page)
    assert found
    return found[1]


def again(hub: Any, person: httpx.Client, slug: str) -> str:
    """Another PIN for a gateway that is known."""
    form = {"csrfmiddlewaretoken": hub.token(person, f"/gateways/{slug}")}
    return shown_pin(person.post(f"/gateways/{slug}/pin", data=form).text)


def act(hub: Any, person: httpx.Client, slug: str, what: str) -> httpx.Response:
    form = {"csrfmiddlewaretoken": hub.token(person, f"/gateways/{slug}")}
    return person.post(f"/gateways/{slug}/{what}", data=form)


def redeem(hub: Any, pin: str, **more: str) -> httpx.Response:
    return httpx.post(hub.url + REGISTER, json={"pin": pin} | more)


def accepted(hub: Any, station: Any, key: str) -> bool:
    """Whether the hub takes a batch with this key."""
    return station.post(station.batch(), Authorization=f"Bearer {key}").status_code == 200


def test_a_pin_gives_a_key_that_sends(hub: Any, person: httpx.Client, station: Any) -> None:
    pin, slug = take_pin(hub, person)
    answer = redeem(hub, pin, device="raspberrypi", version="9.9.9")
    assert answer.status_code == 201
    assert set(answer.json()) == {"key", "gateway", "name"}
    assert answer.json()["gateway"] == slug
    assert answer.headers["cache-control"] == "no-store"
    assert accepted(hub, station, answer.json()["key"])
    page = person.get(f"/gateways/{slug}").text
    assert "raspberrypi" in page
    assert "9.9.9" in page
    assert answer.json()["key"] not in page


@pytest.mark.parametrize("form", ["{0}{1}", "{0} {1}", "{0}-{1}", " {0}{1} "])
def test_a_pin_may_be_typed_in_groups(hub: Any, person: httpx.Client, form: str) -> None:
    pin, _ = take_pin(hub, person)
    assert redeem(hub, form.format(*pin.split())).status_code == 201


def test_wrong_used_and_expired_pins_read_the_same(
    hub: Any, person: httpx.Client, clock: Any
) -> None:
    used, _ = take_pin(hub, person)
    assert redeem(hub, used).status_code == 201
    expired, _ = take_pin(hub, person)
    clock.moment += timedelta(minutes=10)
    replaced, slug = take_pin(hub, person)
    again(hub, person, slug)
    answers = [redeem(hub, pin) for pin in (used, expired, replaced, "no digits")]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["code"] == "pin-rejected"
    assert "Take a new one" in answers[0].json()["detail"]


def test_a_pin_is_good_for_ten_minutes(hub: Any, person: httpx.Client, clock: Any) -> None:
    pin, _ = take_pin(hub, person)
    clock.moment += timedelta(minutes=9, seconds=59)
    assert redeem(hub, pin).status_code == 201


def test_a_pin_is_not_kept_in_the_clear(hub: Any, person: httpx.Client) -> None:
    pin, slug = take_pin(hub, person)
    digits = pin.replace(" ", "").encode()
    for name in ("hub.sqlite3", "hub.sqlite3-wal"):
        assert digits not in (hub.data / name).read_bytes()
    assert pin not in person.get(f"/gateways/{slug}").text


def test_the_sixth_wrong_pin_from_one_address_is_not_looked_at(
    hub: Any, person: httpx.Client, clock: Any
) -> None:
    pin, _ = take_pin(hub, person)
    assert [redeem(hub, "00000000").status_code for _ in range(5)] == [403] * 5
    refused = redeem(hub, pin)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["wait_s"] == 1
    clock.moment += timedelta(seconds=1)
    assert redeem(hub, "00000000").status_code == 403
    assert redeem(hub, pin).json()["wait_s"] == 2
    clock.moment += timedelta(seconds=2)
    assert redeem(hub, pin).status_code == 201


def test_many_addresses_together_are_slowed(hub: Any, person: httpx.Client, clock: Any) -> None:
    from fieldstation.hub.stations import pins

    looked_at, waits = 0, [0]
    for second in range(600):
        clock.moment += timedelta(seconds=1)
        try:
            pins.redeem("00000000", f"198.51.{second // 250}.{second % 250}")
        except pins.PinRejected:
            looked_at += 1
        except pins.TooManyAttempts as error:
            waits.append(error.wait_s)
    assert looked_at <= 50 + 600 / 10 + 5
    assert 5 <= max(waits) <= 10


def test_of_attempts_side_by_side_no_more_are_looked_at(hub: Any, person: httpx.Client) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(redeem(hub, "00000000").status_code))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(403) <= 6
    assert set(answers) <= {403, 429}


def test_one_pin_typed_twice_at_once_gives_one_key(hub: Any, person: httpx.Client) -> None:
    pin, _ = take_pin(hub, person)
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(redeem(hub, pin).status_code))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 403, 403, 403, 403]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 422, "not-a-registration"),
        (b"[]", "application/json", 422, "not-a-registration"),
        (b'{"pin": 12345678}', "application/json", 422, "not-a-registration"),
        (b'{"pin": ""}', "application/json", 422, "not-a-registration"),
        (b'{"pin": "1", "device": "a\\u0007"}', "application/json", 422, "not-a-registration"),
        (b" " * 5000, "application/json", 413, "too-large"),
        (b"pin=12345678", "application/x-www-form-urlencoded", 415, "not-json"),
    ],
)
def test_what_is_no_registration_gets_a_problem(
    hub: Any, content: bytes, kind: str, status: int, code: str
) -> None:
    answer = httpx.post(hub.url + REGISTER, content=content, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_registration_is_asked_with_post(hub: Any) -> None:
    assert httpx.get(hub.url + REGISTER).status_code == 405


# --- keys that follow one another ---


def registered(hub: Any, person: httpx.Client) -> tuple[str, str]:
    """A new gateway's key and slug."""
    pin, slug = take_pin(hub, person)
    return redeem(hub, pin).json()["key"], slug


def test_the_old_key_ends_when_the_new_one_is_used(
    hub: Any, person: httpx.Client, station: Any
) -> None:
    old, slug = registered(hub, person)
    new = redeem(hub, again(hub, person, slug)).json()["key"]
    assert accepted(hub, station, old)
    assert "The key before it is good" in person.get(f"/gateways/{slug}").text
    assert accepted(hub, station, new)
    assert not accepted(hub, station, old)
    assert "The key before it is good" not in person.get(f"/gateways/{slug}").text


def test_the_old_key_ends_after_a_day_at_the_latest(
    hub: Any, person: httpx.Client, station: Any, clock: Any
) -> None:
    old, slug = registered(hub, person)
    new = redeem(hub, again(hub, person, slug)).json()["key"]
    clock.moment += timedelta(hours=24)
    assert not accepted(hub, station, old)
    assert accepted(hub, station, new)


def test_a_key_lost_on_its_way_leaves_the_one_in_use_good(
    hub: Any, person: httpx.Client, station: Any
) -> None:
    old, slug = registered(hub, person)
    assert accepted(hub, station, old)
    lost = redeem(hub, again(hub, person, slug)).json()["key"]
    new = redeem(hub, again(hub, person, slug)).json()["key"]
    assert [accepted(hub, station, key) for key in (lost, old)] == [False, True]
    assert [accepted(hub, station, key) for key in (new, old)] == [True, False]


def test_a_pin_alone_changes_no_key(hub: Any, person: httpx.Client, station: Any) -> None:
    key, slug = registered(hub, person)
    again(hub, person, slug)
    assert accepted(hub, station, key)


def test_revoking_can_be_undone_for_a_day(
    hub: Any, person: httpx.Client, station: Any, clock: Any
) -> None:
    key, slug = registered(hub, person)
    act(hub, person, slug, "revoke")
    assert not accepted(hub, station, key)
    clock.moment += timedelta(hours=23)
    assert "Undo revoking" in person.get(f"/gateways/{slug}").text
    assert act(hub, person, slug, "restore").status_code == 302
    assert accepted(hub, station, key)
    act(hub, person, slug, "revoke")
    clock.moment += timedelta(hours=24)
    assert "Undo revoking" not in person.get(f"/gateways/{slug}").text
    late = act(hub, person, slug, "restore")
    assert (late.status_code, "more than a day ago" in late.text) == (400, True)
    assert not accepted(hub, station, key)


def test_a_new_key_lets_a_revoked_gateway_in_and_no_older_one(
    hub: Any, person: httpx.Client, station: Any
) -> None:
    first, slug = registered(hub, person)
    act(hub, person, slug, "revoke")
    new = redeem(hub, again(hub, person, slug)).json()["key"]
    assert [accepted(hub, station, key) for key in (first, new)] == [False, True]


def test_revoking_ends_the_key_before_as_well(hub: Any, person: httpx.Client, station: Any) -> None:
    old, slug = registered(hub, person)
    new = redeem(hub, again(hub, person, slug)).json()["key"]
    act(hub, person, slug, "revoke")
    assert [accepted(hub, station, key) for key in (old, new)] == [False, False]


# --- pages ---


def test_a_taken_name_is_refused_with_a_sentence(hub: Any, person: httpx.Client) -> None:
    _, name = take_pin(hub, person)
    form = {"name": name, "csrfmiddlewaretoken": hub.token(person, "/add-gateway")}
    page = person.post("/add-gateway", data=form)
    assert page.status_code == 400
    assert "choose another name" in page.text


def test_the_pin_page_shows_the_command(hub: Any, person: httpx.Client) -> None:
    _, slug = take_pin(hub, person)
    form = {"csrfmiddlewaretoken": hub.token(person, f"/gateways/{slug}")}
    page = person.post(f"/gateways/{slug}/pin", data=form).text
    assert f"fieldstation register --hub {hub.url}<" in page


def test_only_a_gateway_that_never_had_a_key_can_be_removed(hub: Any, person: httpx.Client) -> None:
    _, slug = registered(hub, person)
    act(hub, person, slug, "remove")
    assert person.get(f"/gateways/{slug}").status_code == 200
    _, fresh = take_pin(hub, person)
    act(hub, person, fresh, "remove")
    assert person.get(f"/gateways/{fresh}").status_code == 404


@pytest.mark.parametrize("what", ["pin", "revoke", "restore", "remove"])
def test_acts_need_the_forms_token_and_a_session(hub: Any, person: httpx.Client, what: str) -> None:
    _, slug = registered(hub, person)
    assert person.post(f"/gateways/{slug}/{what}").status_code == 403
    assert person.get(f"/gateways/{slug}/{what}").status_code == 405
    with hub.client() as stranger:
        form = {"csrfmiddlewaretoken": hub.token(stranger)}
        answer = stranger.post(f"/gateways/{slug}/{what}", data=form)
    assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize("path", ["/gateways", "/add-gateway", "/gateways/x", "/gateways/x/key"])
def test_pages_of_gateways_are_for_people_who_signed_in(anyone: httpx.Client, path: str) -> None:
    assert anyone.get(path).headers["location"].startswith("/login")


@pytest.mark.parametrize("what", ["", "/key"])
def test_an_unknown_gateway_is_not_found(person: httpx.Client, what: str) -> None:
    assert person.get(f"/gateways/nobody-at-all{what}").status_code == 404
