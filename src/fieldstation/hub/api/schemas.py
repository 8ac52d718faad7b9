"""The shapes of the API's answers, for `openapi.json`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from ninja import Field, Schema

Cell = float | int | bool | str | None


class InstrumentFacts(Schema):
    """One instrument in the list."""

    gateway: str = Field(description="The gateway's name in addresses")
    gateway_name: str
    name: str
    kind: str
    model: str
    serial: str
    every_s: float = Field(description="Interval of its readings in seconds, 0 when unknown")
    state: str = Field(description="fresh, late or lost")
    last_reading: datetime | None
    first_reading: datetime | None
    readings: int


class InstrumentList(Schema):
    """All instruments, ordered by gateway and name."""

    instruments: list[InstrumentFacts]
    next: str | None = Field(description="Cursor of the following page")


class ChannelRow(Schema):
    """One row of a channel table; fields at their default are left out."""

    name: str
    kind: str = Field(description="number, integer, flag, enum or text")
    unit: str = ""
    label: str = ""
    low: float | None = None
    high: float | None = None
    decimals: int = 0
    headline: bool = False
    old_name: str = ""
    codes: list[list[Any]] = Field([], description="Pairs of code and label")


class InstrumentDetail(InstrumentFacts):
    """One instrument with its channel table."""

    channels: list[ChannelRow]


class LatestValues(InstrumentFacts):
    """Newest value of every channel, with the time of its own reading."""

    values: dict[str, Cell]
    times: dict[str, datetime]


class ReadingColumns(Schema):
    """One page of readings as columns of equal length."""

    times: list[datetime]
    values: dict[str, list[Cell]]
    next: str | None = Field(description="Cursor of the following page")


class ChannelBuckets(Schema):
    """One channel as columns of equal length, one entry for every span that holds a value."""

    channel: str
    start_s: list[int] = Field(description="Start of the span, seconds since 1970")
    n: list[int]
    min: list[float]
    mean: list[float]
    max: list[float]
    first: list[float]
    last: list[float]


class BucketColumns(Schema):
    """Equal spans over a range."""

    span_s: int
    start: datetime
    end: datetime
    channels: list[ChannelBuckets]


class ChannelStates(Schema):
    """One channel as columns of equal length, one entry for every span of one value."""

    channel: str
    n: int = Field(description="Readings that held a value")
    start_s: list[float] = Field(description="Start of the span, seconds since 1970")
    end_s: list[float]
    value: list[Cell] = Field(description="null: several, each too short to be told apart")


class StateColumns(Schema):
    """When states began and ended."""

    start: datetime
    end: datetime
    channels: list[ChannelStates]


class GatewayAlarm(Schema):
    """What a person has to look at."""

    code: str = Field(description="clone: two stations use one key")
    since: datetime
    text: str


class GatewayFacts(Schema):
    """One gateway; what only a report tells is null or empty before the first."""

    gateway: str = Field(description="Its name in addresses")
    name: str
    state: str = Field(description="online, late, not_heard or never")
    revoked: bool
    last_seen: datetime | None
    last_report: datetime | None
    version: str
    boot: str
    kernel: str
    journal: str
    running_since: datetime | None = Field(description="First report of the newest run")
    runs: int
    clock_offset_s: float | None = Field(description="The station's clock minus the hub's")
    clock_trusted: bool | None
    backlog: int | None = Field(description="Readings that wait at the station")
    oldest: datetime | None = Field(description="The first of them")
    drained_in_s: float | None
    journal_bytes: int | None
    disk_free_bytes: int | None
    open_holes: int
    alarm: GatewayAlarm | None
    site: str = Field(description="The site's name in addresses")
    device: str = Field(description="What the station called itself when it registered")
    program: str
    keyed: datetime | None = Field(description="When it got its key; null: it has none yet")
    old_key_until: datetime | None = Field(description="Until then the key before works too")
    undo_until: datetime | None = Field(description="Until then its revoking can be undone")


class GatewayList(Schema):
    """All gateways, by name."""

    gateways: list[GatewayFacts]
    next: str | None = Field(description="Cursor of the following page")


class NewGateway(Schema):
    """A gateway to add; without `site` it is the only one where the person may."""

    name: str
    site: str = ""


class GatewayChange(Schema):
    """What is to be changed; what is left out stays."""

    name: str | None = None
    site: str | None = None


class GatewayPin(Schema):
    """The PIN with which a station gets its key; told this once."""

    gateway: str
    pin: str
    valid_until: datetime


class GatewayRun(Schema):
    """One run of a station's program."""

    boot: str
    kernel: str
    version: str
    first_report: datetime
    last_report: datetime
    superseded: bool
    ending: str = Field(
        description="How it ended: stopped, went_down (the machine with it), crashed; beside when"
        " it reports beside the one after it, empty when nothing says that it has ended"
    )


class GatewayDetail(GatewayFacts):
    """One gateway with its last runs, newest first."""

    history: list[GatewayRun]


class HoleRow(Schema):
    """Readings that were due and not taken."""

    instrument: str
    layout: str = Field(description="Empty when the whole instrument was silent")
    cause: str
    state: str = Field(description="open, recovered or lost")
    first: datetime
    last: datetime
    count: int
    boot: str
    number: int


class HoleList(Schema):
    """One page of holes."""

    holes: list[HoleRow]
    next: str | None = Field(description="Cursor of the following page")


class CalendarRow(Schema):
    """One instrument and day: due = stored + missed + refused + in_transit."""

    day: date
    instrument: str
    state: str = Field(description="wrong, gaps, not_heard, in_transit, complete or unknown")
    due: int | None
    stored: int
    missed: int
    holes: dict[str, int] = Field(description="Missed readings by cause")
    recovered: int
    refused: int
    in_transit: int
    completeness: float | None
    adds_up: bool | None


class CalendarRows(Schema):
    """One page of a gateway's calendar."""

    start_day: date
    end_day: date
    heard: datetime | None
    online: bool
    rows: list[CalendarRow]
    next: str | None = Field(description="Cursor of the following page")


class EventRow(Schema):
    """Something that happened."""

    at: datetime
    what: str
    text: str
    source: str = Field(description="station or hub")
    boot: str


class EventList(Schema):
    """One page of events, newest first."""

    events: list[EventRow]
    next: str | None = Field(description="Cursor of the following page")


class OwnSite(Schema):
    """One site that the person may see."""

    site: str = Field(description="Its name in addresses")
    name: str
    role: str | None = Field(description="viewer, editor, owner; null: seen as operator only")


class Person(Schema):
    """Who asks."""

    name: str
    operator: bool
    scope: str = Field(description="read, write or manage: what the token or session may do")
    sites: list[OwnSite]
