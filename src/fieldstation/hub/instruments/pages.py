"""The dashboard and the page of one instrument."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from fieldstation.errors import NotFound
from fieldstation.hub import runtime
from fieldstation.hub.instruments import sections
from fieldstation.hub.instruments.attention import wants
from fieldstation.hub.instruments.catalogue import Instrument, all_instruments, find
from fieldstation.hub.instruments.freshness import State
from fieldstation.hub.instruments.pictures import channels_of, pictures
from fieldstation.hub.instruments.words import (
    by_quantity,
    channel_label,
    codes,
    decimals_shown,
    named,
    plottable,
    quantity,
    value_text,
)
from fieldstation.hub.sites import access
from fieldstation.instruments import registry
from fieldstation.model import Channel, Kind, Value
from fieldstation.series.api import Latest, SeriesStore

MOST_ON_A_CARD = 4
MOST_WANTS = 12
# Longer groups of lamps, and the tables of an instrument with more channels, begin folded.
FEW_LAMPS, FEW_CHANNELS = 12, 60
MANY_LAMPS = 24


@dataclass(frozen=True, slots=True)
class Cell:
    """One channel with its newest value, ready to be written down."""

    channel: Channel
    value: Value
    at_ms: int = 0

    @property
    def label(self) -> str:
        """The channel's label."""
        return channel_label(self.channel)

    @property
    def text(self) -> str:
        """The value in words, without unit."""
        return value_text(self.channel, self.value)

    @property
    def plottable(self) -> bool:
        """Whether it can be drawn."""
        return plottable(self.channel)

    @property
    def curved(self) -> bool:
        """Whether a small curve tells something about it."""
        return self.channel.kind is Kind.NUMBER

    @property
    def worded(self) -> bool:
        """Whether its values are words and no numbers."""
        return not self.channel.kind.numeric

    @property
    def form(self) -> str:
        """What the page's script needs to write further values of it."""
        form = {
            "kind": self.channel.kind,
            "decimals": decimals_shown(self.channel),
            "codes": codes(self.channel),
        }
        return orjson.dumps(form).decode()


@dataclass(frozen=True, slots=True)
class Card:
    """One instrument with its newest values."""

    instrument: Instrument
    cells: dict[str, Cell]
    at_ms: int
    state: State
    latest: Latest

    @property
    def url(self) -> str:
        """The instrument's page."""
        return reverse("instrument", args=[self.instrument.gateway.slug, self.instrument.name])

    @property
    def api(self) -> str:
        """The instrument's address in the API."""
        return f"/api/v1{self.url}"

    @property
    def headlines(self) -> list[Cell]:
        """The cells to see first."""
        return [self.cells[channel.name] for channel in self.instrument.headlines]

    @property
    def title(self) -> str:
        """What kind of instrument it is, in words."""
        return named(registry.title(self.instrument.entry.kind))

    @property
    def lead(self) -> Cell | None:
        """The cell of the small curve."""
        main = self.instrument.main
        return self.cells[main.name] if main else None

    @property
    def few(self) -> list[Cell]:
        """As many of the other headlines as a card has room for, words after numbers."""
        others = [cell for cell in self.headlines if cell != self.lead]
        others.sort(key=lambda cell: cell.worded)
        return others[: MOST_ON_A_CARD - 1]

    @property
    def groups(self) -> list[tuple[str, list[Cell]]]:
        """All cells by quantity."""
        groups = by_quantity(self.instrument.entry.channels)
        return [(heading, [self.cells[c.name] for c in group]) for heading, group in groups]


@dataclass(frozen=True, slots=True)
class Page:
    """What the page of one instrument shows besides its pictures and its plot."""

    tiles: list[Cell]
    timelines: list[Cell]
    lamps: list[tuple[str, list[tuple[str, str, Cell]]]]
    today: list[Cell]
    settings: list[Cell]
    changing: bool
    few_lamps: int = FEW_LAMPS
    few_channels: int = FEW_CHANNELS

    @property
    def many_lamps(self) -> bool:
        """Whether the lamps need the whole width."""
        return sum(len(lamps) for _title, lamps in self.lamps) > MANY_LAMPS

    @classmethod
    def of(cls, card: Card) -> Page:
        """The sections that fit this instrument."""
        entry = card.instrument.entry
        kind, channels = entry.kind, entry.channels

        def cells(found: list[Channel]) -> list[Cell]:
            return [card.cells[channel.name] for channel in found]

        return cls(
            tiles=cells(sections.tiles(card.instrument.headlines, channels, card.latest.values)),
            timelines=cells(sections.timelines(channels)),
            lamps=[
                (
                    named(group.title),
                    [
                        (named(lamp.label), lamp.level, card.cells[lamp.channel.name])
                        for lamp in group.lamps
                    ],
                )
                for group in sections.lamps(kind, channels)
            ],
            today=cells(sections.of_today(channels)),
            settings=cells(sections.settings(kind, channels)),
            changing=any(channel.kind in (Kind.ENUM, Kind.FLAG) for channel in channels),
        )


@login_required
@require_safe
def dashboard(request: HttpRequest, banners: Sequence[object] = ()) -> HttpResponse:
    """All instruments of the person's sites as cards. `banners` are warnings from elsewhere, each
    with `level` and `text`.
    """
    store, now_ms, user = runtime.running().store, _now_ms(), access.person(request)
    own = access.gateways(user)
    cards = [_card(one, store, now_ms) for one in all_instruments(store, own)]
    waiting = None if cards else list(access.stations(user).filter(revoked_at=None))
    told = wants(((c.instrument, c.latest, c.state) for c in cards), now_ms * 1000)
    words = {
        "cards": cards,
        "banners": banners,
        "wants": told[:MOST_WANTS],
        "more_wants": max(0, len(told) - MOST_WANTS),
        "gateways": waiting,
        "now_ms": now_ms,
        "states": list(State),
    }
    return render(request, "dashboard.html", words)


@login_required
@require_safe
def instrument(request: HttpRequest, gateway: str, instrument: str) -> HttpResponse:
    """Headline values, plot and table of one instrument."""
    store, now_ms = runtime.running().store, _now_ms()
    try:
        one = find(store, access.gateways(access.person(request)), gateway, instrument)
    except NotFound as error:
        raise Http404(str(error)) from error
    card = _card(one, store, now_ms)
    words = {
        "card": card,
        "one": one,
        "now_ms": now_ms,
        "plot": _plot_facts(card),
        "page": Page.of(card),
    }
    return render(request, "instrument.html", words)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _card(one: Instrument, store: SeriesStore, now_ms: int) -> Card:
    latest = one.latest(store)
    cells = {
        channel.name: Cell(
            channel,
            latest.values.get(channel.name),
            latest.times_us.get(channel.name, 0) // 1000,
        )
        for channel in one.entry.channels
    }
    at_ms = latest.at_us // 1000
    return Card(one, cells, at_ms, one.patience.state((now_ms - at_ms) / 1000), latest)


def _plot_facts(card: Card) -> dict[str, Any]:
    entry = card.instrument.entry
    drawn = pictures(entry.channels)
    shown = set().union(*map(channels_of, drawn))
    return {
        "api": card.api,
        "firstMs": entry.first_us // 1000,
        "everyS": entry.every_us / 1e6,
        "first": _first_view(card),
        "pictures": [one | {"title": named(one.get("title", ""))} for one in drawn],
        "beside": [picture["form"] for picture in drawn] in (["flow"], ["bars"]),
        "values": {name: card.cells[name].value for name in shown},
        "states": {
            channel.name: card.cells[channel.name].value
            for channel in entry.channels
            if channel.kind in (Kind.ENUM, Kind.FLAG)
        },
        "channels": [
            {
                "name": channel.name,
                "label": channel_label(channel),
                "kind": channel.kind,
                "unit": channel.unit,
                "quantity": quantity(channel),
                "decimals": decimals_shown(channel),
                "codes": codes(channel),
            }
            for channel in entry.channels
            if plottable(channel)
        ],
    }


def _first_view(card: Card) -> list[str]:
    """What the plot shows a person who did not choose: the main channel, and the first state."""
    main = card.instrument.main
    states = [c for c in card.instrument.headlines if c.kind in (Kind.ENUM, Kind.FLAG)]
    return [channel.name for channel in (*([main] if main else []), *states[:1])]
