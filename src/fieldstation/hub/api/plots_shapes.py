"""The shapes of the API's answers about plots, dashboards, links and notes, for `openapi.json`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from fieldstation.hub.api.schemas import Cell


class Ordered(Schema):
    """What a picture shows; each `curve` is `gateway/instrument:channel`."""

    curve: list[str] = Field(description="gateway/instrument:channel, several times")
    start: str = "-24h"
    end: str = "now"
    interval: int = Field(0, description="Minutes of a point, 0: as fine as can be shown")
    compare: str = Field("", description="1d, 7d, 28d, 365d or before")


class Drawn(Ordered):
    """How it looks besides."""

    title: str = ""
    xlabel: str = ""
    ylabel: str = ""
    date_format: str = Field("", description="A strftime pattern")
    style: str = "fieldstation"
    tight_layout: bool = False
    logarithmic_scale: bool = False
    marker: str = "None"
    width: int = Field(1000, description="Pixels, 200 to 4000")
    height: int = Field(500, description="Pixels, 150 to 3000")


class CurveFacts(Schema):
    """A channel in a plot."""

    id: str
    label: str
    kind: str
    unit: str
    decimals: int
    codes: dict[str, str]


class Figures(Schema):
    """A curve in numbers; null where there is no value."""

    n: int
    min: float | None
    mean: float | None
    max: float | None
    last: float | None
    completeness: float | None = Field(description="Readings held by readings due")


class PlotCurve(CurveFacts):
    """One curve as columns of equal length."""

    channel: str
    start_s: list[int]
    n: list[int]
    min: list[float]
    mean: list[float]
    max: list[float]
    first: list[float]
    last: list[float]
    moved_s: float = Field(description="How far an earlier curve was moved")
    earlier: bool
    span_s: float
    reach_s: float = Field(description="Longer without a value is a gap")
    figures: Figures
    last_s: float | None


class PlotLane(CurveFacts):
    """One state as spans, columns of equal length."""

    channel: str
    n: int
    start_s: list[float]
    end_s: list[float]
    value: list[Cell]


class PlotData(Schema):
    """What a plot shows; instants in seconds since 1970."""

    from_: float = Field(alias="from")
    to: float
    zone: str
    curves: list[PlotCurve]
    lanes: list[PlotLane]
    gaps: list[dict[str, Any]]
    notes: list[dict[str, Any]]


class DayFigures(Figures):
    """One day of the site's time zone."""

    day: date
    hours: float
    change: float | None = Field(description="Last value minus first")
    total: float | None = Field(description="Mean times hours covered, in total_unit")


class DayCurve(CurveFacts):
    """A curve day by day."""

    days: list[DayFigures]
    total_unit: str


class DayTotals(Schema):
    """Day totals; days begin at midnight of the zone."""

    zone: str
    curves: list[DayCurve]


class PlotFacts(Schema):
    """One saved plot; `query` is what stands after the ? of its page's address."""

    id: UUID
    name: str
    query: str
    created: datetime
    removed: datetime | None
    undo_until: datetime | None = Field(description="Until when it can be brought back")


class PlotList(Schema):
    """The plots that the person keeps, by name."""

    plots: list[PlotFacts]
    next: str | None = Field(description="Cursor of the following page")


class NewPlot(Schema):
    """A plot to keep; without a name its title is taken."""

    query: str
    name: str = ""


class PlotChange(Schema):
    """What is to be changed; what is left out stays."""

    query: str | None = None
    name: str | None = None


class TileFacts(Schema):
    """One plot on a dashboard."""

    plot: UUID
    wide: int = Field(description="Columns, 1 to 4")
    tall: int = Field(description="Rows, 1 to 3")
    name: str
    query: str


class BoardFacts(Schema):
    """One dashboard."""

    id: UUID
    name: str
    default: bool
    tiles: list[TileFacts]
    undo: bool = Field(description="There is an arrangement before this one")
    created: datetime
    removed: datetime | None
    undo_until: datetime | None = Field(description="Until when it can be brought back")


class BoardList(Schema):
    """The person's dashboards, by name."""

    dashboards: list[BoardFacts]
    next: str | None = Field(description="Cursor of the following page")


class BoardName(Schema):
    """What a dashboard is called."""

    name: str = ""


class NewTile(Schema):
    """Where a plot comes to; sizes beyond what a dashboard has are cut."""

    plot: UUID
    wide: int = 1
    tall: int = 1


class Arrangement(Schema):
    """All tiles in their order, at most 24."""

    tiles: list[NewTile]


class ShareFacts(Schema):
    """One link that shows a picture to whoever has it."""

    id: UUID
    name: str
    query: str
    created: datetime
    valid_until: datetime
    revoked: datetime | None


class ShareList(Schema):
    """The person's links, the newest first."""

    shares: list[ShareFacts]
    next: str | None = Field(description="Cursor of the following page")


class NewShare(Schema):
    """A link to make; `days` is 1, 7, 30, 90 or 365."""

    query: str
    days: int = 7


class ShareMade(ShareFacts):
    """A link, told this once."""

    link: str
    picture: str


class NoteFacts(Schema):
    """Words on the time axis of an instrument."""

    id: int
    gateway: str
    instrument: str
    at: datetime
    text: str
    who: str


class NoteList(Schema):
    """Notes in the order of their instants."""

    notes: list[NoteFacts]
    next: str | None = Field(description="Cursor of the following page")


class NewNote(Schema):
    """Words to leave; `at` as RFC 3339, a time of the site's zone, a time back, or now."""

    gateway: str
    instrument: str
    text: str
    at: str = "now"
