"""The shapes of the API's answers about sensors, for `openapi.json`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Field, Schema


class SensorFacts(Schema):
    """One sensor."""

    id: int
    name: str
    owner: str = Field(
        description="User name of who registered it, empty when that account is gone"
    )
    site: str = Field(description="The site's name in addresses")
    gateway: str = Field(description="With `instrument` the address of its series")
    instrument: str
    type: str
    protocol: str
    description: str
    units: dict[str, str]
    legacy_posts: bool
    legacy_networks: list[str]
    public: bool = Field(description="Anybody may read it at the old site's addresses")
    token_made: datetime | None
    created: datetime
    deleted: datetime | None
    undo_until: datetime | None


class SensorList(Schema):
    """The sensors of the person's sites."""

    sensors: list[SensorFacts]
    next: str | None = Field(description="Cursor of the following page")


class NewSensor(Schema):
    """What a sensor is registered with; without `site` it is the only one where the person may."""

    name: str
    site: str = ""
    type: str = ""
    protocol: str = ""
    description: str = ""
    units: dict[str, str] = {}


class SensorChange(Schema):
    """What is to be changed; what is left out stays."""

    name: str | None = None
    site: str | None = None
    description: str | None = None
    legacy_posts: bool | None = None
    legacy_networks: list[str] | None = None
    public: bool | None = None


class Token(SensorFacts):
    """A sensor with its new token, which is shown this once."""

    token: str


class DocumentFacts(Schema):
    """One document as posted."""

    at: datetime
    received: datetime
    marked: bool = Field(description="It came without a token")
    document: dict[str, Any]


class DocumentList(Schema):
    """Documents in the order of their times."""

    documents: list[DocumentFacts]
    next: str | None = Field(description="Cursor of the following page")


class NewSpan(Schema):
    """A span to delete, half open; RFC 3339."""

    start: str
    end: str


class SpanFacts(Schema):
    """A deleted span."""

    id: int
    start: datetime
    end: datetime
    undo_until: datetime
    final: bool


class SpanList(Schema):
    """The deleted spans of a sensor, newest deletion first."""

    spans: list[SpanFacts]
