"""Sensors of people's own: registered, changed, deleted, and the documents that they posted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fieldstation.client.rows import When, given, of, place, written
from fieldstation.client.wire import Wire

# The most that a hub gives in one page.
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Document:
    """One document as it was posted; `marked`: it came without a token."""

    at: datetime
    received: datetime
    marked: bool
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A span of readings that was deleted; it can come back until `undo_until`."""

    id: int
    start: datetime
    end: datetime
    undo_until: datetime
    final: bool


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor; its series are the instrument `instrument` of `gateway`.

    `token` is set only where it was made just now. All methods raise FieldstationError.
    """

    id: int
    name: str
    owner: str
    site: str
    gateway: str
    instrument: str
    type: str
    protocol: str
    description: str
    units: Mapping[str, str]
    public: bool
    created: datetime
    deleted: datetime | None
    undo_until: datetime | None
    wire: Wire = field(repr=False, compare=False)
    token: str = field(default="", repr=False, compare=False)

    def latest(self) -> Document | None:
        """The document with the newest time; None while there is none."""
        found = self.wire.ask(self._path("latest"))
        return of(Document, found) if found else None

    def documents(self, *, start: When = "-7d", end: When = "now") -> Iterator[Document]:
        """The documents of the range in the order of their times."""
        span = {"start": written(start), "end": written(end), "limit": PAGE}
        rows = self.wire.rows(self._path("documents"), "documents", **span)
        return (of(Document, row) for row in rows)

    def change(
        self,
        *,
        name: str | None = None,
        site: str | None = None,
        description: str | None = None,
        legacy_posts: bool | None = None,
        legacy_networks: Sequence[str] | None = None,
        public: bool | None = None,
    ) -> Sensor:
        """Change what is given; the sensor as it is then."""
        networks = None if legacy_networks is None else list(legacy_networks)
        body = given(
            name=name, site=site, description=description, legacy_posts=legacy_posts,
            legacy_networks=networks, public=public,
        )  # fmt: skip
        return self._now(self.wire.change("PATCH", self._path(), body)[0])

    def renew_token(self) -> Sensor:
        """The sensor with a new `token`; the one before is refused from now on."""
        return self._now(self.wire.change("POST", self._path("token"))[0])

    def revoke_token(self) -> Sensor:
        """Refuse its token from the next post on."""
        return self._now(self.wire.change("DELETE", self._path("token"))[0])

    def delete(self) -> Sensor:
        """Hide it and all that it posted, until `undo_until` of what is returned."""
        return self._now(self.wire.change("DELETE", self._path())[0])

    def restore(self) -> Sensor:
        """Bring it back."""
        return self._now(self.wire.change("POST", self._path("restore"))[0])

    def spans(self) -> list[Span]:
        """The spans that were deleted."""
        return [of(Span, row) for row in self.wire.ask(self._path("spans"))["spans"]]

    def delete_span(self, start: When, end: When) -> Span:
        """Hide what it has of a span."""
        body = {"start": written(start), "end": written(end)}
        return of(Span, self.wire.change("POST", self._path("spans"), body)[0])

    def restore_span(self, span: Span) -> None:
        """Bring a span back."""
        self.wire.change("DELETE", self._path("spans", span.id))

    def _now(self, row: dict[str, Any]) -> Sensor:
        return sensor_from(row, self.wire)

    def _path(self, *what: object) -> str:
        return place("sensors", self.id, *what)


def sensor_from(row: dict[str, Any], wire: Wire) -> Sensor:
    """One sensor of an answer."""
    return of(Sensor, row, wire=wire)
