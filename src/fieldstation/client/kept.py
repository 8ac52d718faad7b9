"""What a person keeps on a hub: plots, dashboards, share links and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fieldstation.client.boards import Dashboard, Tile, dashboard_from
from fieldstation.client.plots import Drawing, Plot, plot_from, query_of
from fieldstation.client.rows import When, of, place, written
from fieldstation.client.wire import Wire


@dataclass(frozen=True, slots=True)
class Share:
    """A link that shows one picture to whoever has it; `link` is told only when it is made."""

    id: str
    name: str
    query: str
    created: datetime
    valid_until: datetime
    revoked: datetime | None
    wire: Wire = field(repr=False, compare=False)
    link: str = field(default="", repr=False)
    picture: str = field(default="", repr=False)

    def revoke(self) -> None:
        """It shows nothing from now on."""
        self.wire.change("DELETE", place("shares", self.id))


@dataclass(frozen=True, slots=True)
class Note:
    """Words on the time axis of an instrument."""

    id: int
    gateway: str
    instrument: str
    at: datetime
    text: str
    who: str
    wire: Wire = field(repr=False, compare=False)

    def remove(self) -> None:
        """Take the words away."""
        self.wire.change("DELETE", place("notes", self.id))


@dataclass(frozen=True, slots=True)
class Plots:
    """What a person keeps on one hub, and what the hub draws. All methods raise
    FieldstationError.
    """

    wire: Wire = field(repr=False, compare=False)

    def drawing(
        self, *curves: str, start: When = "-24h", end: When = "now", **options: str | int | bool
    ) -> Drawing:
        """A picture of these curves, see `query_of`."""
        return Drawing(query_of(*curves, start=start, end=end, **options), self.wire)

    def saved(self, *, removed: bool = False) -> list[Plot]:
        """The plots that the person keeps; with `removed` those that can be brought back."""
        rows = self.wire.rows("plots", "plots", removed=removed or None)
        return [of(Plot, row, wire=self.wire) for row in rows]

    def one(self, plot: str) -> Plot:
        """One plot, with the tag of this version."""
        return plot_from(self.wire.ask_tagged(place("plots", plot)), self.wire)

    def save(self, query: str | Drawing, name: str = "") -> Plot:
        """Keep a picture under a name, or else under its title."""
        text = query.query if isinstance(query, Drawing) else query
        return plot_from(
            self.wire.change("POST", "plots", {"query": text, "name": name}), self.wire
        )

    def dashboards(self, *, removed: bool = False) -> list[Dashboard]:
        """The person's dashboards, by name; with `removed` those that can be brought back."""
        rows = self.wire.rows("dashboards", "dashboards", removed=removed or None)
        return [dashboard_from((row, ""), self.wire) for row in rows]

    def dashboard(self, board: str) -> Dashboard:
        """One dashboard, with the tag of this version."""
        return dashboard_from(self.wire.ask_tagged(place("dashboards", board)), self.wire)

    def add_dashboard(self, name: str = "", tiles: Sequence[Tile | Plot] = ()) -> Dashboard:
        """A new dashboard with these tiles."""
        made = dashboard_from(self.wire.change("POST", "dashboards", {"name": name}), self.wire)
        return made.arrange(tiles) if tiles else made

    def shares(self) -> list[Share]:
        """The person's links, the newest first."""
        return [of(Share, row, wire=self.wire) for row in self.wire.rows("shares", "shares")]

    def share(self, query: str | Drawing, days: int = 7) -> Share:
        """A link to this picture, told this once."""
        text = query.query if isinstance(query, Drawing) else query
        row, _tag = self.wire.change("POST", "shares", {"query": text, "days": days})
        return of(Share, row, wire=self.wire)

    def notes(self, gateway: str | None = None, instrument: str | None = None) -> list[Note]:
        """Notes in the order of their instants; of one gateway or instrument where named."""
        rows = self.wire.rows("notes", "notes", gateway=gateway, instrument=instrument)
        return [of(Note, row, wire=self.wire) for row in rows]

    def leave_note(self, gateway: str, instrument: str, text: str, at: When = "now") -> Note:
        """Leave words at an instant."""
        body = {"gateway": gateway, "instrument": instrument, "text": text, "at": written(at)}
        return of(Note, self.wire.change("POST", "notes", body)[0], wire=self.wire)
