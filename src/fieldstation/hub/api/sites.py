"""The API's routes of sites: all of mine, their people, invitations, and what was done there.

Changing who may do what takes a session or a token of scope `manage`
(test_a_token_to_write_manages_nobody).
"""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, Router

from fieldstation.errors import NotFound
from fieldstation.hub.accounts.models import User
from fieldstation.hub.api import lists
from fieldstation.hub.api import sites_shapes as shapes
from fieldstation.hub.api.arrays import moment
from fieldstation.hub.api.principal import manager, person
from fieldstation.hub.api.versions import answer
from fieldstation.hub.sites import access, acts, invitations
from fieldstation.hub.sites.models import AuditEntry, Invitation, Membership, Role, Site
from fieldstation.hub.sites.people import role_of

router = Router(tags=["sites"])

ONE = "/sites/{site}"
Number = Annotated[int, Field(ge=0, lt=2**63)]


@router.get("/sites", response=shapes.SiteList, summary="All sites")
def sites(request: HttpRequest, limit: lists.Limit = lists.USUAL, cursor: str = "") -> HttpResponse:
    """The person's sites, by name."""
    user = person(request)
    rows, after = lists.page(access.sites(user), ["name", "slug"], limit, cursor)
    roles = dict(Membership.objects.filter(user=user).values_list("site_id", "role"))
    return answer({"sites": [_facts(row, roles.get(row.pk)) for row in rows], "next": after})


@router.post("/sites", response=shapes.SiteFacts, summary="Make a site")
def make(request: HttpRequest, wanted: shapes.NewSite) -> HttpResponse:
    """A new site, which the person owns."""
    user = person(request)
    return answer(_facts(acts.found(user, wanted.name, wanted.time_zone), Role.OWNER))


@router.get(ONE, response=shapes.SiteFacts, summary="One site")
def one_site(request: HttpRequest, site: str) -> HttpResponse:
    """Name, time zone and the person's role."""
    user = person(request)
    return answer(_of(access.site_named(user, site), user))


@router.patch(ONE, response=shapes.SiteFacts, summary="Change a site")
def change(request: HttpRequest, site: str, wanted: shapes.SiteChange) -> HttpResponse:
    """Another name or time zone; the name in addresses stays. Takes the role owner."""
    user = person(request)
    found = access.site_named(user, site, Role.OWNER)
    acts.change(user, found, name=wanted.name, zone=wanted.time_zone)
    return answer(_of(found, user))


@router.post(ONE + "/leave", response={204: None}, summary="Leave a site")
def leave(request: HttpRequest, site: str) -> HttpResponse:
    """The person is no member any more; the last owner stays."""
    user = manager(request)
    acts.leave(user, access.site_named(user, site))
    return HttpResponse(status=204)


@router.get(ONE + "/members", response=shapes.MemberList, summary="The members of a site")
def members(
    request: HttpRequest, site: str, limit: lists.Limit = lists.USUAL, cursor: str = ""
) -> HttpResponse:
    """Who belongs to the site, in the order of joining."""
    found = access.site_named(person(request), site).memberships.select_related("user")
    rows, after = lists.page(found, ["pk"], limit, cursor)
    return answer({"members": [_member(row) for row in rows], "next": after})


@router.patch(ONE + "/members/{member}", response=shapes.MemberFacts, summary="Change a role")
def set_role(
    request: HttpRequest, site: str, member: Number, wanted: shapes.NewRole
) -> HttpResponse:
    """Another role for a member; making somebody an owner is how a site is handed over."""
    user = manager(request)
    found = access.site_named(user, site, Role.OWNER)
    return answer(_member(acts.set_role(user, found, member, role_of(wanted.role))))


@router.delete(ONE + "/members/{member}", response={204: None}, summary="Remove a member")
def remove(request: HttpRequest, site: str, member: Number) -> HttpResponse:
    """A member is none any more; the last owner stays."""
    user = manager(request)
    acts.remove(user, access.site_named(user, site, Role.OWNER), member)
    return HttpResponse(status=204)


@router.get(ONE + "/invitations", response=shapes.InvitationList, summary="Open invitations")
def invitation_list(
    request: HttpRequest, site: str, limit: lists.Limit = lists.USUAL, cursor: str = ""
) -> HttpResponse:
    """The invitations that can still be followed. Takes the role owner."""
    found = acts.open_invitations(access.site_named(person(request), site, Role.OWNER))
    rows, after = lists.page(found, ["pk"], limit, cursor)
    return answer({"invitations": [_invitation(row) for row in rows], "next": after})


@router.post(ONE + "/invitations", response=shapes.InvitationMade, summary="Invite somebody")
def invite(request: HttpRequest, site: str, wanted: shapes.NewInvitation) -> HttpResponse:
    """A link that makes whoever follows it a member, good once and for two weeks."""
    user = manager(request)
    found = access.site_named(user, site, Role.OWNER)
    secret, _posted = acts.invite(user, found, role_of(wanted.role), wanted.email)
    made = invitations.valid(secret)
    if made is None:
        raise NotFound(_("Somebody has withdrawn the invitation already; make another one."))
    link = request.build_absolute_uri(reverse("join", args=[secret]))
    return answer(_invitation(made) | {"link": link})


@router.delete(
    ONE + "/invitations/{invitation}", response={204: None}, summary="Withdraw an invitation"
)
def withdraw(request: HttpRequest, site: str, invitation: Number) -> HttpResponse:
    """Nobody can follow it any more."""
    user = manager(request)
    acts.withdraw(user, access.site_named(user, site, Role.OWNER), invitation)
    return HttpResponse(status=204)


@router.post("/invitations/accept", response=shapes.SiteFacts, summary="Follow an invitation")
def accept(request: HttpRequest, wanted: shapes.Accepted) -> HttpResponse:
    """Become a member of the site that the link belongs to."""
    user = manager(request)
    return answer(_of(invitations.accept(user, wanted.link.strip().rpartition("/")[2]), user))


@router.get(ONE + "/log", response=shapes.AuditList, summary="What was done at a site")
def log(
    request: HttpRequest,
    site: str,
    who: str = "",
    what: str = "",
    limit: lists.Limit = 200,
    cursor: str = "",
) -> HttpResponse:
    """Acts, newest first, whose person and kind hold these words. Takes the role owner."""
    found = AuditEntry.objects.filter(
        site=access.site_named(person(request), site, Role.OWNER),
        who__icontains=who[:64],
        what__icontains=what[:64],
    )
    rows, after = lists.page(found, ["-pk"], limit, cursor)
    return answer({"log": [_entry(row) for row in rows], "next": after})


def _of(one: Site, user: User) -> dict[str, Any]:
    member = Membership.objects.filter(site=one, user=user).first()
    return _facts(one, member.role if member else None)


def _facts(one: Site, role: int | None) -> dict[str, Any]:
    return {
        "site": one.slug,
        "name": one.name,
        "time_zone": one.time_zone,
        "role": None if role is None else _role(role),
        "created": moment(one.created),
    }


def _member(row: Membership) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.user.username,
        "role": _role(row.role),
        "since": moment(row.since),
    }


def _invitation(row: Invitation) -> dict[str, Any]:
    return {
        "id": row.pk,
        "role": _role(row.role),
        "email": row.email,
        "mail": row.Mail.FAILED if row.mail_lost else row.mail,
        "valid_until": moment(row.valid_until),
    }


def _entry(row: AuditEntry) -> dict[str, Any]:
    return {
        "at": moment(row.at),
        "who": row.who,
        "what": row.what,
        "thing": row.thing,
        "detail": row.detail,
    }


def _role(role: int) -> str:
    return Role(role).name.lower()
