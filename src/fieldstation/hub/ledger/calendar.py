"""Completeness by day and instrument: what was due, and where each reading of it is.

1. A day's readings are stored here, missed at the station (holes that were not recovered), refused
   by this hub, or in transit; due is their sum.
2. In transit is what the station counted (tallies) and this hub has neither taken nor refused. Both
   count by the day that the station's clock showed; a reading that was placed at another day since
   is due on that day.
3. The account of a day is wrong when the hub holds more than the station counted on a day that is
   over, or when the station has nothing left to send and something is still on the way.
4. A station counts a reading some minutes after it may have sent it, so of a day that is not over,
   or was only just, nothing can be wrong.
5. What a station takes for missed because it was restored from an old image, and what lies here all
   the same, is not missed (`contradicted`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from django.db.models import QuerySet, Sum

from fieldstation.batch.facts import DAY_US, Cause, State
from fieldstation.hub.ledger.contradicted import doubted, here
from fieldstation.hub.ledger.models import Hole, Refusal, Standing, Tally
from fieldstation.hub.ledger.standing import heard_us, is_online
from fieldstation.series.api import SeriesStore

# Tallies are written at least every ten minutes; the rest is for the report that brings them.
SETTLES_AFTER_US = 20 * 60_000_000

Key = tuple[int, str]
"""Day (since 1970-01-01) and instrument."""


class Verdict(StrEnum):
    """What a day needs, the first that applies."""

    WRONG = "wrong"  # it does not add up
    GAPS = "gaps"  # readings were missed or refused
    NOT_HEARD = "not_heard"  # readings wait at a station that is silent
    IN_TRANSIT = "in_transit"  # readings are on the way
    COMPLETE = "complete"
    UNKNOWN = "unknown"  # the station told nothing of this day


@dataclass(slots=True)
class DayRow:
    """The account of one instrument and day. `counted` is the station's number of readings, None
    when it told none; `arrived` those of them that are here. The other numbers are those of rule 1.
    """

    day: int
    instrument: str
    stored: int = 0
    arrived: int = 0
    refused: int = 0
    recovered: int = 0
    counted: int | None = None
    holes: Counter[str] = field(default_factory=Counter)
    over: bool = False
    nothing_waits: bool = False
    online: bool = False

    @property
    def known(self) -> bool:
        """Whether the station told what was due."""
        holes = bool(self.missed or self.recovered)
        return self.counted is not None or (holes and not self.arrived)

    @property
    def missed(self) -> int:
        """Readings in holes."""
        return self.holes.total()

    @property
    def in_transit(self) -> int:
        """Readings that the station recorded and that are not here."""
        return max(0, (self.counted or 0) - self.arrived - self.refused)

    @property
    def due(self) -> int:
        """Readings that there should be."""
        return self.stored + self.missed + self.refused + self.in_transit

    @property
    def completeness(self) -> float:
        """The share that is stored."""
        return self.stored / self.due if self.due else 1.0

    @property
    def adds_up(self) -> bool:
        """Rule 3."""
        too_many = self.arrived + self.refused > (self.counted or 0)
        return not self.over or not (too_many or (self.in_transit and self.nothing_waits))

    @property
    def verdict(self) -> Verdict:
        """The word on the day."""
        if not self.known:
            return Verdict.UNKNOWN
        if not self.adds_up:
            return Verdict.WRONG
        if self.missed or self.refused:
            return Verdict.GAPS
        if self.in_transit:
            return Verdict.IN_TRANSIT if self.online else Verdict.NOT_HEARD
        return Verdict.COMPLETE


def calendar(
    store: SeriesStore, gateway: UUID, first_day: int, last_day: int, instrument: str, now_us: int
) -> list[DayRow]:
    """The rows of these days, both included, in order of day and instrument; of one instrument if
    it is named.
    """
    rows: dict[Key, DayRow] = {}

    def row(day: int, name: str) -> DayRow:
        return rows.setdefault((day, name), DayRow(day, name))

    for day, name, count in _tallied(gateway, first_day, last_day):
        row(day, name).counted = count
    for (name, day), count in store.counts(gateway.hex, first_day, last_day).items():
        row(day, name).stored = count
    for (name, day), count in store.counts(gateway.hex, first_day, last_day, taken=True).items():
        row(day, name).arrived = count
    for day, name in _refused(store, gateway, first_day, last_day):
        row(day, name).refused += 1
    for day, name, cause, state, count in _missed(store, gateway, first_day, last_day):
        if state == State.RECOVERED:
            row(day, name).recovered += count
        else:
            row(day, name).holes[cause] += count
    for each in rows.values():
        each.holes = +each.holes
    _judge(rows, gateway, now_us)
    return [rows[key] for key in sorted(rows) if instrument in ("", key[1])]


def _judge(rows: dict[Key, DayRow], gateway: UUID, now_us: int) -> None:
    standing = Standing.objects.filter(gateway_id=gateway).first()
    online = is_online(heard_us(gateway, standing), now_us)
    for row in rows.values():
        row.online = online
        if standing is not None:
            row.over = standing.at_us >= (row.day + 1) * DAY_US + SETTLES_AFTER_US
            row.nothing_waits = standing.backlog == 0


def _tallied(gateway: UUID, first_day: int, last_day: int) -> Iterator[tuple[int, str, int]]:
    found = Tally.objects.filter(gateway_id=gateway, day__gte=first_day, day__lte=last_day)
    yield from found.values_list("day", "instrument").annotate(Sum("stored")).order_by()


def _refused(
    store: SeriesStore, gateway: UUID, first_day: int, last_day: int
) -> Iterator[tuple[int, str]]:
    found = Refusal.objects.filter(gateway_id=gateway, day__gte=first_day, day__lte=last_day)
    rows = list(found.values_list("boot", "sequence", "day", "instrument"))
    spans = [(bytes.fromhex(boot), sequence, sequence) for boot, sequence, _, _ in rows]
    absent = {(boot.hex(), first) for boot, first, _ in store.absent(gateway.hex, spans)}
    for boot, sequence, day, instrument in rows:
        if (boot, sequence) in absent:
            yield day, instrument


def _missed(
    store: SeriesStore, gateway: UUID, first_day: int, last_day: int
) -> Iterator[tuple[int, str, str, str, int]]:
    found = Hole.objects.filter(
        gateway_id=gateway,
        first_utc_us__lt=(last_day + 1) * DAY_US,
        last_utc_us__gte=first_day * DAY_US,
    )
    for hole in found.iterator():
        span = (hole.first_utc_us, hole.last_utc_us, hole.count)
        for day, part in by_day(*span, first_day, last_day):
            yield day, hole.instrument, hole.cause, hole.state, part
    for hole, day, part in _not_missed(store, gateway, found):
        if first_day <= day <= last_day:
            yield day, hole.instrument, hole.cause, hole.state, -part


def _not_missed(
    store: SeriesStore, gateway: UUID, holes: QuerySet[Hole]
) -> Iterator[tuple[Hole, int, int]]:
    """Rule 5: the holes, their days, and what is here of them."""
    if not (doubtful := doubted(gateway, holes.filter(cause=Cause.STOPPED))):
        return
    entries = {entry.name: entry for entry in store.catalogue(gateway.hex)}
    for hole in doubtful:
        if hole.instrument in entries:
            for day, part in here(store, entries[hole.instrument], hole).items():
                yield hole, day, part


def by_day(
    first_us: int, last_us: int, count: int, first_day: int, last_day: int
) -> Iterator[tuple[int, int]]:
    """The days from `first_day` to `last_day` with what a hole has in each, as
    `batch.facts.per_day` shares it out, at a cost that does not grow with the hole.
    """
    span, steps = last_us - first_us, max(1, count - 1)

    def before(day: int) -> int:
        into = day * DAY_US - first_us
        if into <= 0 or not count:
            return 0
        return min(count, -(-into * steps // span)) if span else count

    for day in range(max(first_day, first_us // DAY_US), min(last_day, last_us // DAY_US) + 1):
        part = before(day + 1) - before(day)
        if part:
            yield day, part
