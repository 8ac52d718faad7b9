"""The own account by the API: what takes which scope, and what becomes of it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .apiworld import Person, settled
from .conftest import PASSWORD

API = "/api/v1"
NEW = "another way to the mountains"


@pytest.fixture
def owner(hub: Any, station: Any) -> Iterator[Person]:
    with settled(hub, station) as person:
        yield person


@pytest.fixture
def session(owner: Person, hub: Any) -> Iterator[httpx.Client]:
    """The person in a browser, with the token of its pages."""
    with hub.client() as client:
        assert hub.sign_in(client, owner.name, PASSWORD).status_code == 302
        client.headers["X-CSRFToken"] = hub.token(client, "/account")
        yield client


def test_a_token_to_write_manages_nobody(owner: Person) -> None:
    client = owner.program("write")
    asked = [
        client.get(f"{API}/account"),
        client.get(f"{API}/account/sessions"),
        client.get(f"{API}/account/tokens"),
        client.post(f"{API}/account/tokens", json={"name": "more", "scope": "manage"}),
        client.post(f"{API}/account/address", json={"email": "new@example.org"}),
        client.post(f"{API}/account/password", json={"old": PASSWORD, "new": NEW}),
        client.post(f"{API}/account/deletion", json={"password": PASSWORD}),
        client.post(f"{API}/account/export"),
        client.post(f"{API}/sites/{owner.site}/invitations", json={"role": "owner"}),
        client.post(f"{API}/sites/{owner.site}/leave"),
        client.post(f"{API}/invitations/accept", json={"link": "x"}),
    ]
    assert [(one.status_code, one.json()["code"]) for one in asked] == [
        (403, "scope-missing")
    ] * len(asked)
    assert owner.user.tokens.count() == 1
    assert client.get(f"{API}/me").json()["scope"] == "write"


def test_a_session_may_all_that_a_token_to_manage_may(session: httpx.Client, owner: Person) -> None:
    facts = session.get(f"{API}/account").json()
    assert (facts["name"], facts["email"]) == (owner.name, f"{owner.name}@example.org")
    assert session.get(f"{API}/me").json()["scope"] == "manage"


def test_a_token_is_told_once_and_works_until_it_is_revoked(owner: Person, hub: Any) -> None:
    client = owner.program()
    wanted = {"name": "logger", "scope": "read", "days": 7}
    made = client.post(f"{API}/account/tokens", json=wanted).json()
    listed = client.get(f"{API}/account/tokens").json()["tokens"]
    assert {row["name"]: row["scope"] for row in listed} == {
        "a program": "manage",
        "logger": "read",
    }
    assert made["token"] not in json.dumps(listed)
    header = {"Authorization": f"Bearer {made['token']}"}
    with hub.client() as other:
        assert other.get(f"{API}/me", headers=header).json()["scope"] == "read"
        assert client.delete(f"{API}/account/tokens/{made['id']}").status_code == 204
        assert other.get(f"{API}/me", headers=header).status_code == 401
    refused = client.post(f"{API}/account/tokens", json={"name": "x", "scope": "all"})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad-request")


def test_sessions_are_listed_and_ended(session: httpx.Client, owner: Person, hub: Any) -> None:
    with hub.client() as elsewhere:
        hub.sign_in(elsewhere, owner.name, PASSWORD)
        rows = session.get(f"{API}/account/sessions").json()["sessions"]
        assert [row["here"] for row in rows] == [False, True]
        assert session.delete(f"{API}/account/sessions/{rows[0]['id']}").status_code == 204
        assert elsewhere.get("/account").status_code == 302
        hub.sign_in(elsewhere, owner.name, PASSWORD)
        assert session.delete(f"{API}/account/sessions").status_code == 204
        assert elsewhere.get("/account").status_code == 302
    assert session.get("/account").status_code == 200
    assert owner.program().delete(f"{API}/account/sessions").status_code == 204
    assert session.get("/account").status_code == 302


def test_a_new_password_ends_every_session_and_takes_the_old_one(
    session: httpx.Client, owner: Person, hub: Any
) -> None:
    wrong = session.post(f"{API}/account/password", json={"old": "guess", "new": NEW})
    assert wrong.status_code == 400
    weak = session.post(f"{API}/account/password", json={"old": PASSWORD, "new": "short"})
    assert (weak.status_code, "12" in weak.json()["detail"]) == (400, True)
    done = session.post(f"{API}/account/password", json={"old": PASSWORD, "new": NEW})
    assert (done.status_code, session.get("/account").status_code) == (204, 302)
    with hub.client() as again:
        assert hub.sign_in(again, owner.name, PASSWORD).status_code == 401
        assert hub.sign_in(again, owner.name, NEW).status_code == 302


def test_guessing_the_password_with_a_token_is_slowed(owner: Person) -> None:
    client = owner.program()
    guesses = [
        client.post(f"{API}/account/password", json={"old": f"guess {n}", "new": NEW})
        for n in range(6)
    ]
    assert guesses[-1].status_code == 429
    assert guesses[-1].json()["code"] == "too-many-attempts"
    assert int(guesses[-1].headers["retry-after"]) >= 1


def test_the_language_of_the_account_is_one_that_the_hub_speaks(owner: Person) -> None:
    client = owner.program()
    assert client.patch(f"{API}/account", json={"language": "de"}).json()["language"] == "de"
    assert client.patch(f"{API}/account", json={}).json()["language"] == "de"
    assert client.patch(f"{API}/account", json={"language": "tlh"}).status_code == 400
    assert client.patch(f"{API}/account", json={"language": ""}).json()["language"] == ""


def test_a_new_address_is_asked_for_by_mail(owner: Person) -> None:
    client = owner.program()
    wanted = f"{owner.name}@example.com"
    answer = client.post(f"{API}/account/address", json={"email": f" {wanted} "})
    assert answer.json() == {"sent_to": wanted}
    assert owner.user.email == f"{owner.name}@example.org"
    assert client.post(f"{API}/account/address", json={"email": "x"}).status_code == 400


def test_the_copy_of_an_account_is_a_zip(owner: Person) -> None:
    answer = owner.program().post(f"{API}/account/export")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        belongings = json.loads(archive.read("account.json"))
    assert belongings["account"]["username"] == owner.name
    assert "fst_" not in answer.text


def test_an_account_that_waits_for_its_deletion_is_kept_by_signing_in(
    owner: Person, hub: Any, new_person: Any
) -> None:
    new_person("owner", owner.site)
    client = owner.program()
    wrong = client.post(f"{API}/account/deletion", json={"password": "wrong"})
    assert wrong.status_code == 400
    done = client.post(f"{API}/account/deletion", json={"password": PASSWORD})
    assert (done.status_code, client.get(f"{API}/me").status_code) == (204, 401)
    with hub.client() as back:
        hub.sign_in(back, owner.name, PASSWORD)
        back.headers["X-CSRFToken"] = hub.token(back, "/account")
        assert back.get(f"{API}/account").json()["delete_after"] is not None
        assert back.delete(f"{API}/account/deletion").json()["delete_after"] is None
    assert client.get(f"{API}/me").status_code == 200


def test_the_operator_chooses_who_signs_up(owner: Person) -> None:
    from fieldstation.hub.accounts import choices

    client = owner.program()
    assert client.get(f"{API}/operator").status_code == 404
    type(owner.user).objects.filter(username=owner.name).update(is_operator=True)
    before = client.get(f"{API}/operator").json()["sign_up"]
    try:
        answer = client.patch(f"{API}/operator", json={"sign_up": "invited"})
        assert answer.json()["sign_up"] == choices.sign_up() == "invited"
    finally:
        choices.choose_sign_up(before)
    assert client.patch(f"{API}/operator", json={"sign_up": "x"}).status_code == 400
    people = client.get(f"{API}/operator/people").json()["people"]
    assert owner.name in {row["name"] for row in people}
    sent = client.post(f"{API}/operator/mail").json()
    assert sent == {"sent_to": f"{owner.name}@example.org"}
    type(owner.user).objects.filter(username=owner.name).update(is_operator=False)
