"""The API's questions about gateways: how they stand, what is missing, whether the days add up.

Shapes are in `schemas`: GatewayList, GatewayDetail, HoleList, CalendarRows, EventList.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Router

from fieldstation.batch.facts import DAY_US
from fieldstation.errors import BadRequest
from fieldstation.hub import runtime
from fieldstation.hub.api import lists, schemas
from fieldstation.hub.api.arrays import json_bytes, moment, rfc3339
from fieldstation.hub.api.cursor import Cursor, cursor_from, paged
from fieldstation.hub.api.instants import days, span_us
from fieldstation.hub.api.principal import own, person
from fieldstation.hub.instruments.catalogue import find, find_gateway
from fieldstation.hub.ledger import models, standing
from fieldstation.hub.ledger.calendar import DayRow, calendar
from fieldstation.hub.ledger.runs import history
from fieldstation.hub.sites import access
from fieldstation.hub.stations import keys
from fieldstation.hub.stations.models import Gateway

router = Router(tags=["gateways"])

MOST_ROWS = 10_000
MOST_DAYS = 400
RUNS_SHOWN = 20
ONE = "/gateways/{gateway}"
Limit = Annotated[int, Field(ge=1, le=MOST_ROWS)]


@router.get("/gateways", response=schemas.GatewayList, summary="All gateways")
def gateways(
    request: HttpRequest, limit: lists.Limit = lists.USUAL, cursor: str = ""
) -> HttpResponse:
    """Every gateway of the person's sites with its last report."""
    found = access.stations(person(request)).select_related("site")
    rows, after = lists.page(found, ["name", "slug"], limit, cursor)
    return _json({"gateways": standing_rows(rows, _now_us()), "next": after})


@router.get(ONE, response=schemas.GatewayDetail, summary="One gateway and its runs")
def one_gateway(request: HttpRequest, gateway: str) -> HttpResponse:
    """The gateway with the last runs of its station."""
    found = find_gateway(own(request), gateway)
    facts = standing_rows([found], _now_us())[0]
    runs = [
        {
            "boot": each.run.boot,
            "kernel": each.run.kernel,
            "version": each.run.version,
            "first_report": rfc3339(each.run.first_us),
            "last_report": rfc3339(each.run.last_us),
            "superseded": each.superseded,
            "ending": each.ending,
        }
        for each in history(found.id, RUNS_SHOWN)
    ]
    return _json(facts | {"history": runs})


@router.get(ONE + "/holes", response=schemas.HoleList, summary="What is missing, and why")
def gateway_holes(
    request: HttpRequest,
    gateway: str,
    start: str = "-7d",
    end: str = "now",
    instrument: str = "",
    limit: Limit = 1000,
    cursor: str = "",
) -> HttpResponse:
    """Holes that reach into the range, in order of their first instant."""
    return _holes(find_gateway(own(request), gateway).id, instrument, start, end, limit, cursor)


@router.get(
    "/instruments/{gateway}/{path:instrument}/holes",
    response=schemas.HoleList,
    summary="What is missing of one instrument, and why",
)
def instrument_holes(
    request: HttpRequest,
    gateway: str,
    instrument: str,
    start: str = "-7d",
    end: str = "now",
    limit: Limit = 1000,
    cursor: str = "",
) -> HttpResponse:
    """Holes that reach into the range, in order of their first instant."""
    one = find(runtime.running().store, own(request), gateway, instrument)
    return _holes(one.gateway.id, one.name, start, end, limit, cursor)


@router.get(ONE + "/calendar", response=schemas.CalendarRows, summary="Completeness by day")
def gateway_calendar(
    request: HttpRequest,
    gateway: str,
    start_day: str = "-30d",
    end_day: str = "today",
    instrument: str = "",
    limit: Limit = 5000,
    cursor: str = "",
) -> HttpResponse:
    """The account of every instrument and UTC day, both days included."""
    now_us = _now_us()
    first, last = days(start_day, end_day, now_us)
    if last - first >= MOST_DAYS:
        raise BadRequest(
            _("A calendar shows at most %(most_days)s days; ask for fewer.")
            % {"most_days": MOST_DAYS}
        )
    found = find_gateway(own(request), gateway)
    # A row's place is its day, so that a page begins without counting the days before it.
    begin = cursor_from(cursor) if cursor else Cursor(first * DAY_US, 0)
    from_day = max(first, begin.at_us // DAY_US)
    store = runtime.running().store
    rows = calendar(store, found.id, from_day, last, instrument, now_us)
    page, after = paged(rows[begin.skip :], begin, limit, lambda row: row.day * DAY_US)
    at_us = standing.heard_us(found.id, models.Standing.objects.filter(gateway=found).first())
    return _json(
        {
            "start_day": _day(first),
            "end_day": _day(last),
            "heard": _instant(at_us),
            "online": standing.is_online(at_us, now_us),
            "rows": [_account(row) for row in page],
            "next": after,
        }
    )


@router.get(ONE + "/events", response=schemas.EventList, summary="What happened, newest first")
def gateway_events(
    request: HttpRequest,
    gateway: str,
    start: str = "-30d",
    end: str = "now",
    limit: Limit = 200,
    cursor: str = "",
) -> HttpResponse:
    """Events of the station and of its uploads."""
    first, last = span_us(start, end, _now_us())
    begin = cursor_from(cursor) if cursor else Cursor(last - 1, 0)
    found = models.Event.objects.filter(
        gateway=find_gateway(own(request), gateway),
        at_us__gte=first,
        at_us__lte=min(begin.at_us, last - 1),
    ).order_by("-at_us", "-id")
    rows = found[begin.skip : begin.skip + limit + 1]
    page, after = paged(list(rows), begin, limit, lambda row: row.at_us)
    events = [
        {
            "at": rfc3339(row.at_us),
            "what": row.what,
            "text": row.text,
            "source": "hub" if row.origin else "station",
            "boot": row.boot,
        }
        for row in page
    ]
    return _json({"events": events, "next": after})


def _holes(
    gateway: UUID, instrument: str, start: str, end: str, limit: int, cursor: str
) -> HttpResponse:
    first, last = span_us(start, end, _now_us())
    wanted = Q(gateway_id=gateway, first_utc_us__lt=last, last_utc_us__gte=first)
    if instrument:
        wanted &= Q(instrument=instrument)
    begin = cursor_from(cursor) if cursor else Cursor(0, 0)
    found: QuerySet[models.Hole] = models.Hole.objects.filter(
        wanted, first_utc_us__gte=begin.at_us
    ).order_by("first_utc_us", "id")
    rows = list(found[begin.skip : begin.skip + limit + 1])
    page, after = paged(rows, begin, limit, lambda row: row.first_utc_us)
    return _json({"holes": [_hole(row) for row in page], "next": after})


def _hole(row: models.Hole) -> dict[str, Any]:
    return {
        "instrument": row.instrument,
        "layout": row.layout,
        "cause": row.cause,
        "state": row.state,
        "first": rfc3339(row.first_utc_us),
        "last": rfc3339(row.last_utc_us),
        "count": row.count,
        "boot": row.boot,
        "number": row.number,
    }


def _account(row: DayRow) -> dict[str, Any]:
    return {
        "day": _day(row.day),
        "instrument": row.instrument,
        "state": row.verdict,
        "due": row.due if row.known else None,
        "stored": row.stored,
        "missed": row.missed,
        "holes": dict(row.holes),
        "recovered": row.recovered,
        "refused": row.refused,
        "in_transit": row.in_transit,
        "completeness": round(row.completeness, 6) if row.known else None,
        "adds_up": row.adds_up if row.known else None,
    }


def standing_rows(found: list[Gateway], now_us: int) -> list[dict[str, Any]]:
    """What is known of each of these gateways."""
    ids = [gateway.id for gateway in found]
    reports = {row.gateway_id: row for row in models.Standing.objects.filter(gateway__in=ids)}
    runs = standing.runs(ids)
    holes = standing.open_holes(ids)
    return [
        _standing(one, reports.get(one.id), runs.get(one.id, (0, 0)), holes.get(one.id, 0), now_us)
        for one in found
    ]


def _standing(
    gateway: Gateway,
    report: models.Standing | None,
    runs: tuple[int, int],
    open_holes: int,
    now_us: int,
) -> dict[str, Any]:
    seen_us = standing.newest_us(gateway.last_seen, report)
    count, since_us = runs
    return {
        "gateway": gateway.slug,
        "name": gateway.name,
        "state": standing.hearing(seen_us, now_us),
        "revoked": gateway.revoked_at is not None,
        "last_seen": _instant(seen_us),
        "last_report": _instant(report.at_us if report else 0),
        "version": report.version if report else "",
        "boot": report.boot if report else "",
        "kernel": report.kernel if report else "",
        "journal": report.journal if report else "",
        "running_since": _instant(since_us),
        "runs": count,
        "clock_offset_s": report.offset_us / 1e6 if report else None,
        "clock_trusted": report.trust > 0 if report else None,
        "backlog": report.backlog if report else None,
        "oldest": _instant(report.oldest_us) if report and report.backlog else None,
        "drained_in_s": report.backlog / report.pace if report and report.pace > 0 else None,
        "journal_bytes": report.journal_bytes if report else None,
        "disk_free_bytes": report.disk_free_bytes if report else None,
        "open_holes": open_holes,
        "alarm": _alarm(report),
        "site": gateway.site.slug,
        "device": gateway.device,
        "program": gateway.program,
        "keyed": _moment(gateway.keyed_at),
        "old_key_until": _moment(gateway.old_key_until if gateway.old_key_hash else None),
        "undo_until": _moment(keys.undo_until(gateway)),
    }


def _moment(at: datetime | None) -> str | None:
    return moment(at) if at else None


def _alarm(report: models.Standing | None) -> dict[str, Any] | None:
    if report is None or not report.alarm:
        return None
    return {"code": report.alarm, "since": rfc3339(report.alarm_us), "text": report.alarm_text}


def _instant(utc_us: int) -> str | None:
    return rfc3339(utc_us) if utc_us > 0 else None


def _day(number: int) -> str:
    return datetime.fromtimestamp(number * 86400, UTC).strftime("%Y-%m-%d")


def _json(answer: Any) -> HttpResponse:
    return HttpResponse(json_bytes(answer), content_type="application/json")


def _now_us() -> int:
    return time.time_ns() // 1000
