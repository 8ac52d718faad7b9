"""The series store without what was deleted of sensors.

1. What is deleted is nowhere to be seen from the same moment on: pages, plots, exports and the API
   all ask this store (test_a_deleted_span_is_hidden_everywhere).
2. Nothing is destroyed by hiding, so that it can be undone.
3. Instruments without deletions cost one look into a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isnan
from typing import cast

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from fieldstation.batch.model import Receipt
from fieldstation.batch.report import Span
from fieldstation.errors import FieldstationError, NotFound
from fieldstation.hub.sensors.models import Erasure, Sensor
from fieldstation.model import Value
from fieldstation.series.api import (
    Buckets,
    Column,
    Columns,
    InstrumentEntry,
    Latest,
    SeriesStore,
    Upload,
)

Spans = tuple[tuple[int, int], ...]
_EVER: Spans = ((0, 2**62),)
# Rows looked at on the way back to the newest one that is not hidden.
_BACK_US = (3_600_000_000, 86_400_000_000, 32 * 86_400_000_000, 3_700 * 86_400_000_000)


class HidingStore:
    """A SeriesStore over another one."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store
        self._hidden: dict[tuple[str, str], Spans] = {}

    def look(self) -> None:
        """Learn from the database what is deleted."""
        hidden: dict[tuple[str, str], Spans] = {}
        for row in Erasure.objects.select_related("sensor__gateway").order_by("start_us"):
            place = (row.sensor.gateway_id.hex, row.sensor.instrument)
            hidden[place] = (*hidden.get(place, ()), (row.start_us, row.end_us))
        for sensor in Sensor.objects.exclude(deleted_at=None):
            hidden[sensor.gateway_id.hex, sensor.instrument] = _EVER
        self._hidden = hidden

    def apply(self, uploads: Sequence[Upload]) -> list[Receipt | FieldstationError]:
        """See `SeriesStore.apply`."""
        return self._store.apply(uploads)

    def catalogue(self, station: str | None = None) -> list[InstrumentEntry]:
        """See `SeriesStore.catalogue`."""
        found = self._store.catalogue(station)
        hidden = self._hidden
        if not hidden:
            return found
        return [each for each in found if hidden.get((each.station, each.name)) is not _EVER]

    def latest(self, station: str, instrument: str) -> Latest:
        """See `SeriesStore.latest`."""
        found = self._store.latest(station, instrument)
        spans = self._spans(station, instrument)
        if not any(_inside(at_us, spans) for at_us in found.times_us.values()):
            return found
        for back_us in _BACK_US:
            read = self.read(
                station, instrument, list(found.values), max(0, found.at_us - back_us),
                found.at_us + 1,
            )  # fmt: skip
            if len(read.times_us):
                return _last(found, read)
        return Latest(station, instrument, {}, {})

    def read(
        self,
        station: str,
        instrument: str,
        channels: Sequence[str],
        start_us: int,
        end_us: int,
        most: int | None = None,
    ) -> Columns:
        """See `SeriesStore.read`."""
        spans = self._within(station, instrument, start_us, end_us)
        if not spans:
            return self._store.read(station, instrument, channels, start_us, end_us, most)
        pieces = [
            self._store.read(station, instrument, channels, begin, end, most)
            for begin, end in _between(spans, start_us, end_us)
        ]
        if not pieces:
            nothing = self._store.read(station, instrument, channels, start_us, end_us, 1)
            return _part(nothing, 0)
        whole = Columns(
            np.concatenate([piece.times_us for piece in pieces]),
            {name: _joined([piece.values[name] for piece in pieces]) for name in channels},
        )
        return whole if most is None else _part(whole, most)

    def walk(
        self, station: str, instrument: str, channels: Sequence[str], start_us: int, end_us: int
    ) -> Iterator[Columns]:
        """See `SeriesStore.walk`."""
        spans = self._within(station, instrument, start_us, end_us)
        if not spans:
            return self._store.walk(station, instrument, channels, start_us, end_us)
        walks = [
            self._store.walk(station, instrument, channels, begin, end)
            for begin, end in _between(spans, start_us, end_us)
        ]
        return (piece for walk in walks for piece in walk)

    def buckets(
        self,
        station: str,
        instrument: str,
        channels: Sequence[str],
        start_us: int,
        end_us: int,
        most: int,
    ) -> list[Buckets]:
        """See `SeriesStore.buckets`. Buckets that a deleted span cuts are counted anew."""
        found = self._store.buckets(station, instrument, channels, start_us, end_us, most)
        spans = self._within(station, instrument, start_us, end_us)
        if not spans:
            return found
        return [self._without(station, instrument, each, spans) for each in found]

    def counts(
        self, station: str, start_day: int, end_day: int, *, taken: bool = False
    ) -> Mapping[tuple[str, int], int]:
        """See `SeriesStore.counts`; sensors have no account of days, so nothing is left out."""
        return self._store.counts(station, start_day, end_day, taken=taken)

    def absent(self, station: str, spans: Sequence[Span]) -> list[Span]:
        """See `SeriesStore.absent`."""
        return self._store.absent(station, spans)

    def close(self) -> None:
        """See `SeriesStore.close`."""
        self._store.close()

    def _spans(self, station: str, instrument: str) -> Spans:
        spans = self._hidden.get((station, instrument), ())
        if spans is _EVER:
            raise NotFound(_("This sensor was deleted; its page can bring it back for a while."))
        return spans

    def _within(self, station: str, instrument: str, start_us: int, end_us: int) -> Spans:
        spans = self._spans(station, instrument)
        return tuple(span for span in spans if span[0] < end_us and span[1] > start_us)

    def _without(self, station: str, instrument: str, one: Buckets, spans: Spans) -> Buckets:
        ends = one.start_us + one.span_us
        touched = np.zeros(len(one.start_us), dtype=np.bool_)
        for begin, end in spans:
            touched |= (one.start_us < end) & (ends > begin)
        fresh = [
            row
            for start_us in one.start_us[touched].tolist()
            for row in [self._bucket(station, instrument, one, start_us, spans)]
            if row is not None
        ]
        return _merged(one, ~touched, fresh)

    def _bucket(
        self, station: str, instrument: str, one: Buckets, start_us: int, spans: Spans
    ) -> tuple[float, ...] | None:
        end_us = start_us + one.span_us
        if not _between(spans, start_us, end_us):
            return None
        read = self.read(station, instrument, [one.channel], start_us, end_us)
        values = read.values[one.channel].astype(np.float64)
        values = values[~np.isnan(values)]
        if not len(values):
            return None
        return (start_us, len(values), values.min(), values.mean(), values.max(), values[0],
                values[-1])  # fmt: skip


def _inside(at_us: int, spans: Spans) -> bool:
    return any(begin <= at_us < end for begin, end in spans)


def _between(spans: Spans, start_us: int, end_us: int) -> list[tuple[int, int]]:
    """The parts of the range that no span covers."""
    parts, begin = [], start_us
    for first, last in sorted(spans):
        if first > begin:
            parts.append((begin, min(first, end_us)))
        begin = max(begin, last)
        if begin >= end_us:
            break
    if begin < end_us:
        parts.append((begin, end_us))
    return [(low, high) for low, high in parts if low < high]


def _joined(columns: Sequence[Column]) -> Column:
    return cast(Column, np.concatenate(columns))


def _part(columns: Columns, most: int) -> Columns:
    return Columns(
        columns.times_us[:most], {name: each[:most] for name, each in columns.values.items()}
    )


def _last(found: Latest, read: Columns) -> Latest:
    """The newest value of every channel among these rows."""
    values: dict[str, Value] = {}
    times: dict[str, int] = {}
    for name, column in read.values.items():
        cells = column.tolist()
        given = [place for place, each in enumerate(cells) if not _nothing(each)]
        if given:
            value = cells[given[-1]]
            values[name] = bool(value) if isinstance(found.values.get(name), bool) else value
            times[name] = int(read.times_us[given[-1]])
    return replace(found, values=values, times_us=times)


def _nothing(cell: object) -> bool:
    return cell is None or (isinstance(cell, float) and isnan(cell))


def _merged(one: Buckets, keep: NDArray[np.bool_], fresh: list[tuple[float, ...]]) -> Buckets:
    """The buckets to keep and the fresh ones, in order."""
    rows = np.array(fresh, dtype=np.float64).reshape(-1, 7)
    starts = np.concatenate([one.start_us[keep], rows[:, 0].astype(np.int64)])
    order = np.argsort(starts)
    counts = np.concatenate([one.n[keep], rows[:, 1].astype(np.int64)])

    def column(old: NDArray[np.float64], place: int) -> NDArray[np.float64]:
        return np.concatenate([old[keep], rows[:, place]])[order]

    return Buckets(
        one.channel, one.span_us, starts[order], counts[order],
        column(one.minimum, 2), column(one.mean, 3), column(one.maximum, 4),
        column(one.first, 5), column(one.last, 6),
    )  # fmt: skip
