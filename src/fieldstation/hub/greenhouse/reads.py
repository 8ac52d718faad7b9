"""The JSON reads of the old site: single points and ranges.

Source: wire-compatibility sheet, A.5 to A.7. Windows, the earliest-row rule and the different
treatment of unknown names are kept as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from fieldstation.errors import NotFound
from fieldstation.hub.greenhouse import house, parameters, rows
from fieldstation.hub.greenhouse.answers import json_answer, methods, open_data, refused
from fieldstation.hub.greenhouse.dates import MINUTE_US, SECOND_US, instant_us, text_of
from fieldstation.hub.greenhouse.models import Kind
from fieldstation.hub.greenhouse.parameters import MISSING, Parameter
from fieldstation.hub.sensors.models import Sensor

TEN_MINUTES_US, ELEVEN_HOURS_US = 10 * MINUTE_US, 660 * MINUTE_US


@dataclass(frozen=True, slots=True)
class Window:
    """How far before and after the asked instant a row may lie, both ends included."""

    before_us: int
    after_us: int


# Lopsided by a slip of the old code; kept, as clients may rely on it.
BMS_POINT = Window(30 * SECOND_US, 30 * MINUTE_US)
NEAR = Window(TEN_MINUTES_US, TEN_MINUTES_US)
DAILY = Window(ELEVEN_HOURS_US, ELEVEN_HOURS_US)


@dataclass(frozen=True, slots=True)
class Question:
    """What a name asks for: the store, the place in its documents (None: unknown), the windows."""

    name: str
    kind: Kind
    parameter: Parameter | None
    point: Window
    around: Window

    @property
    def echoes_unknown(self) -> bool:
        """TriStar echoes names that it does not know, with null; BMS does not."""
        return self.parameter is None and self.kind is not Kind.BMS

    def value(self, document: Mapping[str, Any]) -> Any:
        """The value, or MISSING."""
        if self.parameter is None:
            return None if self.echoes_unknown else MISSING
        return parameters.find(self.parameter, document)


def bms_question(name: str) -> Question:
    """What a name of the BMS routes asks for."""
    return Question(name, Kind.BMS, parameters.BMS.get(name), BMS_POINT, NEAR)


def tristar_question(name: str) -> Question:
    """What a name of the TriStar routes asks for; those that end in `_daily` in the daily store."""
    if name.endswith("_daily"):
        return Question(name, Kind.DAILY, parameters.DAILY.get(name), DAILY, DAILY)
    return Question(name, Kind.TRISTAR, parameters.TRISTAR.get(name), NEAR, NEAR)


@methods("GET")
@open_data
def bms_point(request: HttpRequest, date: str, parameter: str) -> HttpResponse:
    """One BMS value."""
    return _point(bms_question(parameter), instant_us(date))


@methods("GET")
@open_data
def tristar_point(request: HttpRequest, date: str, parameter: str) -> HttpResponse:
    """One TriStar value."""
    return _point(tristar_question(parameter), instant_us(date))


@methods("GET")
@open_data
def bms_range(
    request: HttpRequest, start: str, end: str, interval: int, parameter: str
) -> HttpResponse:
    """BMS values on a grid."""
    return json_answer(
        series(bms_question(parameter), instant_us(start), instant_us(end), interval)
    )


@methods("GET")
@open_data
def tristar_range(
    request: HttpRequest, start: str, end: str, interval: int, parameter: str
) -> HttpResponse:
    """TriStar values on a grid."""
    question = tristar_question(parameter)
    return json_answer(series(question, instant_us(start), instant_us(end), interval))


@methods("GET")
def sensor_point(request: HttpRequest, sensor_id: int, date: str) -> HttpResponse:
    """The document of a sensor at an instant, as posted."""
    sensor = readable(request, sensor_id)
    if sensor is None:
        return refused(request, 403)
    at_us = instant_us(date)
    row = rows.earliest(sensor, at_us - TEN_MINUTES_US, at_us + TEN_MINUTES_US)
    if row is None:
        return json_answer({"data": {}, "date": text_of(at_us)})
    return HttpResponse(rows.text_of_document(row), content_type="application/json")


@methods("GET")
def sensor_range(
    request: HttpRequest, sensor_id: int, start: str, end: str, interval: int
) -> HttpResponse:
    """Documents of a sensor by the times of their rows, each once."""
    sensor = readable(request, sensor_id)
    if sensor is None:
        return refused(request, 403)
    instants = rows.grid(instant_us(start), instant_us(end), interval)
    places = {
        number: at_us
        for _, (at_us, number) in rows.on_grid(sensor, instants, instants.step, instants.step)
    }
    documents = rows.contents(list(places))
    answer: dict[str, Any] = {}
    for number, at_us in places.items():
        answer.setdefault(text_of(at_us), documents[number])
    return json_answer(answer)


def series(question: Question, start_us: int, end_us: int, interval: int) -> dict[str, Any]:
    """The answer of a range read. Raises BadRequest."""
    instants = rows.grid(start_us, end_us, interval)
    sensor = house.store_of(question.kind)
    if sensor is None or not instants:
        return {"parameter": question.name, "data": {}}
    window = question.around
    found = list(rows.on_grid(sensor, instants, window.before_us, window.after_us))
    documents = rows.contents(list(dict.fromkeys(number for _, (_, number) in found)))
    values = {number: question.value(document) for number, document in documents.items()}
    data = {
        text_of(instant): values[number]
        for instant, (_, number) in found
        if values[number] is not MISSING
    }
    return {"parameter": question.name, "data": data}


def readable(request: HttpRequest, number: int) -> Sensor | None:
    """The sensor that old scripts know by this number, None when this visitor may not read it.
    Raises NotFound.
    """
    sensor = house.sensor_numbered(number)
    if sensor is None:
        raise NotFound("There is no sensor of this number.")
    word, _, token = request.headers.get("Authorization", "").partition(" ")
    bearer = token.strip() if word.lower() == "bearer" else ""
    return sensor if house.may_read(sensor, request.user, bearer) else None


def _point(question: Question, at_us: int) -> HttpResponse:
    sensor = house.store_of(question.kind)
    window = question.point
    row = sensor and rows.earliest(sensor, at_us - window.before_us, at_us + window.after_us)
    if not row:
        raise NotFound("There is no reading near this time.")
    value = question.value(rows.contents([row.pk])[row.pk])
    missing = value is MISSING
    return json_answer(
        {
            "date": text_of(row.at_us),
            "parameter": "error" if missing else question.name,
            "value": None if missing else value,
        }
    )
