"""Dashboards: a person's saved plots side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fieldstation.client.plots import Plot
from fieldstation.client.rows import of, place
from fieldstation.client.wire import Wire


@dataclass(frozen=True, slots=True)
class Tile:
    """One plot on a dashboard, 1 to 4 columns wide and 1 to 3 rows tall."""

    plot: str
    wide: int = 1
    tall: int = 1
    name: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Plots side by side. With `tag` it is changed only while nobody else did; the methods that
    change it return it as it is then, and raise ChangedMeanwhile.
    """

    id: str
    name: str
    default: bool
    tiles: tuple[Tile, ...]
    created: datetime
    wire: Wire = field(repr=False, compare=False)
    tag: str = field(default="", repr=False, compare=False)
    removed: datetime | None = None
    undo_until: datetime | None = None

    def arrange(self, tiles: Iterable[Tile | Plot]) -> Dashboard:
        """These tiles in this order; a plot is a tile of one column and row."""
        rows = [one if isinstance(one, Tile) else Tile(one.id) for one in tiles]
        body = {"tiles": [{"plot": t.plot, "wide": t.wide, "tall": t.tall} for t in rows]}
        return self._changed("PUT", "tiles", body=body)

    def undo(self) -> Dashboard:
        """The arrangement before."""
        return self._changed("POST", "undo")

    def rename(self, name: str) -> Dashboard:
        """Another name."""
        return self._changed("PATCH", body={"name": name})

    def make_default(self) -> Dashboard:
        """Let it open by itself."""
        return self._changed("POST", "default")

    def remove(self) -> None:
        """Take it out of sight; for a day it can come back. The plots on it stay."""
        self.wire.change("DELETE", place("dashboards", self.id), tag=self.tag)

    def restore(self) -> Dashboard:
        """Bring it back, arranged as it was."""
        path = place("dashboards", self.id, "restore")
        return dashboard_from(self.wire.change("POST", path), self.wire)

    def _changed(self, method: str, *what: str, body: dict[str, Any] | None = None) -> Dashboard:
        path = place("dashboards", self.id, *what)
        return dashboard_from(self.wire.change(method, path, body, tag=self.tag), self.wire)


def dashboard_from(answer: tuple[dict[str, Any], str], wire: Wire) -> Dashboard:
    """One dashboard of an answer, with its tag."""
    row, tag = answer
    tiles = tuple(of(Tile, tile) for tile in row["tiles"])
    return of(Dashboard, row, tiles=tiles, wire=wire, tag=tag)
