"""Pages of sensors: registering, the token that is shown once, settings, deletion and its undo."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

HOSTILE = "<b>\"'&amp;</script>\u202e"


@pytest.fixture
def site(name: str) -> Any:
    """The only site where the person may add sensors."""
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.sites.models import Membership, Role, Site

    user = User.objects.get(username=name)
    Membership.objects.filter(user=user).delete()
    User.objects.filter(pk=user.pk).update(is_operator=False)
    unique = f"farm-{secrets.token_hex(4)}"
    made = Site.objects.create(name=unique, slug=unique)
    Membership.objects.create(site=made, user=user, role=Role.EDITOR)
    return made


@pytest.fixture
def stranger(hub: Any) -> Iterator[httpx.Client]:
    """Somebody who is signed in and belongs to no site."""
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.accounts.signup import create_account
    from fieldstation.hub.sites.models import Membership

    unique = f"user-{secrets.token_hex(4)}"
    create_account(unique, "a long way to the sea", f"{unique}@example.org")
    Membership.objects.filter(user__username=unique).delete()
    User.objects.filter(username=unique).update(is_operator=False)
    with hub.client() as client:
        assert hub.sign_in(client, unique, "a long way to the sea").status_code == 302
        yield client


def form(hub: Any, client: httpx.Client, page: str, path: str, **fields: str) -> httpx.Response:
    return client.post(path, data={"csrfmiddlewaretoken": hub.token(client, page)} | fields)


@pytest.fixture
def registered(hub: Any, person: httpx.Client, site: Any) -> tuple[int, str]:
    """A new sensor's number and token, made through the form."""
    page = form(
        hub, person, "/sensors/register", "/sensors/register",
        name="VEML7700", units="lux: lx", kind="light", protocol="I2C",
    )  # fmt: skip
    assert page.status_code == 200, page.text
    token = re.search(r'<code id="token">(fsn_[\w-]+)</code>', page.text)
    number = re.search(r'data-page="/sensors/(\d+)"', page.text)
    assert token
    assert number
    assert page.text.count(token[1]) == 5  # the token itself and four programs
    return int(number[1]), token[1]


def test_a_token_is_shown_once_and_posts(person: httpx.Client, registered: tuple[int, str]) -> None:
    number, token = registered
    assert token not in person.get(f"/sensors/{number}").text
    assert "Waiting for the first post" in person.get(f"/sensors/{number}").text
    answer = person.post(
        f"/api/v1/sensors/{number}/readings",
        json={"lux": 912.5},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200
    page = person.get(f"/sensors/{number}").text
    assert "912.5" in page
    assert "Waiting" not in page
    assert "912.5" in person.get("/sensors").text


def test_the_page_shows_hostile_words_as_words(
    hub: Any, person: httpx.Client, registered: tuple[int, str]
) -> None:
    number, token = registered
    headers = {"Authorization": f"Bearer {token}"}
    document = {HOSTILE: HOSTILE, "n": 1}
    person.post(f"/api/v1/sensors/{number}/readings", json=document, headers=headers)
    page = f"/sensors/{number}"
    form(
        hub, person, page, f"{page}/settings", name="<i>x", description="<script>alert(1)</script>"
    )
    for path in (page, "/sensors"):
        text = person.get(path).text
        assert "<script>alert" not in text
        assert "<i>x" not in text
        assert "<b>" not in text


def test_settings_are_kept_and_faults_told(
    hub: Any, person: httpx.Client, registered: tuple[int, str]
) -> None:
    from fieldstation.hub.sensors.models import Sensor

    number, _ = registered
    page = f"/sensors/{number}"
    answer = form(
        hub, person, page, f"{page}/settings", name="Lux", legacy="on", networks="10.1.2.3/16"
    )
    assert answer.status_code == 302
    one = Sensor.objects.get(pk=number)
    assert (one.name, one.legacy_posts, one.legacy_networks) == ("Lux", True, "10.1.0.0/16")
    answer = form(hub, person, page, f"{page}/settings", name="Lux", networks="nonsense")
    assert answer.status_code == 400
    assert "192.168.1.0/24" in answer.text


def test_deleting_and_bringing_back_by_the_forms(
    hub: Any, person: httpx.Client, registered: tuple[int, str]
) -> None:
    from fieldstation.hub.sensors.models import Erasure

    number, token = registered
    headers = {"Authorization": f"Bearer {token}"}
    posted = {"time": 1_767_225_600, "lux": 55.25}
    person.post(f"/api/v1/sensors/{number}/readings", json=posted, headers=headers)
    page = f"/sensors/{number}"
    span = {"start": "2026-01-01T00:00:00", "end": "2026-01-01T00:00:01"}
    assert form(hub, person, page, f"{page}/spans", **span).status_code == 302
    assert "55.25" not in person.get(page).text
    made = Erasure.objects.get(sensor=number)
    assert form(hub, person, page, f"{page}/spans/{made.pk}/restore").status_code == 302
    assert "55.25" in person.get(page).text
    assert form(hub, person, page, f"{page}/spans", start="x", end="y").status_code == 400
    assert form(hub, person, page, f"{page}/delete").status_code == 302
    assert person.get(page).status_code == 404
    assert form(hub, person, "/sensors", f"{page}/restore").status_code == 302
    assert "55.25" in person.get(page).text


def test_a_stranger_finds_none_of_it(
    hub: Any, stranger: httpx.Client, registered: tuple[int, str]
) -> None:
    number, _ = registered
    page = f"/sensors/{number}"
    assert stranger.get(page).status_code == 404
    for act in ("token", "revoke", "settings", "delete", "restore", "spans", "spans/1/restore"):
        assert form(hub, stranger, "/sensors", f"{page}/{act}").status_code == 404, act
    for path in ("", "/latest", "/documents", "/spans"):
        assert stranger.get(f"/api/v1/sensors/{number}{path}").status_code == 404
    assert stranger.get("/api/v1/sensors").json()["sensors"] == []


def test_a_viewer_may_look_and_not_touch(
    hub: Any, person: httpx.Client, registered: tuple[int, str], site: Any
) -> None:
    from fieldstation.hub.sites.models import Membership, Role

    number, _ = registered
    Membership.objects.filter(site=site).update(role=Role.VIEWER)
    page = f"/sensors/{number}"
    assert "Make a new token" not in person.get(page).text
    for act in ("token", "revoke", "settings", "delete", "spans"):
        assert form(hub, person, page, f"{page}/{act}").status_code == 403, act


def test_the_api_does_what_the_pages_do(hub: Any, person: httpx.Client, site: Any) -> None:
    headers = {"X-CSRFToken": hub.token(person, "/sensors")}
    made = person.post("/api/v1/sensors", json={"name": "api"}, headers=headers)
    assert made.status_code == 200, made.text
    one = f"/api/v1/sensors/{made.json()['id']}"
    post = {"Authorization": f"Bearer {made.json()['token']}"}
    with hub.client() as device:
        posted = {"time": 1_767_225_600, "n": 1}
        assert device.post(f"{one}/readings", json=posted, headers=post).status_code == 200
    changed = person.patch(one, json={"legacy_posts": True}, headers=headers).json()
    assert (changed["legacy_posts"], changed["name"]) == (True, "api")
    span = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    deleted = person.post(f"{one}/spans", json=span, headers=headers).json()
    assert person.get(f"{one}/latest").status_code == 204
    left = person.delete(f"{one}/spans/{deleted['id']}", headers=headers).json()
    assert left == {"spans": []}
    assert person.get(f"{one}/latest").json()["document"]["n"] == 1
    renewed = person.post(f"{one}/token", headers=headers).json()["token"]
    assert renewed != made.json()["token"]
    assert person.delete(f"{one}/token", headers=headers).json()["token_made"] is None
    assert person.delete(one, headers=headers).json()["undo_until"] is not None
    assert [
        each["id"] for each in person.get("/api/v1/sensors?deleted=true").json()["sensors"]
    ] == [made.json()["id"]]
    assert person.post(f"{one}/restore", headers=headers).json()["deleted"] is None
    assert person.post("/api/v1/sensors", json={"name": "api"}, headers=headers).status_code == 400


def test_the_api_changes_nothing_for_a_foreign_page(person: httpx.Client, site: Any) -> None:
    assert person.post("/api/v1/sensors", json={"name": "forged"}).status_code == 403
    assert person.get("/api/v1/sensors").json()["sensors"] == []
