"""Gateways of a hub: how their stations stand, what is missing, and the acts of editors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fieldstation.client.facts import Hole, hole_from
from fieldstation.client.rows import When, given, of, place, written
from fieldstation.client.tables import Calendar, calendar_from
from fieldstation.client.wire import Wire

# The most that a hub gives in one page.
PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Pin:
    """The PIN with which a station gets its key: `fieldstation register` takes it."""

    gateway: str
    pin: str
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a station or its uploads; `source` is station or hub."""

    at: datetime
    what: str
    text: str
    source: str
    boot: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway as the hub's list shows it; all methods ask the hub.

    `state` is online, late, not_heard or never; what only a report tells is None or empty before
    the first. All methods raise FieldstationError.
    """

    gateway: str
    name: str
    site: str
    state: str
    revoked: bool
    keyed: datetime | None
    last_seen: datetime | None
    last_report: datetime | None
    version: str
    device: str
    backlog: int | None
    open_holes: int
    clock_offset_s: float | None
    disk_free_bytes: int | None
    undo_until: datetime | None
    wire: Wire = field(repr=False, compare=False)

    def holes(
        self, *, start: When = "-7d", end: When = "now", instrument: str | None = None
    ) -> Iterator[Hole]:
        """What is missing in the range, and why."""
        span = {"start": written(start), "end": written(end), "limit": PAGE}
        rows = self.wire.rows(self._path("holes"), "holes", instrument=instrument, **span)
        return map(hole_from, rows)

    def events(self, *, start: When = "-30d", end: When = "now") -> Iterator[Event]:
        """What happened in the range, newest first."""
        span = {"start": written(start), "end": written(end), "limit": PAGE}
        return (of(Event, row) for row in self.wire.rows(self._path("events"), "events", **span))

    def calendar(
        self,
        *,
        start_day: str = "-30d",
        end_day: str = "today",
        instrument: str | None = None,
    ) -> Calendar:
        """Whether the days add up, for every instrument or one: dates, days back, or today."""
        days = {"start_day": start_day, "end_day": end_day, "limit": PAGE}
        rows = self.wire.rows(self._path("calendar"), "rows", instrument=instrument, **days)
        return calendar_from(list(rows))

    def pin(self) -> Pin:
        """A PIN for the first key, or another one. Takes a token of scope write."""
        return of(Pin, self.wire.change("POST", self._path("pin"))[0])

    def change(self, *, name: str | None = None, site: str | None = None) -> Gateway:
        """Another name or site; the gateway as it is then."""
        body = given(name=name, site=site)
        return gateway_from(self.wire.change("PATCH", self._path(), body)[0], self.wire)

    def revoke(self) -> Gateway:
        """Refuse its key from the next upload on; the gateway as it is then."""
        return gateway_from(self.wire.change("POST", self._path("revoke"))[0], self.wire)

    def restore(self) -> Gateway:
        """Undo that, within a day; the gateway as it is then."""
        return gateway_from(self.wire.change("POST", self._path("restore"))[0], self.wire)

    def end_alarm(self) -> Gateway:
        """Take it that one station alone uses its key again; the gateway as it is then."""
        return gateway_from(self.wire.change("POST", self._path("one-machine"))[0], self.wire)

    def remove(self) -> None:
        """Forget the gateway, which never had a key."""
        self.wire.change("DELETE", self._path())

    def _path(self, *what: str) -> str:
        return place("gateways", self.gateway, *what)


def gateway_from(row: dict[str, Any], wire: Wire) -> Gateway:
    """One gateway of an answer."""
    return of(Gateway, row, wire=wire)
