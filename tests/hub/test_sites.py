"""Sites over HTTP: made, shared by invitation, handed over, left; and their log."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any

import httpx
import pytest


def post(hub: Any, client: httpx.Client, path: str, page: str = "/sites", **form: str) -> Any:
    return client.post(path, data=form | {"csrfmiddlewaretoken": hub.token(client, page)})


@pytest.fixture
def owner(new_person: Any) -> Any:
    return new_person()


@pytest.fixture
def orchard(hub: Any, owner: httpx.Client) -> str:
    """The address of a site that `owner` made."""
    form = {"name": f"Orchard {secrets.token_hex(4)}", "time_zone": "Europe/Dublin"}
    answer = post(hub, owner, "/sites", **form)
    assert answer.status_code == 302
    return str(answer.headers["location"])


def invited(hub: Any, owner: httpx.Client, orchard: str, role: str = "viewer", **more: str) -> str:
    page = post(hub, owner, f"{orchard}/invite", role=role, **more).text
    found = re.search(r'id="link">http://[^/]+(/join/[\w-]+)<', page)
    assert found, page
    return found[1]


def member(hub: Any, owner: httpx.Client, orchard: str, client: httpx.Client, role: str) -> int:
    from fieldstation.hub.sites.models import Membership

    assert post(hub, client, invited(hub, owner, orchard, role)).status_code == 302
    slug, name = orchard.rpartition("/")[2], client.headers["X-Name"]
    return Membership.objects.get(site__slug=slug, user__username=name).pk


def test_an_invitation_makes_a_member_once(
    hub: Any, owner: httpx.Client, orchard: str, new_person: Any
) -> None:
    friend, third = new_person(), new_person()
    assert friend.get(orchard).status_code == 404
    link = invited(hub, owner, orchard, "editor")
    assert "editor" in friend.get(link).text
    assert post(hub, friend, link).headers["location"] == orchard
    assert friend.get(orchard).status_code == 200
    assert post(hub, third, link).status_code == 410
    assert third.get(orchard).status_code == 404


def test_an_invitation_lets_a_stranger_sign_up_when_the_operator_allows(
    hub: Any, owner: httpx.Client, orchard: str
) -> None:
    from fieldstation.hub.accounts import choices

    link = invited(hub, owner, orchard, email="friend@example.org")
    secret = link.rpartition("/")[2]
    choices.choose_sign_up("invited")
    try:
        with hub.client() as stranger:
            assert stranger.get("/sign-up").status_code == 403
            page = f"/sign-up?invitation={secret}"
            form = {"name": f"new-{secret[:6]}", "password": "a long way to the sea"}
            answer = post(hub, stranger, "/sign-up", page, invitation=secret, **form)
            assert answer.headers["location"] == link
            assert post(hub, stranger, link, link).headers["location"] == orchard
            assert stranger.get(orchard).status_code == 200
    finally:
        choices.choose_sign_up("closed")


def test_an_old_or_withdrawn_invitation_is_over(
    hub: Any, owner: httpx.Client, orchard: str, new_person: Any
) -> None:
    from fieldstation.hub.sites.models import Invitation

    slug, friend = orchard.rpartition("/")[2], new_person()
    old, withdrawn = invited(hub, owner, orchard), invited(hub, owner, orchard)
    first, second = Invitation.objects.filter(site__slug=slug).order_by("id")
    first.valid_until -= timedelta(days=14)
    first.save()
    post(hub, owner, f"{orchard}/invitations/{second.pk}/withdraw")
    assert [friend.get(link).status_code for link in (old, withdrawn)] == [410, 410]


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_only_owners_invite_and_change(
    hub: Any, owner: httpx.Client, orchard: str, new_person: Any, role: str
) -> None:
    friend = new_person()
    own = member(hub, owner, orchard, friend, role)
    paths = ("change", "invite", f"members/{own}/role", f"members/{own}/remove")
    form = {"role": "owner", "name": "Mine", "time_zone": "UTC"}
    answers = [post(hub, friend, f"{orchard}/{path}", **form) for path in paths]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert friend.get(f"{orchard}/log").status_code == 403
    assert "Invite" not in friend.get(orchard).text


def test_an_owner_of_another_site_reaches_no_member_here(
    hub: Any, owner: httpx.Client, orchard: str, new_person: Any
) -> None:
    friend, stranger = new_person(), new_person()
    number = member(hub, owner, orchard, friend, "viewer")
    other = post(hub, stranger, "/sites", name="Elsewhere", time_zone="UTC").headers["location"]
    for path in (f"{orchard}/members/{number}/remove", f"{other}/members/{number}/remove"):
        assert post(hub, stranger, path).status_code == 404
    assert friend.get(orchard).status_code == 200


def test_a_site_keeps_an_owner(
    hub: Any, owner: httpx.Client, orchard: str, new_person: Any
) -> None:
    refused = post(hub, owner, f"{orchard}/leave")
    assert (refused.status_code, "keeps an owner" in refused.text) == (400, True)
    number = member(hub, owner, orchard, friend := new_person(), "viewer")
    assert post(hub, owner, f"{orchard}/members/{number}/role", role="owner").status_code == 302
    assert post(hub, owner, f"{orchard}/leave").status_code == 302
    assert owner.get(orchard).status_code == 404
    assert post(hub, friend, f"{orchard}/members/{number}/remove").status_code == 400


def test_name_and_time_zone_change_and_the_address_stays(
    hub: Any, owner: httpx.Client, orchard: str
) -> None:
    form = {"name": "Walled garden", "time_zone": "Australia/Lord_Howe"}
    assert post(hub, owner, f"{orchard}/change", **form).headers["location"] == orchard
    page = owner.get(orchard).text
    assert "Walled garden" in page
    assert "Australia/Lord_Howe" in page
    bad = post(hub, owner, f"{orchard}/change", name="x", time_zone="Mars/Base")
    assert bad.status_code == 400


def test_the_log_tells_who_did_what_and_can_be_searched(
    hub: Any, owner: httpx.Client, orchard: str, new_person: Any
) -> None:
    from fieldstation.hub.sites import audit
    from fieldstation.hub.sites.models import Site

    member(hub, owner, orchard, new_person(), "viewer")
    found = owner.get(f"{orchard}/log").text
    assert re.findall(r"<code>([\w.-]+)</code>", found) == [
        "member.joined", "invitation.made", "site.made",
    ]  # fmt: skip
    narrow = owner.get(f"{orchard}/log", params={"what": "invit", "who": owner.headers["X-Name"]})
    assert re.findall(r"<code>([\w.-]+)</code>", narrow.text) == ["invitation.made"]
    site = Site.objects.get(slug=orchard.rpartition("/")[2])
    for number in range(60):
        audit.note(None, "gateway.added", f"roof {number}", site=site)
    assert len(re.findall("<code>", owner.get(f"{orchard}/log?page=1").text)) == 50
    assert len(re.findall("<code>", owner.get(f"{orchard}/log?page=2").text)) == 13
