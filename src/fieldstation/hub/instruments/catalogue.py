"""Which instruments there are, as pages and API speak of them: by gateway and name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

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
    sensor: str = ""

    @property
    def called(self) -> str:
        """What people call it: a sensor as they named it, else its name at the station."""
        return self.sensor or self.name

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
        """What a person wants to see first: the channels marked so, else the first four,
        texts last.
        """
        marked = [channel for channel in self.entry.channels if channel.headline]
        if marked:
            return marked
        return sorted(self.entry.channels, key=lambda channel: channel.kind is Kind.TEXT)[:4]

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
            raise BadRequest(_("Name at least one channel, or leave the parameter out for all."))
        for name in wanted:
            if name not in table:
                raise NotFound(
                    _("%(name)s has no channel %(channel)r.") % {"name": self.name, "channel": name}
                    + nearest(name, table)
                )
        return [table[name] for name in wanted] or list(self.entry.channels)


def all_instruments(store: SeriesStore, gateways: Iterable[Gateway]) -> list[Instrument]:
    """Every instrument of these gateways, ordered by gateway and instrument name; people's own
    sensors come last.
    """
    known = {gateway.id.hex: gateway for gateway in gateways}
    names = {
        (gateway.id.hex, instrument): name
        for gateway in known.values()
        if gateway.hidden
        for instrument, name in gateway.sensors.values_list("instrument", "name")
    }
    found = [
        Instrument(known[entry.station], entry, names.get((entry.station, entry.name), ""))
        for entry in store.catalogue()
        if entry.station in known
    ]
    return sorted(found, key=lambda one: (one.gateway.hidden, one.gateway.name, one.name))


def find(store: SeriesStore, known: QuerySet[Gateway], gateway: str, name: str) -> Instrument:
    """The instrument at this address, of one of the known gateways. Raises NotFound with the
    nearest names.
    """
    owner = find_gateway(known, gateway)
    entries: Sequence[InstrumentEntry] = store.catalogue(owner.id.hex)
    for entry in entries:
        if entry.name == name:
            sensor = owner.sensors.filter(instrument=name).first() if owner.hidden else None
            return Instrument(owner, entry, sensor.name if sensor else "")
    hint = nearest(name, (entry.name for entry in entries))
    raise NotFound(
        _("Gateway %(gateway)r has no instrument %(name)r.") % {"gateway": gateway, "name": name}
        + hint
    )


def find_gateway(known: QuerySet[Gateway], slug: str) -> Gateway:
    """The one of these gateways with this name in addresses. Raises NotFound with the nearest
    names.
    """
    found = known.filter(slug=slug).first()
    if found is None:
        hint = nearest(slug, known.values_list("slug", flat=True))
        raise NotFound(_("There is no gateway %(slug)r.") % {"slug": slug} + hint)
    return found
