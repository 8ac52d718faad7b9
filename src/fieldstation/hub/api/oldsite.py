"""The API's routes of the old site: who may read at its addresses, and what its routes take."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema

from fieldstation.errors import NotFound
from fieldstation.hub.api.principal import person
from fieldstation.hub.api.versions import answer
from fieldstation.hub.greenhouse import house
from fieldstation.hub.greenhouse.models import Greenhouse, Store

router = Router(tags=["old site"])


class OldRoute(Schema):
    """One route that takes posts."""

    kind: str
    sensor: int = Field(description="The sensor that keeps its documents, and whose settings count")
    open_posts: bool = Field(description="Posts without a token are taken")


class OldSite(Schema):
    """The old site on this hub."""

    site: str
    open_reads: bool = Field(description="Anybody may read the stores")
    posts_per_minute: int = Field(description="From one address without a token")
    routes: list[OldRoute]


class OldSiteChange(Schema):
    """What is to be changed; what is left out stays."""

    open_reads: bool | None = None
    posts_per_minute: int | None = None


@router.get("/old-site", response=OldSite, summary="The old site")
def old_site(request: HttpRequest) -> HttpResponse:
    """How it is switched. Takes the role owner at its site."""
    return answer(_facts(_found(request)))


@router.post("/old-site", response=OldSite, summary="Set the old site up")
def set_up(request: HttpRequest) -> HttpResponse:
    """Answer at its addresses from now on; its routes take nothing until each is switched on. The
    operator does it first.
    """
    house.need_owner(person(request))
    return answer(_facts(house.set_up()))


@router.patch("/old-site", response=OldSite, summary="Switch the old site")
def change(request: HttpRequest, wanted: OldSiteChange) -> HttpResponse:
    """Change who may read, and how much is taken without a token. Takes the role owner."""
    found = _found(request)
    house.switch(
        person(request),
        found,
        open_reads=wanted.open_reads,
        posts_per_minute=wanted.posts_per_minute,
    )
    return answer(_facts(found))


def _found(request: HttpRequest) -> Greenhouse:
    found = house.need_owner(person(request))
    if found is None:
        raise NotFound(_("Nobody has set the old site up."))
    return found


def _facts(one: Greenhouse) -> dict[str, Any]:
    stores = Store.objects.select_related("sensor").order_by("kind")
    return {
        "site": one.site.slug,
        "open_reads": one.open_reads,
        "posts_per_minute": one.posts_per_minute,
        "routes": [
            {"kind": row.kind, "sensor": row.sensor_id, "open_posts": row.sensor.legacy_posts}
            for row in stores
        ],
    }
