"""What is done at sites, for pages and API alike. Who may is asked before, by `access`.

A site keeps at least one owner: the last one hands it over before leaving
(test_a_site_keeps_an_owner).
"""

from __future__ import annotations

import zoneinfo

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.accounts.models import User
from fieldstation.hub.sites import access, audit, invitations, people
from fieldstation.hub.sites.models import Invitation, Membership, Role, Site

MOST_SITES = 50
LONGEST_NAME, LONGEST_ADDRESS = 80, 254


def found(user: User, name: str, zone: str) -> Site:
    """A new site, which the person owns. Raises BadRequest."""
    name, zone = checked_name(name), checked_zone(zone)
    if user.memberships.filter(role=Role.OWNER).count() >= MOST_SITES:
        raise BadRequest(_("You own as many sites as one account may."))
    base = slugify(name)[:50] or "site"
    with transaction.atomic():
        taken = set(Site.objects.filter(slug__startswith=base).values_list("slug", flat=True))
        numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
        slug = base if base not in taken else next(s for s in numbered if s not in taken)
        made = Site.objects.create(name=name, slug=slug, time_zone=zone)
        people.join(user, made, Role.OWNER)
        audit.note(user, "site.made", name, site=made)
    return made


def is_alone(user: User) -> bool:
    """Whether the person belongs to no site, so that what they add begins one of their own."""
    return not user.is_operator and not user.memberships.exists()


def own(user: User) -> Site:
    """A first site for somebody who is alone. Raises BadRequest."""
    return found(user, (_("Site of %s") % user.username)[:LONGEST_NAME], "UTC")


def place(user: User, slug: str) -> Site:
    """The site where the person adds something. An empty name is the only one where they may, and
    for somebody who is alone a new one. Raises NotFound, PermissionDenied, BadRequest.
    """
    if slug:
        return access.site_named(user, slug, Role.EDITOR)
    if is_alone(user):
        return own(user)
    places = list(access.sites(user, Role.EDITOR)[:2])
    if not places:
        raise PermissionDenied
    if len(places) > 1:
        raise BadRequest(_("Name the site; you may add things at several."))
    return places[0]


def change(user: User, site: Site, *, name: str | None = None, zone: str | None = None) -> None:
    """Another name or time zone; the address stays. Raises BadRequest."""
    site.name = checked_name(site.name if name is None else name)
    site.time_zone = checked_zone(site.time_zone if zone is None else zone)
    site.save(update_fields=["name", "time_zone"])
    audit.note(user, "site.changed", site.name, site=site, detail=site.time_zone)


def invite(user: User, site: Site, role: Role, email: str = "") -> tuple[str, bool]:
    """An invitation: the secret of its link, told here and never again, and whether a mail with it
    is on its way. Raises BadRequest.
    """
    email = email.strip()[:LONGEST_ADDRESS]
    try:
        if email:
            forms.EmailField().clean(email)
    except ValidationError as error:
        raise BadRequest(" ".join(error.messages)) from error
    secret = invitations.invite(user, site, role, email)
    return secret, bool(email) and invitations.post(secret)


def withdraw(user: User, site: Site, number: int) -> None:
    """Withdraw an invitation that nobody has followed. Raises NotFound."""
    found = site.invitations.filter(id=number, used_at=None).first() if number < 2**63 else None
    if found is None:
        raise NotFound(_("There is no such invitation, or it was followed."))
    audit.note(user, "invitation.withdrawn", found.email or "link", site=site)
    found.delete()


def open_invitations(site: Site) -> QuerySet[Invitation]:
    """Those that can still be followed, in the order of their making."""
    return site.invitations.filter(used_at=None, valid_until__gt=timezone.now()).order_by("id")


def set_role(user: User, site: Site, number: int, role: Role) -> Membership:
    """Another role for a member; making somebody an owner is how a site is handed over. Raises
    NotFound, BadRequest.
    """
    with transaction.atomic():
        member = _member(site, number)
        if role < Role.OWNER:
            people.keep_an_owner(member)
        member.role = role
        member.save(update_fields=["role"])
    detail = role.name.lower()
    audit.note(user, "member.role", member.user.username, site=site, detail=detail)
    return member


def remove(user: User, site: Site, number: int) -> None:
    """A member is none any more. Raises NotFound, BadRequest."""
    with transaction.atomic():
        member = _member(site, number)
        people.keep_an_owner(member)
        member.delete()
    audit.note(user, "member.removed", member.user.username, site=site)


def leave(user: User, site: Site) -> None:
    """The person is no member any more. Raises NotFound, BadRequest."""
    with transaction.atomic():
        member = site.memberships.filter(user=user).first()
        if member is None:
            raise NotFound(_("You are no member of this site."))
        people.keep_an_owner(member)
        member.delete()
    audit.note(user, "member.left", user.username, site=site)


def checked_name(text: str) -> str:
    """The name without blanks around it. Raises BadRequest."""
    text = text.strip()
    if not 1 <= len(text) <= LONGEST_NAME or not text.isprintable():
        raise BadRequest(_("A site's name has 1 to 80 printable characters."))
    return text


def checked_zone(zone: str) -> str:
    """The name of a time zone. Raises BadRequest."""
    if zone not in zoneinfo.available_timezones():
        raise BadRequest(_("Choose a time zone from the list."))
    return zone


def _member(site: Site, number: int) -> Membership:
    members = site.memberships.select_related("user")
    found = members.filter(id=number).first() if number < 2**63 else None
    if found is None:
        raise NotFound(_("There is no such member of this site."))
    return found
