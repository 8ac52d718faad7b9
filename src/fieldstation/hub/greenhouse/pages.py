"""Pages of the three stores: home with its warnings, newest documents, graph forms, pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.export.picture import Curve, Form, Picture
from fieldstation.hub.accounts.models import User
from fieldstation.hub.greenhouse import house, reads, tables
from fieldstation.hub.greenhouse.answers import form, methods, open_data, open_page
from fieldstation.hub.greenhouse.dates import MINUTE_US, text_of, us_of
from fieldstation.hub.greenhouse.forms import BmsGraphForm, GraphForm, TristarGraphForm
from fieldstation.hub.greenhouse.models import Kind
from fieldstation.hub.greenhouse.reads import Question
from fieldstation.hub.instruments import pages as instruments
from fieldstation.hub.plots.drawing import DRAWERS
from fieldstation.hub.sensors import history
from fieldstation.hub.sites import access
from fieldstation.hub.sites.models import Role, Site

_ICON = Path(__file__).parent.parent / "static" / "hub" / "icon.svg"
PICTURE = "/BMS/serverside/picture.png"


@methods("GET")
def front(request: HttpRequest) -> HttpResponse:
    """The first page: for people with an account their instruments and the old site's warnings; for
    visitors the old home page, where there is one that strangers may read.
    """
    found = house.house()
    if found is None or not (found.open_reads or isinstance(request.user, User)):
        return instruments.dashboard(request)
    if isinstance(request.user, User):
        return instruments.dashboard(request, _banners(request.user, found.site))
    return _home(request)


@methods("GET")
def home(request: HttpRequest) -> HttpResponse:
    """The home page of the old site."""
    return _home(request)


@methods("GET")
def about(request: HttpRequest) -> HttpResponse:
    """What this is."""
    return _page(request, "about.html", {})


@methods("GET")
def favicon(request: HttpRequest) -> HttpResponse:
    """The icon, at the place where browsers look for it unasked."""
    return HttpResponse(_ICON.read_bytes(), content_type="image/svg+xml")


@methods("GET")
@open_page
def bms_newest(request: HttpRequest) -> HttpResponse:
    """The newest BMS document as tables."""
    document, at = _newest(Kind.BMS)
    return _tables(request, _("Battery now"), tables.tables(document, ordered=True), at)


@methods("GET")
@open_page
def bms_pins(request: HttpRequest) -> HttpResponse:
    """The pins that are connected."""
    document, at = _newest(Kind.BMS)
    words = {"title": _("Pins connected"), "pins": tables.pins(document), "at": at}
    return _page(request, "pins.html", words)


@methods("GET")
@open_page
def tristar_newest(request: HttpRequest) -> HttpResponse:
    """The newest TriStar document as tables."""
    document, at = _newest(Kind.TRISTAR)
    return _tables(request, _("Charge controller now"), tables.tables(document), at)


@methods("GET")
@open_page
def charge_settings(request: HttpRequest) -> HttpResponse:
    """The charge settings of the newest daily document."""
    return _section(request, _("Charge settings"), "Charge Settings")


@methods("GET")
@open_page
def daily_values(request: HttpRequest) -> HttpResponse:
    """The logger values of the newest daily document."""
    return _section(request, _("Daily values"), "Daily Logger Values")


@methods("GET", "POST")
@form
@open_page
def bms_graph(request: HttpRequest) -> HttpResponse:
    """The graph form of the battery; the browser draws."""
    return _graph(request, _("Battery graph"), BmsGraphForm, "/BMS/api")


@methods("GET", "POST")
@form
@open_page
def tristar_graph(request: HttpRequest) -> HttpResponse:
    """The graph form of the charge controller; the browser draws."""
    return _graph(request, _("Charge controller graph"), TristarGraphForm, "/Tristar/api")


@methods("GET", "POST")
@form
@open_page
def bms_picture_form(request: HttpRequest) -> HttpResponse:
    """The graph form of the battery; the server draws."""
    graph = BmsGraphForm(request.POST or None)
    words: dict[str, Any] = {"title": _("Battery picture"), "form": graph}
    if graph.is_bound and graph.is_valid():
        query = request.POST.copy()
        for token in ("csrf_token", "csrfmiddlewaretoken", "submit"):
            query.pop(token, None)
        words["picture"] = f"{PICTURE}?{query.urlencode()}"
    return _page(request, "graph.html", words)


@methods("GET")
@open_data
def bms_picture(request: HttpRequest) -> HttpResponse:
    """The picture that a query asks for, drawn for this request alone."""
    graph = BmsGraphForm(request.GET)
    if not graph.is_valid():
        raise BadRequest("; ".join(f"{name}: {e[0]}" for name, e in graph.errors.items()))
    question = reads.bms_question(graph.cleaned_data["units"])
    body = DRAWERS.draw(_picture(graph, question))
    return HttpResponse(body, content_type="image/png")


def _home(request: HttpRequest) -> HttpResponse:
    found = _warnings() if house.may_read_stores(request.user) else []
    return _page(request, "home.html", {"banners": found})


def _banners(user: User, site: Site) -> list[tables.Banner]:
    """The old site's warnings, for the people of its site."""
    return _warnings() if access.may(user, Role.VIEWER, site) else []


def _warnings() -> list[tables.Banner]:
    return tables.banners(_newest(Kind.BMS)[0], _newest(Kind.TRISTAR)[0])


def _graph(request: HttpRequest, title: str, kind: type[GraphForm], api: str) -> HttpResponse:
    graph = kind(request.POST or None)
    words: dict[str, Any] = {"title": title, "form": graph}
    if graph.is_bound and graph.is_valid():
        given = graph.cleaned_data
        start, end = (quote(text_of(us_of(given[name]))) for name in ("start_date", "end_date"))
        words["source"] = f"{api}/{start}/{end}/{given['interval']}/{quote(given['units'])}"
        words["label"] = graph.parameters[given["units"]]
        words["look"] = graph.look()
    return _page(request, "graph.html", words)


def _picture(graph: GraphForm, question: Question) -> Picture:
    given = graph.cleaned_data
    start_us, end_us = us_of(given["start_date"]), us_of(given["end_date"])
    data = reads.series(question, start_us, end_us, given["interval"])["data"]
    instants = range(start_us, end_us, given["interval"] * MINUTE_US)
    told = [(at_us, _number(data[text])) for at_us in instants if (text := text_of(at_us)) in data]
    drawn = [(at_us, number) for at_us, number in told if number is not None]
    values = np.array([number for _, number in drawn], dtype=np.float64)
    times = np.array([at_us for at_us, _ in drawn], dtype=np.int64)
    curve = Curve(
        graph.parameters[question.name], "", times, values, values, values,
        2 * given["interval"] * MINUTE_US,
    )  # fmt: skip
    return Picture(
        graph.look(), start_us, max(end_us, start_us + MINUTE_US), "UTC", (curve,), form=Form.PNG
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _section(request: HttpRequest, title: str, name: str) -> HttpResponse:
    document, at = _newest(Kind.DAILY)
    table = tables.section(document, name)
    return _tables(request, title, [table] if table else [], at)


def _tables(request: HttpRequest, title: str, found: list[tables.Table], at: str) -> HttpResponse:
    return _page(request, "tables.html", {"title": title, "tables": found, "at": at})


def _newest(kind: Kind) -> tuple[dict[str, Any], str]:
    """The newest document of a kind and its time in words; empty when there is none."""
    sensor = house.store_of(kind)
    kept = history.latest(sensor) if sensor else None
    if kept is None:
        return {}, ""
    return json.loads(kept.text), text_of(kept.at_us)


def _page(request: HttpRequest, template: str, words: dict[str, Any]) -> HttpResponse:
    return render(request, f"greenhouse/{template}", words)
