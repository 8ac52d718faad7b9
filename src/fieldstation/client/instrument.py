"""One instrument of a hub, and the questions that it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fieldstation.client.facts import (
    Channel,
    Hole,
    Latest,
    channel_from,
    hole_from,
    latest_from,
    moment,
)
from fieldstation.client.tables import Buckets, Readings, buckets_from, joined
from fieldstation.client.wire import Wire
from fieldstation.errors import BadRequest

When = str | datetime
"""RFC 3339 with an offset, a time back such as `-24h`, `now`, or a datetime with its time zone."""

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
        ask = partial(
            self.wire.ask,
            self._path("/readings"),
            channels=",".join(channels) or None,
            start=written(start),
            end=written(end),
            limit=limit,
        )
        yield from _pages(ask)

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
        ask = partial(
            self.wire.ask, self._path("/holes"), start=written(start), end=written(end), limit=PAGE
        )
        return [hole_from(row) for page in _pages(ask) for row in page["holes"]]

    def export(
        self, file: str | Path, *channels: str, start: When = "-24h", end: When = "now"
    ) -> int:
        """Write all readings of the range to a file and say how many bytes. Its ending tells the
        form: .csv or .ndjson. The file appears when it is whole.
        """
        path = Path(file)
        if path.suffix not in (".csv", ".ndjson"):
            raise BadRequest(f"{path.name} ends neither in .csv nor in .ndjson; choose one.")
        part = path.with_name(path.name + ".part")
        query = {"channels": ",".join(channels) or None, "start": written(start)}
        try:
            with (
                self.wire.stream(
                    self._path(f"/export{path.suffix}"), **query, end=written(end)
                ) as response,
                part.open("wb") as out,
            ):
                size = sum(out.write(piece) for piece in response.iter_bytes())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return size

    def _path(self, what: str = "") -> str:
        return f"instruments/{quote(self.gateway, safe='')}/{quote(self.name, safe='')}{what}"


def instrument_from(row: dict[str, Any], wire: Wire) -> Instrument:
    """One instrument of an answer."""
    last = row["last_reading"]
    return Instrument(
        row["gateway"], row["name"], row["kind"], row["model"], row["serial"],
        row["every_s"], row["state"], moment(last) if last else None, row["readings"], wire,
    )  # fmt: skip


def written(when: When) -> str:
    """An instant as the hub reads it. Raises BadRequest for a datetime without time zone."""
    if isinstance(when, str):
        return when
    if when.tzinfo is None:
        raise BadRequest(f"{when} has no time zone; give it one, such as tzinfo=UTC.")
    return when.isoformat()


def _pages(ask: Any) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = ask(cursor=cursor)
        yield page
        cursor = page["next"]
        if cursor is None:
            return
