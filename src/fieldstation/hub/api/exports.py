"""The API's exports: all readings of a range, streamed, however many there are.

A stream holds one piece of the store at a time; it ends when its client has gone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router

from fieldstation.export.csv import csv_text
from fieldstation.hub import runtime
from fieldstation.hub.api.arrays import column, rfc3339, rfc3339_column
from fieldstation.hub.api.instants import span_us
from fieldstation.hub.api.principal import own
from fieldstation.hub.api.readings import ONE
from fieldstation.hub.instruments.catalogue import Instrument, find
from fieldstation.model import Channel
from fieldstation.series.api import Columns

router = Router(tags=["exports"])

LINES = 2_000


def _text_of(kind: str) -> dict[str, Any]:
    content = {kind: {"schema": {"type": "string"}}}
    return {"responses": {200: {"description": "The file", "content": content}}}


@router.get(ONE + "/export.csv", summary="Readings as CSV", openapi_extra=_text_of("text/csv"))
def export_csv(
    request: HttpRequest,
    gateway: str,
    instrument: str,
    channels: str = "",
    start: str = "-24h",
    end: str = "now",
    units: bool = False,
) -> StreamingHttpResponse:
    """All readings of the range at full precision, streamed; `units` adds a second header row."""
    one, wanted, span, walk = _asked(request, gateway, instrument, channels, start, end)
    names = [channel.name for channel in wanted]
    pieces = ((c.times_us.tolist(), [c.values[n].tolist() for n in names]) for c in walk)
    text = csv_text(wanted, pieces, unit_row=units)
    return _file(text, "text/csv; charset=utf-8", _filename(one, span, "csv"))


@router.get(
    ONE + "/export.ndjson",
    summary="Readings as lines of JSON",
    openapi_extra=_text_of("application/x-ndjson"),
)
def export_ndjson(
    request: HttpRequest,
    gateway: str,
    instrument: str,
    channels: str = "",
    start: str = "-24h",
    end: str = "now",
) -> StreamingHttpResponse:
    """One object for each reading, with `time` and `values`; no value is null."""
    one, wanted, span, walk = _asked(request, gateway, instrument, channels, start, end)
    return _file(_lines(wanted, walk), "application/x-ndjson", _filename(one, span, "ndjson"))


def _asked(
    request: HttpRequest, gateway: str, instrument: str, channels: str, start: str, end: str
) -> tuple[Instrument, list[Channel], tuple[int, int], Iterator[Columns]]:
    span = span_us(start, end, time.time_ns() // 1000)
    store = runtime.running().store
    one = find(store, own(request), gateway, instrument)
    wanted = one.channels(channels)
    names = [channel.name for channel in wanted]
    return one, wanted, span, store.walk(one.entry.station, one.name, names, *span)


def _lines(channels: Sequence[Channel], walk: Iterator[Columns]) -> Iterator[bytes]:
    names = [channel.name for channel in channels]
    for piece in walk:
        for begin in range(0, len(piece.times_us), LINES):
            part = slice(begin, begin + LINES)
            times = rfc3339_column(piece.times_us[part])
            columns = [_plain(column(piece.values[c.name][part], c.kind)) for c in channels]
            rows = zip(times, *columns, strict=True)
            yield b"".join(
                orjson.dumps(
                    {"time": row[0], "values": dict(zip(names, row[1:], strict=True))},
                    option=orjson.OPT_APPEND_NEWLINE,
                )
                for row in rows
            )


def _plain(values: Any) -> list[Any]:
    return values if isinstance(values, list) else list(values.tolist())


def _file(pieces: Iterator[Any], kind: str, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _filename(one: Instrument, span: tuple[int, int], ending: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", one.name).strip("-") or "instrument"
    days = "_".join(rfc3339(at)[:10] for at in span)
    return f"{one.gateway.slug}_{name}_{days}.{ending}"
