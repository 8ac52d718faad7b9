"""The API's routes of sensors: registering, tokens, documents, deletion.

Posting is not here: `upload` takes posts before Django sees them.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Router
from ninja.utils import check_csrf

from fieldstation.errors import NotFound
from fieldstation.hub.accounts.models import User
from fieldstation.hub.api import lists
from fieldstation.hub.api.arrays import json_bytes, rfc3339
from fieldstation.hub.api.cursor import Cursor, cursor_from, paged
from fieldstation.hub.api.instants import span_us
from fieldstation.hub.api.principal import person
from fieldstation.hub.greenhouse import house
from fieldstation.hub.sensors import erasing, finding, history, registration, schemas, tokens
from fieldstation.hub.sensors.models import Erasure, Sensor
from fieldstation.hub.sites import acts, audit
from fieldstation.hub.sites.models import Role, Site

router = Router(tags=["sensors"])

MOST_DOCUMENTS = 1000
# What one answer may hold in all, whatever the number of documents.
MOST_BYTES = 8 << 20
ONE = "/sensors/{number}"
Limit = Annotated[int, Field(ge=1, le=MOST_DOCUMENTS)]
Number = Annotated[int, Field(ge=0, lt=2**63)]


@router.get("/sensors", response=schemas.SensorList, summary="All sensors")
def sensors(
    request: HttpRequest,
    deleted: bool = False,
    limit: lists.Limit = lists.USUAL,
    cursor: str = "",
) -> HttpResponse:
    """The sensors of the person's sites; with `deleted` those that were deleted."""
    found = finding.sensors(person(request)).filter(deleted_at__isnull=not deleted)
    rows, after = lists.page(found.select_related("old"), ["name", "pk"], limit, cursor)
    return _json({"sensors": [_facts(one) for one in rows], "next": after})


@router.post("/sensors", response=schemas.Token, summary="Register a sensor")
def register(request: HttpRequest, wanted: schemas.NewSensor) -> HttpResponse:
    """Register a sensor and make its token."""
    made = registration.new_sensor(
        _writer(request), _site(request, wanted.site), wanted.name, units=wanted.units,
        kind=wanted.type, protocol=wanted.protocol, description=wanted.description,
    )  # fmt: skip
    _note(request, "sensor.registered", made)
    return _with_token(made)


@router.get(ONE, response=schemas.SensorFacts, summary="One sensor")
def one_sensor(request: HttpRequest, number: Number) -> HttpResponse:
    """What is registered of the sensor."""
    return _json(_facts(finding.sensor(person(request), number)))


@router.patch(ONE, response=schemas.SensorFacts, summary="Change a sensor")
def change(request: HttpRequest, number: Number, wanted: schemas.SensorChange) -> HttpResponse:
    """Change what is given; a sensor that has posted keeps its site."""
    found = _editable(request, number)
    registration.change(
        found, name=wanted.name, description=wanted.description, legacy_posts=wanted.legacy_posts,
        networks=None if wanted.legacy_networks is None else "\n".join(wanted.legacy_networks),
        site=None if wanted.site is None else _site(request, wanted.site),
    )  # fmt: skip
    _note(request, "sensor.changed", found)
    if wanted.public is not None:
        house.make_public(person(request), found, public=wanted.public)
        found = finding.sensor(person(request), number)
    return _json(_facts(found))


@router.delete(ONE, response=schemas.SensorFacts, summary="Delete a sensor")
def delete(request: HttpRequest, number: Number) -> HttpResponse:
    """Hide the sensor and all it posted; it can come back until `undo_until`."""
    found = _editable(request, number)
    erasing.delete_sensor(found)
    _note(request, "sensor.deleted", found)
    return _json(_facts(found))


@router.post(ONE + "/restore", response=schemas.SensorFacts, summary="Bring a sensor back")
def restore(request: HttpRequest, number: Number) -> HttpResponse:
    """Undo the deletion."""
    found = finding.sensor(_writer(request), number, Role.EDITOR)
    erasing.restore_sensor(found)
    _note(request, "sensor.restored", found)
    return _json(_facts(found))


@router.post(ONE + "/token", response=schemas.Token, summary="Make a new token")
def new_token(request: HttpRequest, number: Number) -> HttpResponse:
    """A new token in place of the one before."""
    found = _editable(request, number)
    _note(request, "sensor.token-made", found)
    return _with_token(found)


@router.delete(ONE + "/token", response=schemas.SensorFacts, summary="Revoke the token")
def revoke(request: HttpRequest, number: Number) -> HttpResponse:
    """Refuse the token from the next post on."""
    found = _editable(request, number)
    tokens.revoke(found)
    _note(request, "sensor.token-revoked", found)
    return _json(_facts(found))


@router.get(
    ONE + "/latest", response={200: schemas.DocumentFacts, 204: None}, summary="Latest document"
)
def latest(request: HttpRequest, number: Number) -> HttpResponse:
    """The document with the newest time, as posted; 204 without a body while there is none."""
    found = history.latest(_visible(request, number))
    if found is None:
        return HttpResponse(status=204)
    return _raw(_document(found))


@router.get(ONE + "/documents", response=schemas.DocumentList, summary="Documents as posted")
def documents(
    request: HttpRequest,
    number: Number,
    start: str = "-7d",
    end: str = "now",
    limit: Limit = 100,
    cursor: str = "",
) -> HttpResponse:
    """Documents of the range in the order of their times."""
    found = _visible(request, number)
    first, last = span_us(start, end, _now_us())
    begin = cursor_from(cursor) if cursor else Cursor(first, 0)
    rows = history.documents(found, max(first, begin.at_us), last, limit + 1, begin.skip)
    few = _bounded(rows, limit)
    page, after = paged(rows, begin, few, lambda row: row.at_us)
    return _raw({"documents": [_document(row) for row in page], "next": after})


@router.get(ONE + "/spans", response=schemas.SpanList, summary="Deleted spans")
def spans(request: HttpRequest, number: Number) -> HttpResponse:
    """The spans that were deleted."""
    return _json({"spans": [_span(each) for each in _visible(request, number).erasures.all()]})


@router.post(ONE + "/spans", response=schemas.SpanFacts, summary="Delete a span")
def delete_span(request: HttpRequest, number: Number, wanted: schemas.NewSpan) -> HttpResponse:
    """Hide what the sensor has of the span; it can come back until `undo_until`."""
    found = _editable(request, number)
    made = erasing.delete_span(found, *span_us(wanted.start, wanted.end, _now_us()))
    _note(request, "sensor.span-deleted", found)
    return _json(_span(made))


@router.delete(ONE + "/spans/{span}", response=schemas.SpanList, summary="Bring a span back")
def restore_span(request: HttpRequest, number: Number, span: Number) -> HttpResponse:
    """Undo the deletion; the answer lists those that are left."""
    found = _editable(request, number)
    chosen = found.erasures.filter(pk=span).first()
    if chosen is None:
        raise NotFound(_("The sensor has no such deleted span."))
    erasing.restore_span(chosen)
    _note(request, "sensor.span-restored", found)
    return _json({"spans": [_span(each) for each in found.erasures.all()]})


def _visible(request: HttpRequest, number: int, least: Role = Role.VIEWER) -> Sensor:
    found = finding.sensor(person(request), number, least)
    if found.deleted_at is not None:
        raise NotFound(_("The sensor %(number)s was deleted.") % {"number": number})
    return found


def _editable(request: HttpRequest, number: int) -> Sensor:
    _writer(request)
    return _visible(request, number, Role.EDITOR)


def _writer(request: HttpRequest) -> User:
    """The person, who has sent this request on purpose: a foreign page can make a browser send its
    cookies, but neither the token of the forms nor a header.
    """
    if "Authorization" not in request.headers and check_csrf(request) is not None:
        raise PermissionDenied
    return person(request)


def _site(request: HttpRequest, slug: str) -> Site:
    return acts.place(person(request), slug)


def _facts(one: Sensor) -> dict[str, Any]:
    return {
        "id": one.pk,
        "name": one.name,
        "owner": one.owner.username if one.owner else "",
        "site": one.site.slug,
        "gateway": one.gateway.slug,
        "instrument": one.instrument,
        "type": one.kind,
        "protocol": one.protocol,
        "description": one.description,
        "units": one.units,
        "legacy_posts": one.legacy_posts,
        "legacy_networks": one.legacy_networks.split(),
        "public": hasattr(one, "old") and one.old.public_reading,
        "token_made": _moment(one.token_made),
        "created": _moment(one.created),
        "deleted": _moment(one.deleted_at),
        "undo_until": _moment(one.undo_until),
    }


def _span(one: Erasure) -> dict[str, Any]:
    return {
        "id": one.pk,
        "start": rfc3339(one.start_us),
        "end": rfc3339(one.end_us),
        "undo_until": _moment(one.undo_until),
        "final": one.final,
    }


def _document(kept: history.Kept) -> dict[str, Any]:
    return {
        "at": rfc3339(kept.at_us),
        "received": rfc3339(kept.received_us),
        "marked": kept.marked,
        "document": orjson.Fragment(kept.text),
    }


def _bounded(rows: list[history.Kept], limit: int) -> int:
    """How many of the rows one answer may hold; at least one."""
    size = 0
    for place, row in enumerate(rows[:limit]):
        size += len(row.text)
        if size > MOST_BYTES:
            return max(place, 1)
    return limit


def _with_token(one: Sensor) -> HttpResponse:
    token = tokens.renew(one)
    return _json(_facts(one) | {"token": token})


def _note(request: HttpRequest, what: str, one: Sensor) -> None:
    audit.note(person(request), what, one.name, site=one.site)


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at else None


def _json(answer: Any) -> HttpResponse:
    return HttpResponse(json_bytes(answer), content_type="application/json")


def _raw(answer: Any) -> HttpResponse:
    return HttpResponse(orjson.dumps(answer), content_type="application/json")


def _now_us() -> int:
    return time.time_ns() // 1000
