"""The operator's tables over HTTP: who sees them, what they show, what a change leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

BASE = "/operator/admin/"
LISTS = ("accounts/user/", "sites/site/", "sites/membership/", "stations/gateway/",
         "sites/auditentry/")  # fmt: skip
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)")


@pytest.fixture
def operator(person: httpx.Client, name: str) -> Iterator[httpx.Client]:
    """A client signed in as an operator."""
    from fieldstation.hub.accounts.models import User

    account = User.objects.filter(username=name)
    account.update(is_operator=True)
    yield person
    account.update(is_operator=False)


def row(name: str) -> Any:
    from fieldstation.hub.accounts.models import User

    return User.objects.get(username=name)


def change(hub: Any, client: httpx.Client, path: str, **form: str) -> httpx.Response:
    token = hub.token(client, BASE + path)
    return client.post(BASE + path, data=form | {"csrfmiddlewaretoken": token})


@pytest.mark.parametrize("path", ["", *LISTS, "login/", "jsi18n/", "no-such-table/"])
def test_the_tables_are_for_the_operator(person: httpx.Client, hub: Any, path: str) -> None:
    assert person.get(BASE + path).status_code == 404
    with hub.client() as stranger:
        asked = stranger.get(BASE + path)
    if path != "login/":
        assert asked.headers["location"].startswith("/login?next=")


def test_every_table_opens_and_nothing_on_it_is_inline(
    operator: httpx.Client, station: Any
) -> None:
    from fieldstation.hub.sites import audit

    station.send()
    audit.note(None, "<script>alert(1)</script>", "a thing")
    found = [operator.get(BASE + path) for path in ("", *LISTS)]
    for page in list(found[1:]):
        link = re.search(r'href="(/operator/admin/\w+/\w+/[^"?]+/change/)"', page.text)
        assert link, page.url
        found.append(operator.get(link[1]))
    for page in found:
        assert page.status_code == 200
        assert not INLINE.search(page.text), page.url
        assert "script-src 'self'" in page.headers["content-security-policy"]
        for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
            assert operator.get(address).status_code == 200, address


def test_the_tables_show_no_secrets(operator: httpx.Client, name: str, station: Any) -> None:
    from fieldstation.hub.stations.models import Gateway

    gateway = Gateway.objects.get(slug=station.slug)
    account = operator.get(f"{BASE}accounts/user/{row(name).pk}/change/").text
    keyed = operator.get(f"{BASE}stations/gateway/{gateway.pk}/change/").text
    assert (name in account, gateway.name in keyed) == (True, True)
    for secret in (row(name).password, "argon2", operator.cookies["session"]):
        assert secret not in account
    assert bytes(gateway.key_hash or b"").hex() not in keyed
    assert "key_hash" not in keyed


def test_a_change_in_the_tables_is_in_the_log(
    hub: Any, operator: httpx.Client, new_person: Any
) -> None:
    from fieldstation.hub.sites.models import AuditEntry

    other = new_person("viewer")
    who = other.headers["X-Name"]
    path = f"accounts/user/{row(who).pk}/change/"
    assert change(hub, operator, path, is_active="on").status_code == 302
    assert not AuditEntry.objects.filter(thing=who, what="user.changed").exists()
    assert change(hub, operator, path).status_code == 302
    assert other.get("/account").status_code == 302
    assert row(who).signed_in.count() == 0
    noted = AuditEntry.objects.get(thing=who, what="user.changed")
    assert noted.detail == "is_active: False"
    assert who in operator.get(f"{BASE}sites/auditentry/?q=user.changed").text


def test_nothing_is_made_or_deleted_in_the_tables(
    hub: Any, operator: httpx.Client, name: str
) -> None:
    form = {"csrfmiddlewaretoken": hub.token(operator, BASE + "sites/site/")}
    for path in LISTS:
        assert operator.post(f"{BASE}{path}add/", data=form).status_code == 403
    deleted = operator.post(f"{BASE}accounts/user/{row(name).pk}/delete/", data=form)
    assert deleted.status_code == 403
    form |= {"username": "renamed", "is_active": "on", "is_operator": "on", "password": "x"}
    operator.post(f"{BASE}accounts/user/{row(name).pk}/change/", data=form)
    assert row(name).password != "x"


def test_the_hub_keeps_an_operator(hub: Any, operator: httpx.Client, name: str) -> None:
    from fieldstation.hub.accounts.models import User

    User.objects.exclude(username=name).update(is_operator=False)
    path = f"accounts/user/{row(name).pk}/change/"
    for form in ({"is_active": "on"}, {"is_operator": "on"}):
        refused = change(hub, operator, path, **form)
        assert (refused.status_code, "the only operator" in refused.text) == (200, True)
    assert (row(name).is_operator, row(name).is_active) == (True, True)


def test_a_site_keeps_an_owner_in_the_tables_too(
    hub: Any, operator: httpx.Client, new_person: Any
) -> None:
    from fieldstation.hub.sites.models import Membership, Role, Site

    site = Site.objects.create(name="Barn", slug=f"barn-{row(operator_name(operator)).pk}")
    owner = row(new_person("owner", site.slug).headers["X-Name"])
    member = Membership.objects.get(user=owner, site=site)
    path = f"sites/membership/{member.pk}/change/"
    refused = change(hub, operator, path, role="1")
    assert (refused.status_code, "keeps an owner" in refused.text) == (200, True)
    new_person("owner", site.slug)
    assert change(hub, operator, path, role="1").status_code == 302
    member.refresh_from_db()
    assert member.role == Role.VIEWER


def test_a_moved_gateway_changes_who_sees_it(
    hub: Any, operator: httpx.Client, new_person: Any, station: Any
) -> None:
    from fieldstation.hub.sites.models import Site
    from fieldstation.hub.stations.models import Gateway

    site = Site.objects.create(name="Mill", slug=f"mill-{station.slug}")
    before, after = new_person("viewer"), new_person("viewer", site.slug)
    page = f"/gateways/{station.slug}"
    assert [one.get(page).status_code for one in (before, after)] == [200, 404]
    gateway = Gateway.objects.get(slug=station.slug)
    path = f"stations/gateway/{gateway.pk}/change/"
    assert change(hub, operator, path, site=str(site.pk)).status_code == 302
    assert [one.get(page).status_code for one in (before, after)] == [404, 200]


def operator_name(client: httpx.Client) -> str:
    found = re.search(r'class="who"[^>]*title="([^"]+)"', client.get("/account").text)
    assert found
    return found[1]
