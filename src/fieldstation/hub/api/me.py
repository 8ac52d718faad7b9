"""The API's questions about the person who asks."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from fieldstation.hub.api import schemas
from fieldstation.hub.api.arrays import json_bytes
from fieldstation.hub.api.principal import person, scope
from fieldstation.hub.sites import access
from fieldstation.hub.sites.models import Membership, Role

router = Router(tags=["person"])


@router.get("/me", response=schemas.Person, summary="Who asks, and what they may do")
def me(request: HttpRequest) -> HttpResponse:
    """The person, what the token or session may do for them, and their sites."""
    user = person(request)
    roles = dict(Membership.objects.filter(user=user).values_list("site_id", "role"))
    sites = [
        {"site": site.slug, "name": site.name, "role": _role(roles.get(site.pk))}
        for site in access.sites(user).order_by("name")
    ]
    answer: dict[str, Any] = {
        "name": user.username,
        "operator": user.is_operator,
        "scope": scope(request),
        "sites": sites,
    }
    return HttpResponse(json_bytes(answer), content_type="application/json")


def _role(role: int | None) -> str | None:
    return None if role is None else Role(role).name.lower()
