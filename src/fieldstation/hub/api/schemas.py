"""The shapes of the API's answers, for `openapi.json`."""

from __future__ import annotations

from datetime import datetime
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
