"""Which instruments there are, as pages and API speak of them: by gateway and name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.instruments.freshness import Patience, patience
from fieldstation.hub.nearest import nearest
from fieldstation.hub.stations.models import Gateway
from fieldstation.model import Channel, Kind
from fieldstation.series.api import InstrumentEntry, Latest, SeriesStore


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument, and the gateway that it is attached to."""

    gateway: Gateway
    entry: InstrumentEntry

    @property
    def name(self) -> str:
        """Its name at the station."""
        return self.entry.name

    @property
    def patience(self) -> Patience:
        """When it counts as late and as lost."""
        return patience(self.entry.every_us)

    @property
    def headlines(self) -> list[Channel]:
        """What a person wants to see first: the channels marked so, else the first four."""
        marked = [channel for channel in self.entry.channels if channel.headline]
        return marked or list(self.entry.channels[:4])

    @property
    def main(self) -> Channel | None:
        """The channel of the small curve: the first headline that is a measured number."""
        numbers = [channel for channel in self.headlines if channel.kind is Kind.NUMBER]
        return next(iter(numbers), None)

    def latest(self, store: SeriesStore) -> Latest:
        """Its newest values; none at all when it was only announced so far."""
        try:
            return store.latest(self.entry.station, self.name)
        except NotFound:
            return Latest(self.entry.station, self.name, {}, {})

    def channels(self, names: str) -> list[Channel]:
        """The channels of a comma-separated list, once each; all of them when the list is empty.
        Raises NotFound, BadRequest.
        """
        table = {channel.name: channel for channel in self.entry.channels}
        wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
        if names and not wanted:
            raise BadRequest("Name at least one channel, or leave the parameter out for all.")
        for name in wanted:
            if name not in table:
                raise NotFound(f"{self.name} has no channel {name!r}.{nearest(name, table)}")
        return [table[name] for name in wanted] or list(self.entry.channels)


def all_instruments(store: SeriesStore, gateways: Iterable[Gateway]) -> list[Instrument]:
    """Every instrument of these gateways, ordered by gateway and instrument name."""
    known = {gateway.id.hex: gateway for gateway in gateways}
    found = [
        Instrument(known[entry.station], entry)
        for entry in store.catalogue()
        if entry.station in known
    ]
    return sorted(found, key=lambda one: (one.gateway.name, one.name))


def find(store: SeriesStore, known: QuerySet[Gateway], gateway: str, name: str) -> Instrument:
    """The instrument at this address, of one of the known gateways. Raises NotFound with the
    nearest names.
    """
    owner = find_gateway(known, gateway)
    entries: Sequence[InstrumentEntry] = store.catalogue(owner.id.hex)
    for entry in entries:
        if entry.name == name:
            return Instrument(owner, entry)
    hint = nearest(name, (entry.name for entry in entries))
    raise NotFound(f"Gateway {gateway!r} has no instrument {name!r}.{hint}")


def find_gateway(known: QuerySet[Gateway], slug: str) -> Gateway:
    """The one of these gateways with this name in addresses. Raises NotFound with the nearest
    names.
    """
    found = known.filter(slug=slug).first()
    if found is None:
        hint = nearest(slug, known.values_list("slug", flat=True))
        raise NotFound(f"There is no gateway {slug!r}.{hint}")
    return found
