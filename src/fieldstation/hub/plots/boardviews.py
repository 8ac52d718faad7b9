"""Dashboards: a person's saved plots side by side, arranged, undone, on a wall."""

from __future__ import annotations

import time
from typing import Any

import orjson
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fieldstation.errors import BadRequest
from fieldstation.hub.plots import boards
from fieldstation.hub.plots.answers import (
    for_people,
    for_programs,
    json_answer,
    not_undone,
    person,
    removal_words,
)
from fieldstation.hub.plots.models import Dashboard, SavedPlot


@for_people
@require_safe
def dashboards(request: HttpRequest) -> HttpResponse:
    """A person's dashboards; the default one opens by itself unless the list is asked for."""
    user = person(request)
    rows = boards.boards_of(user)
    usual = rows.filter(is_default=True).first()
    if usual and "list" not in request.GET:
        return redirect("plot-dashboard", usual.id)
    words = {"rows": rows} | removal_words(request, boards.removed_of(user))
    return render(request, "dashboards.html", words)


@for_people
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """A new dashboard; the first one becomes the default."""
    try:
        made = boards.add(person(request), request.POST.get("name", ""))
    except BadRequest as error:
        words = {"status": 400, "title": _("Too many dashboards"), "text": str(error)}
        return render(request, "error.html", words, status=400)
    return redirect("plot-dashboard", made.id)


@for_people
@require_safe
def dashboard(request: HttpRequest, board: str, *, wall: bool = False) -> HttpResponse:
    """One dashboard with its tools."""
    one = boards.own_board(person(request), board)
    plots = boards.plots_of(one.user)
    words = {
        "board": one,
        "plots": plots,
        "facts": _facts(one, plots),
        "now_ms": time.time_ns() // 1_000_000,
    }
    return render(request, "dashboard_wall.html" if wall else "plot_dashboard.html", words)


def wall(request: HttpRequest, board: str) -> HttpResponse:
    """The same without tools, for a screen on a wall."""
    return dashboard(request, board, wall=True)


@for_programs
@require_POST
def arrange(request: HttpRequest, board: str) -> HttpResponse:
    """Another arrangement; the one before can be had back."""
    with transaction.atomic():
        one = boards.own_board(person(request), board)
        try:
            boards.arrange(one, orjson.loads(request.body)["tiles"])
        except (ValueError, TypeError, KeyError) as error:
            raise BadRequest(_("An arrangement is {tiles: [{plot, wide, tall}, …]}.")) from error
    return json_answer(_facts(one, boards.plots_of(one.user)))


@for_programs
@require_POST
def undo(request: HttpRequest, board: str) -> HttpResponse:
    """The arrangement before."""
    with transaction.atomic():
        one = boards.own_board(person(request), board)
        boards.undo(one)
    return json_answer(_facts(one, boards.plots_of(one.user)))


@for_people
@require_POST
def make_default(request: HttpRequest, board: str) -> HttpResponse:
    """The dashboard that opens by itself."""
    one = boards.own_board(person(request), board)
    boards.make_default(one)
    return redirect("plot-dashboard", one.id)


@for_people
@require_POST
def remove(request: HttpRequest, board: str) -> HttpResponse:
    """Take a dashboard out of sight; the next page offers to undo it."""
    found = boards.own_board(person(request), board)
    boards.remove(found)
    return redirect(f"{reverse('plot-dashboards')}?list&undo={found.id}")


@for_people
@require_POST
def restore(request: HttpRequest, board: str) -> HttpResponse:
    """Bring a dashboard back, and open it."""
    try:
        boards.restore(person(request), board)
    except BadRequest as error:
        return not_undone(request, error)
    return redirect("plot-dashboard", board)


def _facts(one: Dashboard, plots: list[SavedPlot]) -> dict[str, Any]:
    return {"tiles": boards.shown(one, plots), "undo": bool(one.earlier)}
