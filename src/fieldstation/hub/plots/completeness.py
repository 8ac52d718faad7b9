"""How much of a channel's time there are readings of, by what its station says is missing.

1. Only a station that counts its readings can tell; for any other there is no answer.
2. Holes are counted in time, once where they overlap, so that a cadence that was changed does no
   harm (test_completeness_is_told_by_holes_where_the_station_counts).
3. What has not arrived yet counts as missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fieldstation.batch.facts import State
from fieldstation.errors import NotFound
from fieldstation.hub.instruments.catalogue import Instrument
from fieldstation.hub.ledger.models import Hole, Tally
from fieldstation.instruments import registry
from fieldstation.model import Channel

Span = tuple[int, int]


def told(one: Instrument, channel: Channel, span: Span) -> float | None:
    """The share of the span, 0 to 1, that is not missing; None where nobody tells."""
    first, last = span
    if last <= first or one.entry.every_us <= 0 or not _counts(one):
        return None
    missing = [*_holes(one, channel, span), (one.entry.last_us + one.entry.every_us, last)]
    return 1 - _length(missing, span) / (last - first)


def _counts(one: Instrument) -> bool:
    return Tally.objects.filter(gateway=one.gateway, instrument=one.name).exists()


def _holes(one: Instrument, channel: Channel, span: Span) -> Iterator[Span]:
    reaching = Hole.objects.filter(
        gateway=one.gateway, instrument=one.name,
        first_utc_us__lt=span[1], last_utc_us__gte=span[0],
    ).exclude(state=State.RECOVERED)  # fmt: skip
    others = _other_layouts(one.entry.kind, channel)
    for first, last, layout in reaching.values_list("first_utc_us", "last_utc_us", "layout"):
        if layout not in others:
            yield first, last + one.entry.every_us


def _other_layouts(kind: str, channel: Channel) -> frozenset[str]:
    """The layouts of this kind of instrument that do not have the channel."""
    try:
        tables = registry.layouts(kind)
    except NotFound:
        return frozenset()
    names = {table.name for table in tables if channel.name in {c.name for c in table.channels}}
    return frozenset(table.name for table in tables) - names if names else frozenset()


def _length(spans: Iterable[Span], within: Span) -> int:
    """The length of the union of spans inside of one."""
    total, done = 0, within[0]
    for first, last in sorted(spans):
        first, last = max(first, done), min(last, within[1])
        if last > first:
            total, done = total + last - first, last
    return total
