"""The page of the old site's switches, for the owners of its site; the operator sets it up."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub.accounts.models import User
from fieldstation.hub.greenhouse import house
from fieldstation.hub.greenhouse.answers import form, go, methods, person, signed_in
from fieldstation.hub.greenhouse.models import Greenhouse, Store
from fieldstation.hub.sites import access, audit
from fieldstation.hub.sites.models import Role

PATH = "/old-site"
MOST_PER_MINUTE = 1_000_000


@methods("GET", "POST")
@signed_in
@form
def switches(request: HttpRequest) -> HttpResponse:
    """Show and change who may read and post."""
    found, user = house.house(), person(request)
    _need(found, user)
    if request.method == "POST":
        _change(request, found or house.set_up(), user)
        return go(PATH)
    stores = Store.objects.select_related("sensor").order_by("kind")
    return render(request, "greenhouse/switches.html", {"house": found, "stores": stores})


def _need(found: Greenhouse | None, user: User) -> None:
    """Raises NotFound and PermissionDenied as the site's rules say; only the operator sets up."""
    if found is not None:
        access.need(user, Role.OWNER, found.site)
    elif not user.is_operator:
        raise PermissionDenied


def _change(request: HttpRequest, found: Greenhouse, user: User) -> None:
    told = request.POST.get("posts_per_minute", "") or str(found.posts_per_minute)
    if not (told.isascii() and told.isdigit() and 1 <= int(told[:9]) <= MOST_PER_MINUTE):
        raise BadRequest(_("Posts per minute is a whole number of 1 or more."))
    if "save" in request.POST:
        found.open_reads = "open_reads" in request.POST
        found.posts_per_minute = int(told)
        found.save()
    audit.note(user, "old-site.changed", str(found.site), site=found.site)
