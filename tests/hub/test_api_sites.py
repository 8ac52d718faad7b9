"""Sites, their people and their gateways by the API."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from .apiworld import Person, settled
from .conftest import BATCH_TYPE

API = "/api/v1"


@pytest.fixture
def owner(hub: Any, station: Any) -> Iterator[Person]:
    with settled(hub, station) as person:
        yield person


@pytest.fixture
def client(owner: Person) -> httpx.Client:
    return owner.program()


def test_a_site_is_made_and_changed_by_its_owner(client: httpx.Client) -> None:
    name = f"Hill {secrets.token_hex(4)}"
    made = client.post(f"{API}/sites", json={"name": name}).json()
    assert (made["name"], made["time_zone"], made["role"]) == (name, "UTC", "owner")
    at = f"{API}/sites/{made['site']}"
    changed = client.patch(at, json={"time_zone": "Asia/Tokyo"}).json()
    assert (changed["name"], changed["time_zone"]) == (name, "Asia/Tokyo")
    assert client.get(at).json() == changed
    wrong = client.patch(at, json={"time_zone": "Mars/Olympus"})
    assert (wrong.status_code, client.get(at).json()) == (400, changed)
    log = client.get(f"{at}/log", params={"what": "site."}).json()["log"]
    assert [row["what"] for row in log] == ["site.changed", "site.made"]


def test_an_invitation_is_followed_once(
    client: httpx.Client, owner: Person, new_person: Callable[..., httpx.Client], hub: Any
) -> None:
    at = f"{API}/sites/{owner.site}"
    made = client.post(f"{at}/invitations", json={"role": "viewer"}).json()
    assert made["link"].startswith(f"{hub.url}/join/")
    listed = client.get(f"{at}/invitations").json()["invitations"]
    assert [row["id"] for row in listed] == [made["id"]]
    assert "link" not in listed[0]
    guest = new_person()
    guest.headers["X-CSRFToken"] = hub.token(guest, "/account")
    joined = guest.post(f"{API}/invitations/accept", json={"link": made["link"]})
    assert (joined.json()["site"], joined.json()["role"]) == (owner.site, "viewer")
    again = guest.post(f"{API}/invitations/accept", json={"link": made["link"]})
    assert (again.status_code, again.json()["code"]) == (404, "not-found")
    members = {row["name"]: row for row in client.get(f"{at}/members").json()["members"]}
    assert set(members) == {owner.name, guest.headers["X-Name"]}
    number = members[guest.headers["X-Name"]]["id"]
    raised = client.patch(f"{at}/members/{number}", json={"role": "editor"})
    assert raised.json()["role"] == "editor"
    assert client.delete(f"{at}/members/{number}").status_code == 204
    assert guest.get(at).status_code == 404


def test_a_withdrawn_invitation_opens_nothing(client: httpx.Client, owner: Person) -> None:
    at = f"{API}/sites/{owner.site}/invitations"
    made = client.post(at, json={"role": "viewer"}).json()
    assert client.delete(f"{at}/{made['id']}").status_code == 204
    assert client.delete(f"{at}/{made['id']}").status_code == 404
    assert client.get(at).json()["invitations"] == []
    assert client.post(at, json={"role": "king"}).status_code == 400


def test_the_last_owner_stays(client: httpx.Client, owner: Person) -> None:
    at = f"{API}/sites/{owner.site}"
    assert client.post(f"{at}/leave").status_code == 400
    number = client.get(f"{at}/members").json()["members"][0]["id"]
    assert client.patch(f"{at}/members/{number}", json={"role": "viewer"}).status_code == 400
    assert client.delete(f"{at}/members/{number}").status_code == 400
    assert client.get(at).json()["role"] == "owner"


def test_a_gateway_is_added_keyed_renamed_revoked_and_let_in_again(
    client: httpx.Client, owner: Person, anyone: httpx.Client
) -> None:
    name = f"Barn {secrets.token_hex(4)}"
    made = client.post(f"{API}/gateways", json={"name": name}).json()
    at = f"{API}/gateways/{made['gateway']}"
    assert client.get(at).json()["keyed"] is None
    key = anyone.post(f"{API}/register", json={"pin": made["pin"], "device": "pi"}).json()["key"]
    facts = client.get(at).json()
    assert (facts["site"], facts["device"], facts["keyed"] is None) == (owner.site, "pi", False)
    assert client.patch(at, json={"name": f"{name} 2"}).json()["name"] == f"{name} 2"
    assert client.delete(at).status_code == 400
    upload = {"Authorization": f"Bearer {key}", "Content-Type": BATCH_TYPE}
    assert client.post(f"{at}/revoke").json()["revoked"] is True
    assert anyone.post(f"{API}/ingest", headers=upload).status_code == 401
    back = client.post(f"{at}/restore").json()
    assert (back["revoked"], back["undo_until"]) == (False, None)
    assert anyone.post(f"{API}/ingest", headers=upload).status_code == 422
    pin = client.post(f"{at}/pin").json()
    assert (len(pin["pin"]), pin["gateway"]) == (8, made["gateway"])


def test_a_gateway_without_a_key_can_be_removed(client: httpx.Client, owner: Person) -> None:
    made = client.post(f"{API}/gateways", json={"name": f"Shed {owner.site}"}).json()
    at = f"{API}/gateways/{made['gateway']}"
    assert client.delete(at).status_code == 204
    assert client.get(at).status_code == 404


def test_a_gateway_moves_with_its_instruments(client: httpx.Client, owner: Person) -> None:
    owner.station.send()
    made = client.post(f"{API}/sites", json={"name": f"New {owner.site}"}).json()
    at = f"{API}/gateways/{owner.station.slug}"
    assert client.patch(at, json={"site": "nowhere"}).status_code == 404
    assert client.patch(at, json={"site": made["site"]}).json()["site"] == made["site"]
    assert client.get(f"{API}/instruments/{owner.station.slug}/inverter").status_code == 200
    for site, what in ((owner.site, "gateway.moved-away"), (made["site"], "gateway.changed")):
        log = client.get(f"{API}/sites/{site}/log", params={"what": what}).json()["log"]
        assert [row["thing"] for row in log] == [owner.station.name]


def test_where_there_are_several_sites_one_has_to_be_named(
    client: httpx.Client, owner: Person
) -> None:
    client.post(f"{API}/sites", json={"name": f"Other {owner.site}"})
    asked = client.post(f"{API}/gateways", json={"name": f"x {owner.site}"})
    assert (asked.status_code, "several" in asked.json()["detail"]) == (400, True)


def test_a_sensor_is_opened_and_closed_for_everybody(
    client: httpx.Client, owner: Person, anyone: httpx.Client
) -> None:
    made = client.post(f"{API}/sensors", json={"name": "light"}).json()
    rows = f"/sensors/get-data-by-sensor-id/{made['id']}"
    assert (made["public"], anyone.get(rows).status_code) == (False, 302)
    at = f"{API}/sensors/{made['id']}"
    assert client.patch(at, json={"public": True}).json()["public"] is True
    assert anyone.get(rows).status_code == 200
    assert client.patch(at, json={"public": False}).json()["public"] is False
    assert anyone.get(rows).status_code == 302
