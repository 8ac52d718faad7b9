"""Dashboards: a person's saved plots side by side, arranged, undone, on a wall."""

from __future__ import annotations

import time
from typing import Any

import orjson
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.plots.answers import for_people, for_programs, json_answer, person
from fieldstation.hub.plots.models import LONGEST_NAME, Dashboard, SavedPlot

MOST_TILES, MOST_EARLIER, MOST_BOARDS = 24, 20, 100
WIDEST, TALLEST = 4, 3

Tile = dict[str, Any]


@for_people
@require_safe
def dashboards(request: HttpRequest) -> HttpResponse:
    """A person's dashboards; the default one opens by itself unless the list is asked for."""
    rows = Dashboard.objects.filter(user=person(request))
    usual = rows.filter(is_default=True).first()
    if usual and "list" not in request.GET:
        return redirect("plot-dashboard", usual.id)
    return render(request, "dashboards.html", {"rows": rows})


@for_people
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """A new dashboard; the first one becomes the default."""
    user = person(request)
    name = " ".join(request.POST.get("name", "").split())[:LONGEST_NAME] or "Dashboard"
    count = Dashboard.objects.filter(user=user).count()
    if count >= MOST_BOARDS:
        words = {"status": 400, "title": "Too many dashboards", "text": "Remove one first."}
        return render(request, "error.html", words, status=400)
    made = Dashboard.objects.create(user=user, name=name, is_default=count == 0)
    return redirect("plot-dashboard", made.id)


@for_people
@require_safe
def dashboard(request: HttpRequest, board: str, *, wall: bool = False) -> HttpResponse:
    """One dashboard with its tools."""
    one = _own(request, board)
    plots = SavedPlot.objects.filter(user=person(request), removed_at=None)
    words = {
        "board": one,
        "plots": plots,
        "facts": _facts(one, list(plots)),
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
        one = _own(request, board)
        tiles = _tiles(request)
        if tiles != one.tiles:
            one.earlier = [*one.earlier, one.tiles][-MOST_EARLIER:]
            one.tiles = tiles
            one.save(update_fields=["tiles", "earlier"])
    return json_answer(_facts(one, _plots(request)))


@for_programs
@require_POST
def undo(request: HttpRequest, board: str) -> HttpResponse:
    """The arrangement before."""
    with transaction.atomic():
        one = _own(request, board)
        if one.earlier:
            one.tiles = one.earlier.pop()
            one.save(update_fields=["tiles", "earlier"])
    return json_answer(_facts(one, _plots(request)))


@for_people
@require_POST
def make_default(request: HttpRequest, board: str) -> HttpResponse:
    """The dashboard that opens by itself."""
    one = _own(request, board)
    with transaction.atomic():
        Dashboard.objects.filter(user=person(request)).update(is_default=False)
        Dashboard.objects.filter(id=one.id).update(is_default=True)
    return redirect("plot-dashboard", one.id)


@for_people
@require_POST
def remove(request: HttpRequest, board: str) -> HttpResponse:
    """Remove a dashboard; the plots on it stay."""
    _own(request, board).delete()
    return redirect("plot-dashboards")


def _own(request: HttpRequest, board: str) -> Dashboard:
    found = Dashboard.objects.filter(user=person(request), id=board).first()
    if found is None:
        raise NotFound("You have no such dashboard.")
    return found


def _plots(request: HttpRequest) -> list[SavedPlot]:
    return list(SavedPlot.objects.filter(user=person(request), removed_at=None))


def _facts(one: Dashboard, plots: list[SavedPlot]) -> dict[str, Any]:
    """The tiles with what each shows; those of removed plots are left out."""
    known = {str(plot.id): plot for plot in plots}
    return {
        "tiles": [
            {**tile, "name": known[tile["plot"]].name, "query": known[tile["plot"]].query}
            for tile in one.tiles
            if tile["plot"] in known
        ],
        "undo": bool(one.earlier),
    }


def _tiles(request: HttpRequest) -> list[Tile]:
    known = {str(plot.id) for plot in _plots(request)}
    try:
        rows = orjson.loads(request.body)["tiles"]
        tiles = [_tile(row, known) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise BadRequest("An arrangement is {tiles: [{plot, wide, tall}, …]}.") from error
    if len(tiles) > MOST_TILES:
        raise BadRequest(f"A dashboard has room for {MOST_TILES} plots.")
    return tiles


def _tile(row: dict[str, Any], known: set[str]) -> Tile:
    wide, tall = int(row["wide"]), int(row["tall"])
    if row["plot"] not in known:
        raise BadRequest("You keep no such plot.")
    return {
        "plot": row["plot"],
        "wide": min(max(wide, 1), WIDEST),
        "tall": min(max(tall, 1), TALLEST),
    }
