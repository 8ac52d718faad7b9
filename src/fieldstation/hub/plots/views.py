"""The page where pictures are ordered, their files and data, and what a person saves of them."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fieldstation.errors import BadRequest, NotFound
from fieldstation.export.picture import MARKERS, STYLES, Form
from fieldstation.hub import runtime
from fieldstation.hub.instruments.words import channel_label, plottable
from fieldstation.hub.plots import keeping, sketch
from fieldstation.hub.plots.answers import (
    filled,
    for_people,
    for_programs,
    json_answer,
    not_undone,
    options_from,
    person,
    picture_file,
    removal_words,
)
from fieldstation.hub.plots.options import COMPARE, PlotOptions
from fieldstation.hub.plots.order import instruments_of
from fieldstation.hub.plots.shares import DAYS
from fieldstation.hub.sites import access
from fieldstation.hub.sites.models import Role


@for_people
@require_safe
def plots(request: HttpRequest) -> HttpResponse:
    """The order form, and below it the picture that the address orders."""
    options, problem = PlotOptions(), ""
    try:
        options = options_from(request)
        filled(person(request), options)
    except (BadRequest, NotFound) as error:
        problem = str(error)
    user = person(request)
    words = _form_words(request, options) | {
        "problem": problem,
        "drawn": bool(options.curves) and not problem,
        "saved": keeping.plots_of(user),
    }
    words |= removal_words(request, keeping.removed_of(user))
    return render(request, "plots.html", words, status=400 if problem else 200)


@for_programs
@require_safe
def picture(request: HttpRequest, form: str) -> HttpResponse:
    """The picture as a file."""
    return picture_file(filled(person(request), options_from(request)), Form(form))


@for_programs
@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """What the page draws, with figures of the span."""
    order = filled(person(request), options_from(request))
    user = person(request)
    editor = all(access.may(user, Role.EDITOR, one.gateway.site) for one in order.instruments)
    return json_answer(sketch.data(order, editor=editor))


@for_programs
@require_safe
def days(request: HttpRequest) -> HttpResponse:
    """The span day by day, days of the site's time zone."""
    order = filled(person(request), options_from(request))
    return json_answer({"zone": str(order.zone), "curves": sketch.day_rows(order)})


@for_people
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep the picture of a query under a name."""
    form = request.POST
    try:
        made = keeping.save(person(request), form.get("query", ""), form.get("name", ""))
    except BadRequest as error:
        return render(request, "error.html", _sentence(error), status=400)
    return redirect(f"{reverse('plots')}?{made.query}")


@for_people
@require_safe
def saved(request: HttpRequest, plot: str) -> HttpResponse:
    """The way to a saved plot."""
    return redirect(f"{reverse('plots')}?{keeping.own_plot(person(request), plot).query}")


@for_people
@require_POST
def remove(request: HttpRequest, plot: str) -> HttpResponse:
    """Take a saved plot out of sight; the next page offers to undo it."""
    found = keeping.own_plot(person(request), plot)
    keeping.remove(found)
    return redirect(f"{reverse('plots')}?undo={found.id}")


@for_people
@require_POST
def restore(request: HttpRequest, plot: str) -> HttpResponse:
    """Bring a saved plot back."""
    try:
        keeping.restore(person(request), plot)
    except BadRequest as error:
        return not_undone(request, error)
    return redirect("plots")


def _form_words(request: HttpRequest, options: PlotOptions) -> dict[str, Any]:
    chosen = {str(curve) for curve in options.curves}
    groups = []
    for one in instruments_of(person(request), runtime.running().store):
        place = f"{one.gateway.slug}/{one.name}"
        rows = [
            (f"{place}:{c.name}", channel_label(c), c.unit, f"{place}:{c.name}" in chosen)
            for c in one.entry.channels
            if plottable(c)
        ]
        groups.append((one, rows, any(row[3] for row in rows)))
    return {
        "options": options,
        "look": options.look,
        "query": options.query(),
        "groups": groups,
        "styles": list(STYLES),
        "markers": MARKERS,
        "compares": [(word, sketch.compare_word(word)) for word in COMPARE],
        "share_days": DAYS,
        "now_ms": time.time_ns() // 1_000_000,
    }


def _sentence(error: Exception) -> dict[str, Any]:
    return {"status": 400, "title": _("That cannot be kept"), "text": str(error)}
