"""Pages of share links: those of a person, and what a link shows to whoever has it."""

from __future__ import annotations

import time
from urllib.parse import parse_qs

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fieldstation.errors import BadRequest, NotFound
from fieldstation.export.picture import Form
from fieldstation.hub.errorpages import not_found
from fieldstation.hub.plots import shares, sketch
from fieldstation.hub.plots.answers import (
    filled,
    for_people,
    json_answer,
    person,
    picture_file,
    with_problems,
)
from fieldstation.hub.plots.keeping import parsed_options
from fieldstation.hub.plots.models import Share
from fieldstation.hub.plots.options import options_of
from fieldstation.hub.plots.order import Order


@for_people
@require_POST
def share(request: HttpRequest) -> HttpResponse:
    """Make a link; the page that answers is the only place where it is ever shown."""
    user = person(request)
    try:
        options = parsed_options(request.POST.get("query", ""))
        filled(user, options)
        made, token = shares.make(user, options, _days(request.POST.get("days", "7")))
    except BadRequest as error:
        words = {"status": 400, "title": _("No link was made"), "text": str(error)}
        return render(request, "error.html", words, status=400)
    words = {
        "share": made,
        "link": request.build_absolute_uri(reverse("shared", args=[token])),
        "picture": request.build_absolute_uri(reverse("shared-picture", args=[token, "png"])),
    }
    return render(request, "plot_link.html", words | {"back": options.query()})


@for_people
@require_safe
def links(request: HttpRequest) -> HttpResponse:
    """The links of a person."""
    rows = Share.objects.filter(user=person(request))[:500]
    return render(request, "plot_links.html", {"shares": rows, "now_ms": _now_ms()})


@for_people
@require_POST
def revoke(request: HttpRequest, share: str) -> HttpResponse:
    """End a link."""
    found = Share.objects.filter(user=person(request), id=share).first()
    if found is None:
        raise NotFound(_("You have no such link."))
    shares.revoke(person(request), found)
    return redirect("plot-links")


@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """The picture of a link, with nothing else of the hub."""
    try:
        one = shares.found(token)
        options = _shared_order(one).options
    except (NotFound, BadRequest) as error:
        return not_found(request, error)
    words = {"share": one, "token": token, "look": options.look, "now_ms": _now_ms()}
    return render(request, "plot_shared.html", words)


@require_safe
@with_problems
def shared_picture(request: HttpRequest, token: str, form: str) -> HttpResponse:
    """The link's picture as a file."""
    return picture_file(_shared_order(shares.found(token)), Form(form))


@require_safe
@with_problems
def shared_data(request: HttpRequest, token: str) -> HttpResponse:
    """What the link's page draws. The names of those who left notes stay inside."""
    found = sketch.data(_shared_order(shares.found(token)))
    found["notes"] = [{**note, "who": "", "instrument": ""} for note in found["notes"]]
    return json_answer(found)


def _shared_order(one: Share) -> Order:
    return filled(one.user, options_of(parse_qs(one.query, keep_blank_values=True)))


def _days(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
