"""An order filled: what a person ordered, fetched from the store, with everything a drawing shows.

1. Only instruments of gateways that the person may see exist
   (test_a_picture_of_a_foreign_site_does_not_exist).
2. Work is bounded whatever the options say: curves, buckets, days, gaps and notes are counted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.translation import gettext as words

from fieldstation.batch.facts import State
from fieldstation.errors import BadRequest
from fieldstation.hub.accounts.models import User
from fieldstation.hub.instruments.catalogue import Instrument, all_instruments, find
from fieldstation.hub.instruments.spans import Spans
from fieldstation.hub.instruments.spans import states as spans_of
from fieldstation.hub.instruments.words import plottable
from fieldstation.hub.ledger.models import Hole
from fieldstation.hub.plots import moments
from fieldstation.hub.plots.completeness import told
from fieldstation.hub.plots.figures import (
    HOUR_US,
    Day,
    Figures,
    day_figures,
    figures_of,
    longer,
)
from fieldstation.hub.plots.models import Annotation
from fieldstation.hub.plots.moments import Span
from fieldstation.hub.plots.options import CurveName, PlotOptions
from fieldstation.hub.sites import access
from fieldstation.model import Channel, Kind
from fieldstation.series.api import Buckets, SeriesStore

POINTS = 2048
# Of so many distances of neighbours nine in ten are usual, see `gaps.js`; of fewer the middle one.
MANY = 50
MOST_INTERVALS = 20_000
MOST_DAYS = 400
MOST_GAPS, MOST_NOTES = 500, 200
# Buckets of days are made of these; every zone of today lies whole quarters of an hour from UTC.
_PARTS_US = tuple(60_000_000 * minutes for minutes in (60, 30, 15, 5, 1))
_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """A channel that was ordered."""

    name: CurveName
    instrument: Instrument
    channel: Channel

    @property
    def state(self) -> bool:
        """Whether it is drawn as a lane."""
        return self.channel.kind in (Kind.FLAG, Kind.ENUM)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Buckets of one source; those of the span to compare with are moved by `moved_us`."""

    source: Source
    buckets: Buckets
    moved_us: int = 0
    earlier: bool = False

    @property
    def reach_us(self) -> int:
        """The longest distance of neighbours that are still joined; the pages count alike."""
        steps = np.sort(np.diff(self.buckets.start_us))
        at = int(len(steps) * (0.5 if len(steps) < MANY else 0.9))
        usual = int(steps[at]) if len(steps) else 0
        return 2 * max(self.buckets.span_us, self.source.instrument.entry.every_us, usual)


@dataclass(frozen=True)
class Order:
    """The options as this person may have them, at one moment."""

    options: PlotOptions
    sources: tuple[Source, ...]
    zone: ZoneInfo
    span: Span
    now_us: int
    store: SeriesStore = field(repr=False)

    @cached_property
    def before(self) -> Span | None:
        """The span to compare with."""
        if not self.options.compare:
            return None
        return moments.earlier(self.span, self.options.compare, self.zone)

    @cached_property
    def drawn(self) -> list[Drawn]:
        """The measured channels over the span, then over the earlier one."""
        measured = [source for source in self.sources if not source.state]
        found = [Drawn(source, self._buckets(source, self.span)) for source in measured]
        if self.before is not None:
            moved = self.span[0] - self.before[0]
            found += [
                Drawn(source, self._buckets(source, self.before), moved, True)
                for source in measured
            ]
        return found

    @cached_property
    def lanes(self) -> list[tuple[Source, Spans]]:
        """The states over the span."""
        shortest = (self.span[1] - self.span[0]) // POINTS
        found = []
        for source in (source for source in self.sources if source.state):
            entry, name = source.instrument.entry, source.channel.name
            pieces = self.store.walk(entry.station, entry.name, [name], *self.span)
            (spans,) = spans_of(pieces, [name], entry.every_us, shortest)
            found.append((source, spans))
        return found

    @cached_property
    def holes(self) -> list[Hole]:
        """What is missing of the instruments drawn, without what was recovered."""
        found: list[Hole] = []
        for one in self.instruments:
            reaching = Hole.objects.filter(
                gateway=one.gateway, instrument=one.name,
                first_utc_us__lt=self.span[1], last_utc_us__gte=self.span[0],
            )  # fmt: skip
            rows = reaching.exclude(state=State.RECOVERED).order_by("first_utc_us")
            found += rows[: MOST_GAPS - len(found)]
        return found

    @cached_property
    def notes(self) -> list[Annotation]:
        """Words that people left on the time axis of these instruments."""
        found: list[Annotation] = []
        for one in self.instruments:
            of_it = Annotation.objects.filter(gateway=one.gateway, instrument=one.name)
            inside = of_it.filter(at_us__gte=self.span[0], at_us__lt=self.span[1])
            found += inside.order_by("at_us")[: MOST_NOTES - len(found)]
        return sorted(found, key=lambda note: note.at_us)

    @property
    def instruments(self) -> list[Instrument]:
        """The instruments drawn, once each."""
        found = {(s.name.gateway, s.name.instrument): s.instrument for s in self.sources}
        return list(found.values())

    def figures(self, drawn: Drawn) -> Figures:
        """One curve in numbers over the span that is shown."""
        span = self.before if drawn.earlier and self.before else self.span
        due, source = self._due(drawn.source, span), drawn.source
        found = figures_of(drawn.buckets, source.instrument.entry.every_us, due[1] - due[0])
        share = told(source.instrument, source.channel, due)
        return found if share is None else replace(found, completeness=share)

    def days(self, source: Source) -> list[Day]:
        """The days of the zone that the span reaches into, whole, one channel in numbers.
        Raises BadRequest when they are too many.
        """
        if self.span[1] - self.span[0] > MOST_DAYS * 24 * HOUR_US:
            raise BadRequest(
                words("Day totals are made of at most %(most_days)s days; choose a shorter span.")
                % {"most_days": MOST_DAYS}
            )
        days = list(moments.days(self.span, self.zone))
        whole = days[0][1], days[-1][2]
        entry = source.instrument.entry
        buckets = self._parts(source, whole, _part_us([first for _, first, _ in days] + [whole[1]]))
        due = self._due(source, whole)
        rows = day_figures(buckets, days, entry.every_us, due)
        return [
            self._told(source, row, (max(first, due[0]), min(last, due[1])))
            for row, (_, first, last) in zip(rows, days, strict=True)
        ]

    def _told(self, source: Source, row: Day, due: Span) -> Day:
        share = told(source.instrument, source.channel, due)
        figures = row.figures
        return row if share is None else replace(row, figures=replace(figures, completeness=share))

    def _due(self, source: Source, span: Span) -> Span:
        begun = max(span[0], source.instrument.entry.first_us)
        return begun, max(begun, min(span[1], self.now_us))

    def _buckets(self, source: Source, span: Span) -> Buckets:
        interval = self.options.interval * _MINUTE_US
        if not interval:
            return self._ask(source, span, POINTS)
        if (span[1] - span[0]) // interval > MOST_INTERVALS:
            raise BadRequest(
                words(
                    "An interval of %(interval)s min makes more than %(most_intervals)s points; "
                    "choose a longer one."
                )
                % {"interval": self.options.interval, "most_intervals": MOST_INTERVALS}
            )
        part = next(size for size in _PARTS_US if interval % size == 0)
        return longer(self._parts(source, span, part), interval, span[0] // part * part)

    def _parts(self, source: Source, span: Span, part_us: int) -> Buckets:
        return self._ask(source, span, -(-span[1] // part_us) - span[0] // part_us)

    def _ask(self, source: Source, span: Span, most: int) -> Buckets:
        entry = source.instrument.entry
        names = [source.channel.name]
        (found,) = self.store.buckets(entry.station, entry.name, names, *span, most)
        return found


def order(user: User, options: PlotOptions, store: SeriesStore, now_us: int | None = None) -> Order:
    """The order of this person. Raises NotFound, BadRequest."""
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    sources = _sources(user, options.curves, store)
    zone = zone_of(sources)
    return Order(
        options,
        sources,
        zone,
        moments.span_of(options.start, options.end, zone, now_us),
        now_us,
        store,
    )


def instrument_of(user: User, store: SeriesStore, gateway: str, name: str) -> Instrument:
    """An instrument that the person may see. Raises NotFound."""
    return find(store, access.gateways(user).select_related("site"), gateway, name)


def instruments_of(user: User, store: SeriesStore) -> list[Instrument]:
    """All that the person may draw, ordered by gateway and name."""
    return all_instruments(store, access.gateways(user).select_related("site"))


def zone_of(sources: Sequence[Source]) -> ZoneInfo:
    """The zone of the first instrument's site."""
    return ZoneInfo(sources[0].instrument.gateway.site.time_zone if sources else "UTC")


def _sources(user: User, names: Sequence[CurveName], store: SeriesStore) -> tuple[Source, ...]:
    known: dict[tuple[str, str], Instrument] = {}
    found = []
    for name in names:
        place = name.gateway, name.instrument
        if place not in known:
            known[place] = instrument_of(user, store, *place)
        (channel,) = known[place].channels(name.channel)
        if not plottable(channel):
            raise BadRequest(
                words("%(name)s holds texts, which cannot be drawn.") % {"name": channel.name}
            )
        found.append(Source(name, known[place], channel))
    return tuple(found)


def _part_us(edges: Sequence[int]) -> int:
    fitting = (size for size in _PARTS_US if all(edge % size == 0 for edge in edges))
    return next(fitting, _PARTS_US[-1])
