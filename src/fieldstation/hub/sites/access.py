"""Who may see and do what: the one place where it is decided.

1. Nobody may do anything that is not granted here. A view asks `may` or `need`, or takes its things
   from the querysets of this page; there is no third way.
2. What a person may not see does not exist for them: it is not found, not forbidden. What they see
   but may not change is forbidden (test_a_viewer_looks_and_touches_nothing).
3. The operator of the hub may do everything at every site.
"""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from fieldstation.errors import NotFound
from fieldstation.hub.accounts.models import User
from fieldstation.hub.instruments.catalogue import find_gateway
from fieldstation.hub.sites.models import Membership, Role, Site
from fieldstation.hub.stations.models import Gateway


def person(request: HttpRequest) -> User:
    """Who asks for a page. Raises PermissionDenied for strangers, whom `login_required` keeps out
    of pages before.
    """
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def sites(user: User, least: Role = Role.VIEWER) -> QuerySet[Site]:
    """The sites where the person has this role or a higher one."""
    if user.is_operator:
        return Site.objects.all()
    return Site.objects.filter(memberships__user=user, memberships__role__gte=least)


def gateways(user: User, least: Role = Role.VIEWER) -> QuerySet[Gateway]:
    """The gateways of those sites, hidden ones too: whatever has instruments."""
    return Gateway.objects.filter(site__in=sites(user, least))


def stations(user: User, least: Role = Role.VIEWER) -> QuerySet[Gateway]:
    """The gateways of those sites that people know as gateways: with a PIN, a key and reports."""
    return gateways(user, least).filter(hidden=False)


def may(user: User, least: Role, site: Site) -> bool:
    """Whether the person has this role or a higher one at the site."""
    if user.is_operator:
        return True
    return Membership.objects.filter(site=site, user=user, role__gte=least).exists()


def need(user: User, least: Role, site: Site) -> None:
    """Raises NotFound for a site that is not the person's, PermissionDenied below this role."""
    if may(user, least, site):
        return
    if not may(user, Role.VIEWER, site):
        raise NotFound(_("There is no site %(slug)r of yours.") % {"slug": site.slug})
    raise PermissionDenied


def site_named(user: User, slug: str, least: Role = Role.VIEWER) -> Site:
    """The site at this address. Raises NotFound also when it is not the person's, PermissionDenied
    when they see it but have a lower role.
    """
    site = sites(user).filter(slug=slug).first()
    if site is None:
        raise NotFound(_("There is no site %(slug)r of yours.") % {"slug": slug})
    need(user, least, site)
    return site


def station_named(user: User, slug: str, least: Role = Role.VIEWER) -> Gateway:
    """The gateway with this name in addresses. Raises NotFound with the nearest of the person's
    own, PermissionDenied when they see it but have a lower role at its site.
    """
    found = find_gateway(stations(user).select_related("site"), slug)
    need(user, least, found.site)
    return found
