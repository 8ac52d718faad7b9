"""The API's questions: which instruments, their newest values, readings, buckets, states.

Answers are made straight from the store's arrays. The classes in `schemas` describe them in
`openapi.json`; a test holds both together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Router

from fieldstation.errors import BadRequest
from fieldstation.hub import runtime
from fieldstation.hub.api import lists, schemas
from fieldstation.hub.api.arrays import (
    bucket_columns,
    column,
    json_bytes,
    rfc3339,
    rfc3339_column,
    span_columns,
)
from fieldstation.hub.api.cursor import Cursor, cursor_from
from fieldstation.hub.api.instants import span_us
from fieldstation.hub.api.principal import own
from fieldstation.hub.instruments.catalogue import Instrument, all_instruments, find
from fieldstation.hub.instruments.spans import states as spans_of
from fieldstation.hub.instruments.words import averaged
from fieldstation.model import Channel, Kind
from fieldstation.series.api import SeriesStore

router = Router(tags=["readings"])

MOST_BUCKETS = 4096
MOST_READINGS = 10_000
# What one answer may hold in all, whatever the number of channels: some 20 MB of JSON at worst.
MOST_VALUES = 400_000
ONE = "/instruments/{gateway}/{path:instrument}"


@router.get("/instruments", response=schemas.InstrumentList, summary="All instruments")
def instruments(
    request: HttpRequest, limit: lists.Limit = lists.USUAL, cursor: str = ""
) -> HttpResponse:
    """Every instrument of the person's sites, with its state and its newest reading."""

    def answer(store: SeriesStore) -> Any:
        found = all_instruments(store, own(request))
        rows, after = lists.page_of(found, _place, limit, cursor)
        return {"instruments": [_facts(one, store) for one in rows], "next": after}

    return _json(answer)


@router.get(ONE + "/latest", response=schemas.LatestValues, summary="Newest values")
def latest(request: HttpRequest, gateway: str, instrument: str) -> HttpResponse:
    """The newest value of every channel, each with the time of its own reading."""

    def answer(store: SeriesStore) -> Any:
        one = find(store, own(request), gateway, instrument)
        newest = one.latest(store)
        times = {name: rfc3339(at) for name, at in newest.times_us.items()}
        return _facts(one, store) | {"values": dict(newest.values), "times": times}

    return _json(answer)


@router.get(
    ONE + "/readings", response=schemas.ReadingColumns, summary="Readings as they were taken"
)
def readings(
    request: HttpRequest,
    gateway: str,
    instrument: str,
    channels: str = "",
    start: str = "-24h",
    end: str = "now",
    limit: Annotated[int, Field(ge=1, le=MOST_READINGS)] = 1000,
    cursor: str = "",
) -> HttpResponse:
    """Columns of equal length in time order; `next` is the cursor of the following page."""
    first, last = span_us(start, end, _now_us())

    def answer(store: SeriesStore) -> Any:
        one = find(store, own(request), gateway, instrument)
        return _page(store, one, one.channels(channels), (first, last), limit, cursor)

    return _json(answer)


@router.get(ONE + "/buckets", response=schemas.BucketColumns, summary="Minimum, mean and maximum")
def buckets(
    request: HttpRequest,
    gateway: str,
    instrument: str,
    channels: str,
    start: str = "-24h",
    end: str = "now",
    points: Annotated[int, Field(ge=1, le=MOST_BUCKETS)] = 1024,
) -> HttpResponse:
    """At most `points` equal spans over the range for each channel; spans without a value are left
    out.
    """
    first, last = span_us(start, end, _now_us())

    def answer(store: SeriesStore) -> Any:
        one = find(store, own(request), gateway, instrument)
        names = [_drawable(channel).name for channel in one.channels(channels)]
        _bound(len(names), points)
        found = store.buckets(one.entry.station, one.name, names, first, last, points)
        return {
            "span_s": found[0].span_us // 1_000_000,
            "start": rfc3339(first),
            "end": rfc3339(last),
            "channels": [bucket_columns(one_channel) for one_channel in found],
        }

    return _json(answer)


@router.get(ONE + "/states", response=schemas.StateColumns, summary="When a state began and ended")
def states(
    request: HttpRequest,
    gateway: str,
    instrument: str,
    channels: str,
    start: str = "-24h",
    end: str = "now",
    points: Annotated[int, Field(ge=1, le=MOST_BUCKETS)] = 1024,
) -> HttpResponse:
    """Spans in which a flag or an enumeration kept its value; what is shorter than the range
    divided by `points` is put together.
    """
    first, last = span_us(start, end, _now_us())

    def answer(store: SeriesStore) -> Any:
        one = find(store, own(request), gateway, instrument)
        wanted = [_stateful(channel) for channel in one.channels(channels)]
        _bound(len(wanted), points)
        names = [channel.name for channel in wanted]
        pieces = store.walk(one.entry.station, one.name, names, first, last)
        shortest_us = max(1, (last - first) // points)
        found = spans_of(pieces, names, one.entry.every_us, shortest_us)
        return {
            "start": rfc3339(first),
            "end": rfc3339(last),
            "channels": [
                span_columns(spans, channel.kind)
                for spans, channel in zip(found, wanted, strict=True)
            ],
        }

    return _json(answer)


@router.get(ONE, response=schemas.InstrumentDetail, summary="One instrument and its channels")
def one_instrument(request: HttpRequest, gateway: str, instrument: str) -> HttpResponse:
    """The instrument with its channel table. Last of the routes, as a name may hold a slash."""

    def answer(store: SeriesStore) -> Any:
        one = find(store, own(request), gateway, instrument)
        channels = [channel.as_json() for channel in one.entry.channels]
        return _facts(one, store) | {"channels": channels}

    return _json(answer)


def _place(one: Instrument) -> list[str]:
    return [one.gateway.name, one.gateway.slug, one.name]


def _json(answer: Callable[[SeriesStore], Any]) -> HttpResponse:
    text = json_bytes(answer(runtime.running().store))
    return HttpResponse(text, content_type="application/json")


def _facts(one: Instrument, store: SeriesStore) -> dict[str, Any]:
    entry, at_us = one.entry, one.latest(store).at_us
    return {
        "gateway": one.gateway.slug,
        "gateway_name": one.gateway.name,
        "name": one.name,
        "kind": entry.kind,
        "model": entry.model,
        "serial": entry.serial,
        "every_s": entry.every_us / 1e6,
        "state": one.patience.state((_now_us() - at_us) / 1e6),
        "last_reading": rfc3339(at_us) if at_us else None,
        "first_reading": rfc3339(entry.first_us) if entry.readings else None,
        "readings": entry.readings,
    }


def _page(
    store: SeriesStore,
    one: Instrument,
    channels: list[Channel],
    span: tuple[int, int],
    limit: int,
    cursor_text: str,
) -> dict[str, Any]:
    begin = cursor_from(cursor_text) if cursor_text else Cursor(span[0], 0)
    names = [channel.name for channel in channels]
    limit = max(1, min(limit, MOST_VALUES // len(names)))
    most = begin.skip + limit + 1
    found = store.read(one.entry.station, one.name, names, begin.at_us, span[1], most)
    page = slice(begin.skip, begin.skip + limit)
    times = found.times_us[page]
    more = len(found.times_us) > begin.skip + limit
    return {
        "times": rfc3339_column(times),
        "values": {c.name: column(found.values[c.name][page], c.kind) for c in channels},
        "next": str(_following(begin, times)) if more else None,
    }


def _following(begin: Cursor, times_us: np.ndarray[Any, Any]) -> Cursor:
    last = int(times_us[-1])
    delivered = int(np.count_nonzero(times_us == last))
    return Cursor(last, delivered + (begin.skip if last == begin.at_us else 0))


def _drawable(channel: Channel) -> Channel:
    if not averaged(channel):
        raise BadRequest(
            _("%(name)s holds texts, which have no mean; use readings instead.")
            % {"name": channel.name}
        )
    return channel


def _stateful(channel: Channel) -> Channel:
    if channel.kind not in (Kind.FLAG, Kind.ENUM):
        raise BadRequest(
            _("%(name)s is no flag or enumeration; use buckets or readings.")
            % {"name": channel.name}
        )
    return channel


def _bound(channels: int, points: int) -> None:
    if channels * points > MOST_VALUES:
        fewer = MOST_VALUES // channels
        raise BadRequest(
            _("%(channels)s channels are given at most %(fewer)s points; ask for fewer.")
            % {"channels": channels, "fewer": fewer}
        )


def _now_us() -> int:
    return time.time_ns() // 1000
