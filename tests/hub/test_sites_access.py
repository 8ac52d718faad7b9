"""Who sees and changes the gateways of a site, over HTTP against the running hub."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

NewPerson = Callable[..., httpx.Client]
PAGES = ("/gateways/{0}", "/gateways/{0}/key", "/instruments/{0}/inverter")
QUESTIONS = (
    "/gateways/{0}",
    "/gateways/{0}/holes",
    "/gateways/{0}/calendar",
    "/gateways/{0}/events",
    "/instruments/{0}/inverter",
    "/instruments/{0}/inverter/latest",
    "/instruments/{0}/inverter/readings",
    "/instruments/{0}/inverter/buckets?channels=battery_voltage",
    "/instruments/{0}/inverter/states?channels=mode",
    "/instruments/{0}/inverter/holes",
    "/instruments/{0}/inverter/export.csv",
)
ACTS = ("pin", "revoke", "restore", "remove")


@pytest.fixture
def farm(hub: Any) -> Any:
    """A second site."""
    from fieldstation.hub.sites.models import Site

    slug = f"farm-{secrets.token_hex(4)}"
    return Site.objects.create(name=f"Farm {slug}", slug=slug)


@pytest.fixture
def barn(farm: Any, station: Any) -> Any:
    """A station of the second site that has sent something."""
    from fieldstation.hub.stations.models import Gateway

    Gateway.objects.filter(slug=station.slug).update(site=farm)
    station.send()
    return station


def act(hub: Any, client: httpx.Client, slug: str, what: str) -> httpx.Response:
    form = {"csrfmiddlewaretoken": hub.token(client, "/")}
    return client.post(f"/gateways/{slug}/{what}", data=form)


@pytest.mark.parametrize("role", ["viewer", "editor", "owner"])
def test_members_see_the_gateways_of_their_site(
    new_person: NewPerson, farm: Any, barn: Any, role: str
) -> None:
    client = new_person(role, farm.slug)
    paths = [*PAGES, *(f"/api/v1{path}" for path in QUESTIONS)]
    answers = [client.get(path.format(barn.slug)) for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    assert barn.name in client.get("/gateways").text
    assert barn.slug in client.get("/api/v1/instruments").text


def test_for_everybody_else_they_do_not_exist(
    person: httpx.Client, new_person: NewPerson, barn: Any
) -> None:
    for client in (person, new_person()):
        for path in (*PAGES, *(f"/api/v1{path}" for path in QUESTIONS)):
            assert client.get(path.format(barn.slug)).status_code == 404, path
        for path in ("/", "/gateways", "/api/v1/gateways", "/api/v1/instruments"):
            assert barn.slug not in client.get(path).text


def test_a_foreign_gateway_reads_like_none_at_all(person: httpx.Client, barn: Any) -> None:
    heads = []
    for slug in (barn.slug, "nothing-like-this"):
        answer = person.get(f"/api/v1/gateways/{slug}")
        # The hint that follows names what is the person's own.
        head, _, hint = answer.json()["detail"].partition(". ")
        assert barn.slug not in hint
        heads.append((answer.status_code, head.replace(slug, "")))
    assert heads[0] == heads[1]


@pytest.mark.parametrize("what", ACTS)
def test_nobody_acts_on_a_foreign_gateway(
    hub: Any, person: httpx.Client, barn: Any, what: str
) -> None:
    assert act(hub, person, barn.slug, what).status_code == 404
    assert barn.post(barn.batch()).status_code == 200


@pytest.mark.parametrize("what", ACTS)
def test_a_viewer_looks_and_touches_nothing(
    hub: Any, new_person: NewPerson, farm: Any, barn: Any, what: str
) -> None:
    viewer = new_person("viewer", farm.slug)
    assert act(hub, viewer, barn.slug, what).status_code == 403
    assert barn.post(barn.batch()).status_code == 200
    assert "Revoke" not in viewer.get(f"/gateways/{barn.slug}").text


def test_an_editor_adds_rotates_and_revokes(
    hub: Any, new_person: NewPerson, farm: Any, barn: Any
) -> None:
    from fieldstation.hub.sites.models import AuditEntry

    editor = new_person("editor", farm.slug)
    name = f"shed-{secrets.token_hex(4)}"
    form = {"name": name, "csrfmiddlewaretoken": hub.token(editor, "/add-gateway")}
    assert editor.post("/add-gateway", data=form).status_code == 200
    assert act(hub, editor, name, "pin").status_code == 200
    assert act(hub, editor, name, "remove").status_code == 302
    assert act(hub, editor, barn.slug, "revoke").status_code == 302
    assert barn.post(barn.batch()).status_code == 401
    assert act(hub, editor, barn.slug, "restore").status_code == 302
    noted = AuditEntry.objects.filter(site=farm).order_by("id").values_list("what", "thing", "who")
    who = editor.headers["X-Name"]
    assert list(noted) == [
        ("gateway.added", name, who),
        ("gateway.pin-made", name, who),
        ("gateway.removed", name, who),
        ("gateway.revoked", barn.name, who),
        ("gateway.restored", barn.name, who),
    ]


def test_a_new_gateway_goes_to_the_site_that_was_chosen(
    hub: Any, new_person: NewPerson, farm: Any
) -> None:
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.sites import people
    from fieldstation.hub.sites.models import Role
    from fieldstation.hub.stations.models import Gateway

    editor = new_person("editor", "home")
    people.join(User.objects.get(username=editor.headers["X-Name"]), farm, Role.EDITOR)
    name = f"shed-{secrets.token_hex(4)}"
    form = {"name": name, "csrfmiddlewaretoken": hub.token(editor, "/add-gateway")}
    unsaid = editor.post("/add-gateway", data=form)
    assert (unsaid.status_code, "Choose the site" in unsaid.text) == (400, True)
    assert editor.post("/add-gateway", data=form | {"site": farm.slug}).status_code == 200
    assert Gateway.objects.get(name=name).site == farm


def test_nobody_adds_gateways_to_a_foreign_site_or_as_a_viewer(
    hub: Any, person: httpx.Client, new_person: NewPerson, farm: Any
) -> None:
    form = {"name": "intruder", "site": farm.slug}
    token = {"csrfmiddlewaretoken": hub.token(person, "/add-gateway")}
    assert person.post("/add-gateway", data=form | token).status_code == 404
    viewer = new_person("viewer", farm.slug)
    token = {"csrfmiddlewaretoken": hub.token(viewer, "/")}
    assert viewer.post("/add-gateway", data=form | token).status_code == 403


def test_hidden_gateways_have_instruments_but_no_page_and_no_key(
    hub: Any, new_person: NewPerson, farm: Any, barn: Any
) -> None:
    from fieldstation.hub.stations.models import Gateway

    Gateway.objects.filter(slug=barn.slug).update(hidden=True)
    owner = new_person("owner", farm.slug)
    assert owner.get(f"/instruments/{barn.slug}/inverter").status_code == 200
    assert owner.get(f"/gateways/{barn.slug}").status_code == 404
    assert act(hub, owner, barn.slug, "pin").status_code == 404
    assert f'data-gateway="{barn.slug}"' not in owner.get("/gateways").text
    assert owner.get("/api/v1/gateways").json()["gateways"] == []


def test_the_operator_sees_every_site(hub: Any, new_person: NewPerson, barn: Any) -> None:
    from fieldstation.hub.accounts.models import User

    operator = new_person()
    User.objects.filter(username=operator.headers["X-Name"]).update(is_operator=True)
    assert operator.get(f"/gateways/{barn.slug}").status_code == 200
    assert operator.get(f"/instruments/{barn.slug}/inverter").status_code == 200
