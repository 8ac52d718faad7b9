"""Signing in and out, over HTTP against the running hub."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from fieldstation.errors import BadRequest
from fieldstation.hub import run

from .conftest import FULL_HASH, make_account

PASSWORD = "a long way to the sea"


def test_right_password_opens_the_dashboard(hub: Any, anyone: httpx.Client, name: str) -> None:
    answer = hub.sign_in(anyone, name, PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert anyone.get("/").status_code == 200


def test_an_email_address_is_as_good_as_the_user_name(
    hub: Any, anyone: httpx.Client, name: str
) -> None:
    answer = hub.sign_in(anyone, f"{name}@EXAMPLE.org", PASSWORD)
    assert answer.status_code == 302


def test_a_stranger_is_led_to_sign_in_and_then_onward(
    hub: Any, anyone: httpx.Client, name: str
) -> None:
    answer = anyone.get("/instruments/a/b?range=7d")
    assert answer.headers["location"] == "/login?next=/instruments/a/b%3Frange%3D7d"
    answer = hub.sign_in(anyone, name, PASSWORD, next="/instruments/a/b?range=7d")
    assert answer.headers["location"] == "/instruments/a/b?range=7d"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"]
)
def test_signing_in_never_leads_off_the_hub(
    hub: Any, anyone: httpx.Client, name: str, elsewhere: str
) -> None:
    answer = hub.sign_in(anyone, name, PASSWORD, next=elsewhere)
    assert answer.headers["location"] == "/"


def test_unknown_name_and_wrong_password_read_the_same(
    hub: Any, anyone: httpx.Client, name: str
) -> None:
    answers = [hub.sign_in(anyone, who, "wrong but long") for who in (name, "nobody-here")]
    assert [answer.status_code for answer in answers] == [401, 401]
    pages = [
        answer.text.replace(who, "").partition("<main")[2].partition("csrfmiddleware")[0]
        for answer, who in zip(answers, (name, "nobody-here"), strict=True)
    ]
    assert pages[0] == pages[1]
    assert "do not belong together" in pages[0]


def test_unknown_name_costs_a_hash_like_a_known_one(
    hub: Any, anyone: httpx.Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.accounts.hashers import SmallArgon2

    hub.sign_in(anyone, "nobody-at-all", "wrong but long")
    hashed: list[str] = []
    encode, verify = SmallArgon2.encode, SmallArgon2.verify

    def counting_encode(hasher: SmallArgon2, password: str, salt: str) -> str:
        hashed.append("encoded")
        return encode(hasher, password, salt)

    def counting_verify(hasher: SmallArgon2, password: str, encoded: str) -> bool:
        hashed.append("verified")
        return verify(hasher, password, encoded)

    monkeypatch.setattr(SmallArgon2, "encode", counting_encode)
    monkeypatch.setattr(SmallArgon2, "verify", counting_verify)
    for who in (name, "nobody-at-all"):
        hub.sign_in(anyone, who, "wrong but long")
    assert hashed == ["verified", "verified"]


def test_a_password_is_hashed_at_full_cost(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldstation.hub.accounts.hashers import SmallArgon2
    from fieldstation.hub.accounts.models import User

    for part, cost in FULL_HASH.items():
        monkeypatch.setattr(SmallArgon2, part, cost)
    kept = User.objects.get(username=make_account()).password
    assert kept.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


def test_session_id_changes_at_sign_in_and_the_old_one_stays_outside(
    hub: Any, anyone: httpx.Client, name: str
) -> None:
    anyone.cookies.set("session", "fixedbyanattacker0000000000000000")
    hub.sign_in(anyone, name, PASSWORD)
    new = anyone.cookies.get("session", domain="127.0.0.1")
    assert new
    assert new != "fixedbyanattacker0000000000000000"
    old = {"session": "fixedbyanattacker0000000000000000"}
    assert httpx.get(f"{hub.url}/", cookies=old).status_code == 302


def test_signing_out_kills_the_session(hub: Any, person: httpx.Client) -> None:
    kept = person.cookies["session"]
    token = hub.token(person, "/")
    assert person.post("/logout", data={"csrfmiddlewaretoken": token}).status_code == 302
    assert httpx.get(f"{hub.url}/", cookies={"session": kept}).status_code == 302


@pytest.mark.parametrize("source", ["cross-site", "same-site"])
def test_signing_out_by_a_link_of_another_site_is_refused(
    person: httpx.Client, source: str
) -> None:
    asked = person.get("/logout", headers={"Sec-Fetch-Site": source})
    assert (asked.status_code, "Sign out?" in asked.text) == (200, True)
    assert person.get("/").status_code == 200


@pytest.mark.parametrize("source", ["same-origin", "none", ""])
def test_a_link_of_the_hub_itself_signs_out(person: httpx.Client, source: str) -> None:
    headers = {"Sec-Fetch-Site": source} if source else {}
    assert person.get("/logout", headers=headers).status_code == 302
    assert person.get("/account").status_code == 302


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_a_form_without_its_token_is_refused_with_a_sentence(
    person: httpx.Client, path: str
) -> None:
    answer = person.post(path, data={"name": "x", "password": "y"})
    assert answer.status_code == 403
    assert "reload the page" in answer.text


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(
    hub: Any, anyone: httpx.Client, name: str
) -> None:
    cookies = hub.sign_in(anyone, name, PASSWORD).headers.get_list("set-cookie")
    assert len(cookies) == 3
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)


def test_password_change_ends_all_sessions(person: httpx.Client, name: str) -> None:
    from fieldstation.hub.accounts.models import User

    user = User.objects.get(username=name)
    user.set_password("quite another long one")
    user.save()
    assert person.get("/").status_code == 302


def test_inactive_account_cannot_sign_in(hub: Any, anyone: httpx.Client, name: str) -> None:
    from fieldstation.hub.accounts.models import User

    User.objects.filter(username=name).update(is_active=False)
    assert hub.sign_in(anyone, name, PASSWORD).status_code == 401


def test_delay_grows_in_virtual_time_and_the_right_password_waits_it_out(
    hub: Any, anyone: httpx.Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.accounts import throttle, views

    clock = SimpleNamespace(moment=datetime(2031, 1, 1, tzinfo=UTC))
    monkeypatch.setattr(views, "timezone", SimpleNamespace(now=lambda: clock.moment))
    # All tests share one address; this one is about its own.
    monkeypatch.setattr(throttle, "_network", lambda address: f"{address} of {name}")
    for _ in range(throttle.PAIR.free + 1):
        assert hub.sign_in(anyone, name, "wrong but long").status_code == 401
    refused = hub.sign_in(anyone, name, PASSWORD)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "Try again in 1 second." in refused.text
    clock.moment += timedelta(seconds=1)
    assert hub.sign_in(anyone, name, PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("short", "short", "too short"),
        ("common", "password12345", "too common"),
        ("alikealike12", "alikealike12", "similar"),
        ("", PASSWORD, "blank"),
        ("with@sign", PASSWORD, "holds no @"),
    ],
)
def test_weak_or_malformed_accounts_are_refused_with_a_sentence(
    hub: Any, name: str, password: str, sentence: str
) -> None:
    with pytest.raises(BadRequest, match=sentence):
        run.add_user(hub.data, name, password)


def test_user_names_differ_by_more_than_case(hub: Any, name: str) -> None:
    with pytest.raises(BadRequest, match="is taken"):
        run.add_user(hub.data, name.upper(), PASSWORD)
