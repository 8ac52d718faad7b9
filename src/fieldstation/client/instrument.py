"""One instrument of a hub, and the questions that it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fieldstation.client.facts import (
    Channel,
    Hole,
    Latest,
    channel_from,
    hole_from,
    latest_from,
)
from fieldstation.client.rows import When, moment, place, saved, written
from fieldstation.client.tables import Buckets, Readings, buckets_from, joined
from fieldstation.client.wire import Wire
from fieldstation.errors import BadRequest

# The most that a hub gives in one page.
PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument as the hub's list shows it; all methods ask the hub.

    `state` is fresh, late or lost; `every_s` 0 when unknown. All methods raise FieldstationError.
    """

    gateway: str
    name: str
    kind: str
    model: str
    serial: str
    every_s: float
    state: str
    last_reading: datetime | None
    readings_held: int
    wire: Wire = field(repr=False, compare=False)

    def channels(self) -> list[Channel]:
        """Its channel table."""
        return [channel_from(row) for row in self.wire.ask(self._path())["channels"]]

    def latest(self) -> Latest:
        """The newest value of each channel."""
        return latest_from(self.wire.ask(self._path("/latest")))

    def readings(self, *channels: str, start: When = "-24h", end: When = "now") -> Readings:
        """All readings from `start` until before `end`, of all channels when none is named."""
        return joined(list(self.pages(*channels, start=start, end=end)))

    def pages(
        self, *channels: str, start: When = "-24h", end: When = "now", limit: int = PAGE
    ) -> Iterator[dict[str, Any]]:
        """The same page by page as the hub gives them, for ranges larger than the memory."""
        yield from self.wire.pages(
            self._path("/readings"),
            channels=",".join(channels) or None,
            start=written(start),
            end=written(end),
            limit=limit,
        )

    def buckets(
        self, *channels: str, start: When = "-24h", end: When = "now", points: int = 1024
    ) -> dict[str, Buckets]:
        """At most `points` equal spans over the range with n, minimum, mean and maximum."""
        answer = self.wire.ask(
            self._path("/buckets"),
            channels=",".join(channels),
            start=written(start),
            end=written(end),
            points=points,
        )
        return {row["channel"]: buckets_from(answer["span_s"], row) for row in answer["channels"]}

    def holes(self, *, start: When = "-7d", end: When = "now") -> list[Hole]:
        """What is missing in the range, and why."""
        span = {"start": written(start), "end": written(end)}
        rows = self.wire.rows(self._path("/holes"), "holes", **span, limit=PAGE)
        return [hole_from(row) for row in rows]

    def export(
        self, file: str | Path, *channels: str, start: When = "-24h", end: When = "now"
    ) -> int:
        """Write all readings of the range to a file and say how many bytes. Its ending tells the
        form: .csv or .ndjson. The file appears when it is whole.
        """
        path = Path(file)
        if path.suffix not in (".csv", ".ndjson"):
            raise BadRequest(f"{path.name} ends neither in .csv nor in .ndjson; choose one.")
        return saved(
            self.wire,
            path,
            self._path(f"/export{path.suffix}"),
            channels=",".join(channels) or None,
            start=written(start),
            end=written(end),
        )

    def _path(self, what: str = "") -> str:
        return place("instruments", self.gateway, self.name) + what


def instrument_from(row: dict[str, Any], wire: Wire) -> Instrument:
    """One instrument of an answer."""
    last = row["last_reading"]
    return Instrument(
        row["gateway"], row["name"], row["kind"], row["model"], row["serial"],
        row["every_s"], row["state"], moment(last) if last else None, row["readings"], wire,
    )  # fmt: skip
