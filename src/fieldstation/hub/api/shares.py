"""The API's routes of share links, and of notes on the time axis."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, Router

from fieldstation.errors import NotFound
from fieldstation.hub.api import lists
from fieldstation.hub.api import plots_shapes as shapes
from fieldstation.hub.api.arrays import moment, rfc3339
from fieldstation.hub.api.principal import own, person
from fieldstation.hub.api.versions import answer
from fieldstation.hub.instruments.catalogue import find_gateway
from fieldstation.hub.plots import keeping, noting, shares
from fieldstation.hub.plots.answers import filled
from fieldstation.hub.plots.models import Annotation, Share

router = Router(tags=["shares and notes"])

Number = Annotated[int, Field(ge=0, lt=2**63)]


@router.get("/shares", response=shapes.ShareList, summary="Share links")
def share_list(
    request: HttpRequest, limit: lists.Limit = lists.USUAL, cursor: str = ""
) -> HttpResponse:
    """The person's links, also those that are over, the newest first."""
    mine = Share.objects.filter(user=person(request))
    rows, after = lists.page(mine, ["-created", "-pk"], limit, cursor)
    return answer({"shares": [_share(row) for row in rows], "next": after})


@router.post("/shares", response=shapes.ShareMade, summary="Make a share link")
def share(request: HttpRequest, wanted: shapes.NewShare) -> HttpResponse:
    """A link that shows this picture to whoever has it, without signing in."""
    user, options = person(request), keeping.parsed_options(wanted.query)
    filled(user, options)
    made, token = shares.make(user, options, wanted.days)
    link = request.build_absolute_uri(reverse("shared", args=[token]))
    image = request.build_absolute_uri(reverse("shared-picture", args=[token, "png"]))
    return answer(_share(made) | {"link": link, "picture": image})


@router.delete("/shares/{uuid:share}", response=shapes.ShareFacts, summary="Revoke a share link")
def revoke(request: HttpRequest, share: UUID) -> HttpResponse:
    """It shows nothing from now on."""
    user = person(request)
    found = Share.objects.filter(user=user, id=share).first()
    if found is None:
        raise NotFound(_("You have no such link."))
    shares.revoke(user, found)
    return answer(_share(found))


@router.get("/notes", response=shapes.NoteList, summary="Notes on the time axis")
def notes(
    request: HttpRequest,
    gateway: str = "",
    instrument: str = "",
    limit: lists.Limit = lists.USUAL,
    cursor: str = "",
) -> HttpResponse:
    """The notes at instruments of the person's sites; of one gateway or instrument where named."""
    found = Annotation.objects.filter(gateway__in=own(request)).select_related("gateway")
    if gateway:
        found = found.filter(gateway=find_gateway(own(request), gateway))
    if instrument:
        found = found.filter(instrument=instrument)
    rows, after = lists.page(found, ["at_us", "pk"], limit, cursor)
    return answer({"notes": [_note(row) for row in rows], "next": after})


@router.post("/notes", response=shapes.NoteFacts, summary="Leave a note")
def leave_note(request: HttpRequest, wanted: shapes.NewNote) -> HttpResponse:
    """Leave words at an instant. Takes the role editor."""
    words = (wanted.gateway, wanted.instrument, wanted.at, wanted.text)
    return answer(_note(noting.leave(person(request), *words)))


@router.delete("/notes/{note}", response={204: None}, summary="Take a note away")
def remove_note(request: HttpRequest, note: Number) -> HttpResponse:
    """Take the words away; the log of the site keeps them. Takes the role editor."""
    noting.take_away(person(request), note)
    return HttpResponse(status=204)


def _share(one: Share) -> dict[str, Any]:
    return {
        "id": str(one.pk),
        "name": one.name,
        "query": one.query,
        "created": moment(one.created),
        "valid_until": moment(one.valid_until),
        "revoked": moment(one.revoked_at) if one.revoked_at else None,
    }


def _note(one: Annotation) -> dict[str, Any]:
    return {
        "id": one.pk,
        "gateway": one.gateway.slug,
        "instrument": one.instrument,
        "at": rfc3339(one.at_us),
        "text": one.text,
        "who": one.who,
    }
