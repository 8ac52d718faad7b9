"""How people come to sites: joining, roles, the first account."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as words

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.accounts.models import User
from fieldstation.hub.accounts.signup import create_account
from fieldstation.hub.nearest import nearest
from fieldstation.hub.sites import audit
from fieldstation.hub.sites.home import home
from fieldstation.hub.sites.models import Membership, Role, Site


def join(user: User, site: Site, role: Role) -> Membership:
    """Make the person a member; who is one already keeps the higher of the two roles."""
    known, _ = Membership.objects.get_or_create(site=site, user=user, defaults={"role": role})
    if known.role < role:
        known.role = role
        known.save(update_fields=["role"])
    return known


def keep_an_owner(member: Membership) -> None:
    """Raises BadRequest for the only owner of a site."""
    owners = Membership.objects.filter(site_id=member.site_id, role=Role.OWNER)
    if member.role == Role.OWNER and not owners.exclude(id=member.id).exists():
        raise BadRequest(words("A site keeps an owner: make somebody else one first."))


def settle(name: str, password: str, email: str, *, operator: bool, site: str, role: str) -> User:
    """A new account, placed: the first one is the operator and owns the first site; a later one
    joins `site` (name or address), or nothing when that is empty. Raises ValidationError,
    BadRequest, NotFound; then nothing was made.
    """
    with transaction.atomic():
        first = not User.objects.exists()
        user = create_account(name, password, email)
        if first or operator:
            user.is_operator = True
            user.save(update_fields=["is_operator"])
        if first:
            join(user, home(), Role.OWNER)
        if site:
            joined = join(user, site_of(site), role_of(role))
            audit.note(None, "member.added", user.username, site=joined.site, detail=role)
        audit.note(None, "account.made", user.username, detail="command line")
    return user


def role_of(word: str) -> Role:
    """The role with this name. Raises BadRequest."""
    roles = {role.name.lower(): role for role in Role}
    if word not in roles:
        raise BadRequest(
            words("There is no role %(word)r.") % {"word": word} + nearest(word, roles)
        )
    return roles[word]


def site_of(name: str) -> Site:
    """The site with this address or name. Raises NotFound, and BadRequest when several have it."""
    found = list(Site.objects.filter(Q(slug=name) | Q(name=name)))
    if not found:
        known = Site.objects.values_list("slug", flat=True)
        raise NotFound(words("There is no site %(name)r.") % {"name": name} + nearest(name, known))
    by_slug = [site for site in found if site.slug == name]
    if len(found) > 1 and not by_slug:
        slugs = ", ".join(site.slug for site in found)
        raise BadRequest(
            words("Several sites are called %(name)r; name one by its address: %(slugs)s.")
            % {"name": name, "slugs": slugs}
        )
    return (by_slug or found)[0]
