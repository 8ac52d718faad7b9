"""Annotations: words on the time axis of an instrument, by those who may edit its site."""

from __future__ import annotations

import time
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub import runtime
from fieldstation.hub.accounts.models import User
from fieldstation.hub.plots.answers import for_programs, json_answer, person
from fieldstation.hub.plots.models import Annotation
from fieldstation.hub.plots.moments import moment_us
from fieldstation.hub.plots.options import LONGEST_TEXT
from fieldstation.hub.plots.order import instrument_of
from fieldstation.hub.sites import access, audit
from fieldstation.hub.sites.models import Role, Site

MOST_OF_ONE = 5000


@for_programs
@require_POST
def annotate(request: HttpRequest) -> HttpResponse:
    """Leave words at an instant: fields gateway, instrument, at, text."""
    user, form = person(request), request.POST
    gateway, name = form.get("gateway", ""), form.get("instrument", "")
    one = instrument_of(user, runtime.running().store, gateway, name)
    _may_edit(user, one.gateway.site)
    text = " ".join(form.get("text", "").split())
    if not 0 < len(text) <= LONGEST_TEXT:
        raise BadRequest(f"Write something, in at most {LONGEST_TEXT} characters.")
    zone = ZoneInfo(one.gateway.site.time_zone)
    at_us = moment_us("at", form.get("at", ""), zone, time.time_ns() // 1000)
    if Annotation.objects.filter(gateway=one.gateway, instrument=name).count() >= MOST_OF_ONE:
        raise BadRequest("This instrument has too many notes; remove some first.")
    note = Annotation.objects.create(
        gateway=one.gateway, instrument=name, at_us=at_us, text=text, user=user, who=user.username
    )
    audit.note(user, "note.added", f"{gateway}/{name}", site=one.gateway.site, detail=text)
    return json_answer({"id": note.id, "at": at_us / 1e6, "text": text, "who": note.who})


@for_programs
@require_POST
def remove(request: HttpRequest, note: int) -> HttpResponse:
    """Take the words away; the audit log keeps them."""
    user = person(request)
    found = Annotation.objects.filter(id=note, gateway__in=access.gateways(user)).first()
    if found is None:
        raise NotFound("There is no such note of yours.")
    _may_edit(user, found.gateway.site)
    found.delete()
    thing = f"{found.gateway.slug}/{found.instrument}"
    audit.note(user, "note.removed", thing, site=found.gateway.site, detail=found.text)
    return json_answer({"removed": note})


def _may_edit(user: User, site: Site) -> None:
    if not access.may(user, Role.EDITOR, site):
        raise NotFound("Notes are left by editors of the site; ask its owner for that role.")
