"""What the store knows of its streams without reading a segment: the part that lives in memory.

1. A stream exists from its announcement on, and belongs to one station: channel tables of one
   station never name another's readings.
2. `hot` are the readings that are durable in the inbox but in no segment, in arrival order. Blocks
   never change; who wants a fixed set of readings copies the list while nobody adds to it.
3. The newest reading is the one with the latest time; of those, the one that came last.
4. Of two layouts that define a channel, the one announced last counts. An announcement that says
   what is known already changes that order only when another layout was announced since. But a
   table that makes the channel a headline is not outdone by one of another name that does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np

from fieldstation.batch.model import Announcement
from fieldstation.errors import NotFound
from fieldstation.model import Channel, Layout, Value
from fieldstation.series.api import InstrumentEntry, Latest
from fieldstation.series.embedded.rows import TIME, Block

Key = tuple[str, str, str]


@dataclass(slots=True)
class Stream:
    """One stream. `through` is the last inbox number that is in segments; `sealed` counts their
    readings, `first_us` and `last_us` span them (None while there are none).
    """

    id: int
    station: str
    announced: Announcement
    generation: int
    place: int
    through: int = 0
    sealed: int = 0
    first_us: int | None = None
    last_us: int | None = None
    newest_us: int = -1
    newest: tuple[Value, ...] = ()
    newest_at: tuple[Block, int] | None = None
    hot: list[Block] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        """The channel table."""
        return self.announced.layout

    @property
    def key(self) -> Key:
        """Station, instrument, layout id."""
        return (self.station, self.announced.instrument, self.layout.id)

    def add(self, block: Block) -> None:
        """Take in readings that are durable now."""
        self.hot.append(block)
        times = block.times
        row = len(times) - 1 - int(np.argmax(times[::-1]))
        if times[row] >= self.newest_us:
            self.newest_us, self.newest_at = int(times[row]), (block, row)

    def newest_values(self) -> tuple[Value, ...]:
        """The newest reading in column order; nothing before the first."""
        if self.newest_at is not None:
            block, row = self.newest_at
            self.newest, self.newest_at = block.values(row, self.layout.channels), None
        return self.newest

    def span(self) -> tuple[int, int, int]:
        """Number of readings, first and last time; 0, 0, 0 while there are none."""
        count = self.sealed + sum(map(len, self.hot))
        if not count:
            return 0, 0, 0
        firsts = [int(block.system[TIME].min()) for block in self.hot]
        if self.first_us is not None:
            firsts.append(self.first_us)
        return count, min(firsts), self.newest_us


@dataclass(slots=True)
class Streams:
    """All streams, by key and by instrument."""

    by_key: dict[Key, Stream] = field(default_factory=dict)
    by_instrument: dict[tuple[str, str], list[Stream]] = field(default_factory=dict)
    stations: dict[str, int] = field(default_factory=dict)

    def add(self, stream: Stream) -> None:
        """Take in a stream; one with the same key gets the new definition."""
        old = self.by_key.get(stream.key)
        if old is not None:
            old.announced = stream.announced
            old.generation, old.place = stream.generation, stream.place
            return
        self.by_key[stream.key] = stream
        self.by_instrument.setdefault(stream.key[:2], []).append(stream)
        self.stations[stream.station] = self.stations.get(stream.station, 0) + 1

    def generation(self, station: str, instrument: str) -> int:
        """The newest generation among the instrument's streams, 0 when there are none."""
        streams = self.by_instrument.get((station, instrument), ())
        return max((stream.generation for stream in streams), default=0)

    def of(self, station: str, instrument: str) -> list[Stream]:
        """The instrument's streams, oldest first. Raises NotFound."""
        found = self.by_instrument.get((station, instrument))
        if found is None:
            names = [name for owner, name in self.by_instrument if owner == station]
            raise NotFound(_unknown("instrument", instrument, names))
        return found

    def holding(
        self, station: str, instrument: str, channels: Iterable[str]
    ) -> tuple[list[Stream], dict[str, Channel]]:
        """The instrument's streams that have one of the channels, and the channels' newest
        definitions. Raises NotFound.
        """
        streams = self.of(station, instrument)
        known = {channel.name: channel for channel in union(streams)}
        wanted = dict.fromkeys(channels)
        for name in wanted:
            if name not in known:
                raise NotFound(_unknown("channel", name, list(known)))
        holding = [stream for stream in streams if wanted.keys() & set(stream.layout.names)]
        return holding, {name: known[name] for name in wanted}

    def catalogue(self, station: str | None) -> list[InstrumentEntry]:
        """Entries in order of station and name."""
        keys = sorted(key for key in self.by_instrument if station in (None, key[0]))
        return [entry(self.by_instrument[key]) for key in keys]


def entry(streams: Sequence[Stream]) -> InstrumentEntry:
    """One instrument, of its streams."""
    ordered = newest_first(streams)
    spans = [span for span in (stream.span() for stream in streams) if span[0]]
    intervals = [stream.announced.every_us for stream in streams if stream.announced.every_us]
    return InstrumentEntry(
        station=streams[0].station,
        name=streams[0].announced.instrument,
        kind=ordered[0].layout.kind,
        channels=union(streams),
        first_us=min((first for _, first, _ in spans), default=0),
        last_us=max((last for _, _, last in spans), default=0),
        readings=sum(count for count, _, _ in spans),
        every_us=min(intervals, default=0),
        serial=next((s.announced.serial for s in ordered if s.announced.serial), ""),
        model=next((s.announced.model for s in ordered if s.announced.model), ""),
    )


def newest_first(streams: Iterable[Stream]) -> list[Stream]:
    """Streams in the order in which their definitions count (rule 4)."""
    return sorted(streams, key=lambda stream: (-stream.generation, stream.place, stream.id))


def union(streams: Iterable[Stream]) -> tuple[Channel, ...]:
    """Every channel once, by the definition that counts (rule 4)."""
    channels: dict[str, Channel] = {}
    names: set[str] = set()
    for stream in newest_first(streams):
        newest = stream.layout.name not in names
        names.add(stream.layout.name)
        for channel in stream.layout.channels:
            known = channels.setdefault(channel.name, channel)
            if newest and channel.headline and not known.headline:
                channels[channel.name] = channel
    return tuple(channels.values())


def latest(streams: Sequence[Stream]) -> Latest:
    """The newest value of every channel that has had a reading."""
    values: dict[str, Value] = {}
    times: dict[str, int] = {}
    for stream in newest_first(streams):
        for name, value in zip(stream.layout.names, stream.newest_values(), strict=False):
            if stream.newest_us > times.get(name, -1):
                values[name], times[name] = value, stream.newest_us
    return Latest(streams[0].station, streams[0].announced.instrument, values, times)


def newest_text(stream: Stream) -> str:
    """The newest reading as JSON for the stream's row."""
    return json.dumps([stream.newest_us, stream.newest_values()], separators=(",", ":"))


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"; near it: {', '.join(near)}" if near else ""
    return f"no {what} is named {name!r}{hint}"
