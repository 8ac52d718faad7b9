"""Sensors by the old forms: request a graph, register one, see all rows."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.greenhouse import house, tables
from fieldstation.hub.greenhouse.answers import (
    SENSORS,
    form,
    go,
    methods,
    person,
    refused,
    signed_in,
    to_login,
)  # fmt: skip
from fieldstation.hub.greenhouse.dates import text_of, us_of
from fieldstation.hub.greenhouse.forms import RegisterSensorForm, SensorRequestForm
from fieldstation.hub.greenhouse.models import DoubtfulTime
from fieldstation.hub.greenhouse.people import flash, flashed
from fieldstation.hub.greenhouse.reads import readable
from fieldstation.hub.greenhouse.rows import text_of_document
from fieldstation.hub.sensors import registration
from fieldstation.hub.sensors import views as own
from fieldstation.hub.sensors.history import visible
from fieldstation.hub.sensors.models import Sensor
from fieldstation.hub.sites import audit

ON_A_PAGE = 200


@methods("GET", "POST")
@signed_in
@form
def listed(request: HttpRequest) -> HttpResponse:
    """The hub's own page of sensors; a POST is that of the old request form."""
    return _requested(request) if request.method == "POST" else own.sensors(request)


@methods("GET", "POST")
@signed_in
@form
def requested(request: HttpRequest) -> HttpResponse:
    """The request form for the person's own sensors, and the graph that it asks for."""
    return _requested(request)


def _requested(request: HttpRequest) -> HttpResponse:
    mine = Sensor.objects.filter(owner=person(request), deleted_at=None).order_by("name", "pk")
    numbers = {str(house.number_of(one)): one for one in mine}
    asked = SensorRequestForm([(n, one.name) for n, one in numbers.items()], request.POST or None)
    words: dict[str, Any] = {
        "title": _("Graph of a sensor"), "form": asked, "flash": flashed(request)
    }  # fmt: skip
    if asked.is_bound and asked.is_valid():
        given = asked.cleaned_data
        start, end = (quote(text_of(us_of(given[name]))) for name in ("start_date", "end_date"))
        number = given["sensors_owned"]
        words |= {
            "source": f"/sensors/get-sensor-json-data-range/{number}/{start}/{end}"
            f"/{given['interval']}",
            "label": numbers[number].name,
            "look": {"title": given["title"], "x_title": given["x_axis"],
                     "y_title": given["y_axis"], "marker": "None"},
        }  # fmt: skip
    return render(request, "greenhouse/graph.html", words)


@methods("GET", "POST")
@signed_in
@form
def registered(request: HttpRequest) -> HttpResponse:
    """The hub's own form for a new sensor; a POST with `sensor_name` is that of the old one."""
    old = request.method == "POST" and "sensor_name" in request.POST
    return _register(request) if old else own.register(request)


def _register(request: HttpRequest) -> HttpResponse:
    asked = RegisterSensorForm(request.POST)
    if asked.is_valid():
        given, user = asked.cleaned_data, person(request)
        try:
            made = registration.new_sensor(
                user, house.own_site(user), given["sensor_name"], kind=given["type"],
                protocol=given["protocol"],
                units={given["sensor_name"]: given["units"]} if given["units"] else {},
            )  # fmt: skip
        except BadRequest as error:
            asked.add_error("sensor_name", str(error))
        else:
            audit.note(user, "sensor.registered", made.name, site=made.site)
            flash(request, "success", _("Your sensor has been registered."))
            return go(SENSORS)
    words = {"title": _("Register a sensor"), "form": asked, "send": _("Register")}
    return render(request, "greenhouse/form.html", words)


@methods("GET")
def all_rows(request: HttpRequest, sensor_id: int) -> HttpResponse:
    """Every row of one sensor, page by page, oldest first."""
    sensor = readable(request, sensor_id)
    if sensor is None:
        return to_login(request)
    found = visible(sensor).select_related("sample").order_by("at_us", "pk")
    page = Paginator(found, ON_A_PAGE).get_page(request.GET.get("page"))
    times = [row.at_us for row in page]
    doubtful = set(
        DoubtfulTime.objects.filter(sensor=sensor, at_us__in=times).values_list("at_us", flat=True)
    )
    rows = [
        {
            "at": text_of(row.at_us),
            "marked": row.marked,
            "doubtful": row.at_us in doubtful,
            "table": tables.flat(json.loads(text_of_document(row))),
        }
        for row in page
    ]
    words = {
        "sensor": sensor, "rows": rows, "page": page, "number": sensor_id,
        "public": house.is_public(sensor), "may_change": house.may_change(sensor, request.user),
    }  # fmt: skip
    return render(request, "greenhouse/rows.html", words)


@methods("POST")
@signed_in
@form
def public_reading(request: HttpRequest, sensor_id: int) -> HttpResponse:
    """Say whether anybody may read the sensor."""
    sensor = house.sensor_numbered(sensor_id)
    if sensor is None or not house.may_read(sensor, request.user):
        raise NotFound(_("There is no sensor of this number."))
    if not house.may_change(sensor, request.user):
        return refused(request, 403)
    public = "public" in request.POST
    house.make_public(person(request), sensor, public=public)
    return go(reverse("old-sensor-rows", args=[sensor_id]))
