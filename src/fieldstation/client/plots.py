"""Pictures that a hub draws, and the plots that a person keeps.

The `query` of a plot is what stands after the `?` of its page's address; `query_of` writes one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from fieldstation.client.rows import When, given, of, place, saved, written
from fieldstation.client.tables import Buckets, Days, buckets_from, days_from
from fieldstation.client.wire import Wire
from fieldstation.errors import BadRequest

FORMS = (".png", ".svg", ".pdf")
# What day totals and data take of a query; the rest is how a picture looks.
_ORDER = ("curve", "start", "end", "interval", "compare")


def query_of(
    *curves: str, start: When = "-24h", end: When = "now", **options: str | int | bool
) -> str:
    """The query of a picture of these curves, each `gateway/instrument:channel`. Options are those
    of the form: interval, compare, title, style, width, height and so on.
    """
    span = [("start", written(start)), ("end", written(end))]
    texts = [(name, str(value).lower() if isinstance(value, bool) else str(value))
             for name, value in options.items()]  # fmt: skip
    return urlencode([("curve", curve) for curve in curves] + span + texts)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture that the hub draws. All methods raise FieldstationError."""

    query: str
    wire: Wire = field(repr=False, compare=False)

    def picture(self, file: str | Path) -> int:
        """Write the picture to a file ending in .png, .svg or .pdf; how many bytes."""
        form = Path(file).suffix
        if form not in FORMS:
            raise BadRequest(f"{Path(file).name} ends in none of {', '.join(FORMS)}; choose one.")
        query: dict[str, Any] = parse_qs(self.query)
        return saved(self.wire, file, f"picture{form}", **query)

    def curves(self) -> dict[str, Buckets]:
        """Its measured curves by `gateway/instrument:channel`, without those to compare with."""
        found = self.wire.ask("plot-data", **self._order())["curves"]
        return {
            row["id"]: buckets_from(round(row["span_s"]), row)
            for row in found
            if not row["earlier"]
        }

    def days(self) -> dict[str, Days]:
        """Its measured curves day by day, days of the site's time zone."""
        found = self.wire.ask("day-totals", **self._order())["curves"]
        return {row["id"]: days_from(row) for row in found}

    def _order(self) -> dict[str, list[str]]:
        return {name: texts for name, texts in parse_qs(self.query).items() if name in _ORDER}


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot that the person keeps. With `tag` it is changed only while nobody else did."""

    id: str
    name: str
    query: str
    created: datetime
    removed: datetime | None
    wire: Wire = field(repr=False, compare=False)
    tag: str = field(default="", repr=False, compare=False)
    undo_until: datetime | None = None

    def drawing(self) -> Drawing:
        """Its picture."""
        return Drawing(self.query, self.wire)

    def change(self, *, name: str | None = None, query: str | None = None) -> Plot:
        """Another name or picture; the plot as it is then. Raises ChangedMeanwhile."""
        body = given(name=name, query=query)
        return plot_from(self.wire.change("PATCH", self._path(), body, tag=self.tag), self.wire)

    def remove(self) -> None:
        """Take it out of sight; for a day it can come back. Raises ChangedMeanwhile."""
        self.wire.change("DELETE", self._path(), tag=self.tag)

    def restore(self) -> Plot:
        """Bring it back."""
        return plot_from(self.wire.change("POST", self._path("restore")), self.wire)

    def _path(self, *what: str) -> str:
        return place("plots", self.id, *what)


def plot_from(answer: tuple[dict[str, Any], str], wire: Wire) -> Plot:
    """One plot of an answer, with its tag."""
    return of(Plot, answer[0], wire=wire, tag=answer[1])
