"""Pages of sensors: all of them, registering one, one of them with its token and its settings."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub import runtime
from fieldstation.hub.accounts.models import User
from fieldstation.hub.api.arrays import rfc3339
from fieldstation.hub.instruments.catalogue import Instrument
from fieldstation.hub.instruments.pages import Cell
from fieldstation.hub.sensors import erasing, finding, history, registration, snippets, tokens
from fieldstation.hub.sensors.limits import LIMITS
from fieldstation.hub.sensors.models import Document, Sensor
from fieldstation.hub.sites import access, acts, audit
from fieldstation.hub.sites.models import Role, Site

PAGE, MOST_PAGES = 20, 500
_FIELDS = ("name", "kind", "protocol", "description", "units", "site")


@login_required
@require_safe
def sensors(request: HttpRequest) -> HttpResponse:
    """The sensors of the person's sites."""
    user = access.person(request)
    found = list(finding.sensors(user))
    here = [one for one in found if one.deleted_at is None]
    words = {
        "rows": _rows(here),
        "deleted": [one for one in found if _can_return(one)],
        "may_add": acts.is_alone(user) or access.sites(user, Role.EDITOR).exists(),
        "now_ms": _now_ms(),
    }
    return render(request, "sensors.html", words)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """The form for a new sensor; its answer is the page with the token."""
    user = access.person(request)
    places = list(access.sites(user, Role.EDITOR))
    words: dict[str, Any] = {"sites": places, "form": {"site": request.GET.get("site", "")}}
    words["alone"] = acts.is_alone(user)
    if request.method != "POST":
        return render(request, "sensor_register.html", words)
    form = {field: request.POST.get(field, "")[:4000] for field in _FIELDS}
    try:
        made = registration.new_sensor(
            user, _place(user, places, form["site"]), form["name"],
            units=registration.units_of(form["units"]), kind=form["kind"],
            protocol=form["protocol"], description=form["description"],
        )  # fmt: skip
    except BadRequest as error:
        words |= {"form": form, "problem": str(error)}
        return render(request, "sensor_register.html", words, status=400)
    audit.note(user, "sensor.registered", made.name, site=made.site)
    return _token_page(request, made)


@login_required
@require_safe
def sensor(request: HttpRequest, number: int) -> HttpResponse:
    """One sensor: newest values, documents, programs, token, settings."""
    return _page(request, _find(request, number))


@login_required
@require_POST
def new_token(request: HttpRequest, number: int) -> HttpResponse:
    """A new token, shown this once."""
    one = _find(request, number, Role.EDITOR)
    audit.note(access.person(request), "sensor.token-made", one.name, site=one.site)
    return _token_page(request, one)


@login_required
@require_POST
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """Refuse the token from now on."""
    one = _find(request, number, Role.EDITOR)
    tokens.revoke(one)
    audit.note(access.person(request), "sensor.token-revoked", one.name, site=one.site)
    return redirect("sensor", number)


@login_required
@require_POST
def settings(request: HttpRequest, number: int) -> HttpResponse:
    """Change name, description, site and the posts that are taken without a token."""
    one, user = _find(request, number, Role.EDITOR), access.person(request)
    form = {field: request.POST.get(field, "")[:4000] for field in (*_FIELDS, "networks")}
    try:
        registration.change(
            one,
            name=form["name"],
            description=form["description"],
            legacy_posts="legacy" in request.POST,
            networks=form["networks"],
            site=_place(user, list(access.sites(user, Role.EDITOR)), form["site"])
            if form["site"]
            else None,
        )
    except BadRequest as error:
        return _page(request, _find(request, number), problem=str(error), status=400)
    audit.note(user, "sensor.changed", one.name, site=one.site)
    return redirect("sensor", number)


@login_required
@require_POST
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Hide the sensor; it can come back for some days."""
    one = _find(request, number, Role.EDITOR)
    erasing.delete_sensor(one)
    audit.note(access.person(request), "sensor.deleted", one.name, site=one.site)
    return redirect("sensors")


@login_required
@require_POST
def restore(request: HttpRequest, number: int) -> HttpResponse:
    """Bring a deleted sensor back."""
    one = _find(request, number, Role.EDITOR, deleted=True)
    try:
        erasing.restore_sensor(one)
    except BadRequest as error:
        return _too_late(request, error)
    audit.note(access.person(request), "sensor.restored", one.name, site=one.site)
    return redirect("sensor", number)


@login_required
@require_POST
def delete_span(request: HttpRequest, number: int) -> HttpResponse:
    """Hide a span of the sensor's readings."""
    one = _find(request, number, Role.EDITOR)
    try:
        start_us = _typed_us(request.POST.get("start", ""))
        erasing.delete_span(one, start_us, _typed_us(request.POST.get("end", "")))
    except BadRequest as error:
        return _page(request, one, problem=str(error), status=400)
    audit.note(access.person(request), "sensor.span-deleted", one.name, site=one.site)
    return redirect("sensor", number)


@login_required
@require_POST
def restore_span(request: HttpRequest, number: int, span: int) -> HttpResponse:
    """Bring a deleted span back."""
    one = _find(request, number, Role.EDITOR)
    found = one.erasures.filter(pk=span).first() if span < 2**63 else None
    if found is None:
        raise Http404(_("There is no such deletion."))
    try:
        erasing.restore_span(found)
    except BadRequest as error:
        return _too_late(request, error)
    audit.note(access.person(request), "sensor.span-restored", one.name, site=one.site)
    return redirect("sensor", number)


def _page(
    request: HttpRequest, one: Sensor, *, problem: str = "", status: int = 200
) -> HttpResponse:
    user = access.person(request)
    shown = _page_number(request)
    found = history.documents(one, 0, 2**63 - 1, PAGE + 1, (shown - 1) * PAGE, newest=True)
    latest = history.latest(one) if shown > 1 else next(iter(found), None)
    words = _common(request, one) | {
        "problem": problem,
        "cells": _cells(one),
        "latest": _shown(latest) if latest else None,
        "documents": [_shown(each) for each in found[:PAGE]],
        "older": shown + 1 if len(found) > PAGE and shown < MOST_PAGES else None,
        "newer": shown - 1 if shown > 1 else None,
        "spans": [_span(each) for each in one.erasures.all() if not each.final],
        "may_edit": access.may(user, Role.EDITOR, one.site),
        "sites": _movable(request, one),
        "snippets": snippets.snippets(one, _hub(request)),
        "undo_days": LIMITS.undo_days,
    }
    return render(request, "sensor.html", words, status=status)


def _token_page(request: HttpRequest, one: Sensor) -> HttpResponse:
    token, newest = tokens.renew(one), history.latest(one)
    words = _common(request, one) | {
        "token": token,
        "before": rfc3339(newest.received_us) if newest else "",
        "snippets": snippets.snippets(one, _hub(request), token),
        "in_the_clear": not request.is_secure(),
    }
    return render(request, "sensor_token.html", words)


def _common(request: HttpRequest, one: Sensor) -> dict[str, Any]:
    return {
        "sensor": one,
        "now_ms": _now_ms(),
        "url": f"{_hub(request)}/api/v1/sensors/{one.pk}/readings",
    }


def _rows(found: list[Sensor]) -> list[dict[str, Any]]:
    newest = history.newest_of(found)
    return [
        {
            "sensor": one,
            "cells": _cells(one)[:3],
            "at": _iso_us(newest[one.pk].at_us) if one.pk in newest else "",
        }
        for one in found
    ]


def _cells(one: Sensor) -> list[Cell]:
    """The sensor's first values, as the instrument's page writes them."""
    store = runtime.running().store
    found = [
        Instrument(one.gateway, entry)
        for entry in store.catalogue(one.gateway_id.hex)
        if entry.name == one.instrument
    ]
    if not found:
        return []
    latest = found[0].latest(store)
    return [Cell(c, latest.values.get(c.name)) for c in found[0].headlines]


def _shown(kept: history.Kept) -> dict[str, Any]:
    text = kept.text.decode("utf-8", "replace")
    return {
        "at": _iso_us(kept.at_us),
        "received": _iso_us(kept.received_us),
        "marked": kept.marked,
        "text": json.dumps(json.loads(text), ensure_ascii=False, indent=2),
    }


def _span(span: Any) -> dict[str, Any]:
    return {
        "id": span.pk,
        "start": _iso_us(span.start_us),
        "end": _iso_us(span.end_us),
        "until": span.undo_until.astimezone(UTC).isoformat(timespec="seconds"),
    }


def _movable(request: HttpRequest, one: Sensor) -> list[Site]:
    """The sites that the sensor may still move to: none once it has posted."""
    if Document.objects.filter(sensor=one).exists():
        return []
    return list(access.sites(access.person(request), Role.EDITOR))


def _find(
    request: HttpRequest, number: int, least: Role = Role.VIEWER, *, deleted: bool = False
) -> Sensor:
    try:
        found = finding.sensor(access.person(request), number, least)
    except NotFound as error:
        raise Http404(str(error)) from error
    if (found.deleted_at is not None) is not deleted:
        raise Http404(_("There is no sensor %(number)s of yours.") % {"number": number})
    return found


def _place(user: User, places: list[Site], slug: str) -> Site:
    if not slug and acts.is_alone(user):
        return acts.own(user)
    chosen = [place for place in places if slug in ("", place.slug)]
    if not chosen:
        raise BadRequest(_("Choose a site where you may add sensors."))
    return chosen[0]


def _typed_us(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return round(moment.timestamp() * 1_000_000)
    except (ValueError, OverflowError) as error:
        raise BadRequest(_("Fill in where the span begins and where it ends.")) from error


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    return min(max(int(text), 1), MOST_PAGES) if text.isascii() and text.isdigit() else 1


def _too_late(request: HttpRequest, error: BadRequest) -> HttpResponse:
    words = {"status": 400, "title": _("This cannot be undone"), "text": str(error)}
    return render(request, "error.html", words, status=400)


def _can_return(one: Sensor) -> bool:
    return one.undo_until is not None and one.undo_until > timezone.now()


def _hub(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def _iso_us(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
