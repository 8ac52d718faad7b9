"""The account of each instrument and day: where every due reading is.

1. Due is what was stored or missed. Missed are the readings in holes, unless they were recovered.
2. What was stored is settled at the sink, refused by it, or waits. The rows are counted; those that
   are deleted were settled, because nothing else is deleted.
3. An account adds up when tallies, rows and quarantine agree, each counted for itself.
   `test_the_ledger_adds_up_whatever_happens`
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fieldstation.batch.facts import DAY_US, Cause, Hole, State, Tally, per_day
from fieldstation.batch.ranges import Ranges
from fieldstation.journal.cursors import Cursor
from fieldstation.journal.facts import Facts
from fieldstation.journal.packs import Packs
from fieldstation.journal.quarantine import Counts, given_up, refused
from fieldstation.journal.tallies import Key, key_of

# Readings with these causes were taken, and are not here all the same.
_TAKEN = {Cause.STORE, Cause.DISK_FULL, Cause.DAMAGED}


@dataclass(frozen=True, slots=True)
class Account:
    """How many readings of `instrument` on `day` (since 1970-01-01, by the station's clock) are
    where. `forwarded` were sent to the sink, whatever came of it; `failed` are missed, by cause.
    """

    day: int
    instrument: str
    stored: int = 0
    forwarded: int = 0
    settled: int = 0
    refused: int = 0
    waiting: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    adds_up: bool = True

    @property
    def missed(self) -> int:
        """All that failed."""
        return sum(self.failed.values())

    @property
    def due(self) -> int:
        """How many there should be."""
        return self.stored + self.missed

    @property
    def taken(self) -> int:
        """How many the instrument gave."""
        return self.stored + sum(self.failed.get(cause, 0) for cause in _TAKEN)


@dataclass(frozen=True, slots=True)
class Books:
    """What an account is made of, read at one moment. `whole` says that nothing was deleted."""

    db: sqlite3.Connection
    packs: Packs
    facts: Facts
    owners: Mapping[int, str]
    untallied: Mapping[Key, int]
    cursor: Cursor
    last: int
    whole: bool

    def accounts(self, first_day: int, last_day: int) -> list[Account]:
        """The accounts of these days, both included, in order of day and instrument."""
        failed = self._failed()
        stored = self._stored()
        rejected = refused(self.db, self.cursor.name)
        here, waiting, in_flight = self._rows(first_day, last_day)
        keys = {*failed, *stored, *rejected, *here, *waiting}
        out = []
        for instrument, day in sorted(keys, key=lambda key: (key[1], key[0])):
            key = (instrument, day)
            if not first_day <= day <= last_day:
                continue
            settled = stored[key] - rejected[key] - waiting[key]
            deleted = settled - here[key]
            out.append(
                Account(
                    day, instrument, stored[key],
                    forwarded=settled + rejected[key] + in_flight[key],
                    settled=settled, refused=rejected[key], waiting=waiting[key],
                    failed=dict(failed.get(key, {})),
                    adds_up=deleted == 0 or (deleted > 0 and not self.whole),
                )
            )  # fmt: skip
        return out

    def _failed(self) -> dict[tuple[str, int], Counter[str]]:
        failed: dict[tuple[str, int], Counter[str]] = {}
        for hole in self.facts.of(Hole):
            if hole.state is not State.RECOVERED:
                for day, count in per_day(hole).items():
                    failed.setdefault((hole.instrument, day), Counter())[hole.cause] += count
        return failed

    def _stored(self) -> Counts:
        stored: Counts = Counter()
        for tally in self.facts.of(Tally):
            stored[tally.instrument, tally.day] += tally.stored
        for (_, instrument, day), count in self.untallied.items():
            stored[instrument, day] += count
        return stored

    def _rows(self, first_day: int, last_day: int) -> tuple[Counts, Counts, Counts]:
        """Rows here that the sink has, that wait for it, and that are on their way to it."""
        days = (first_day * DAY_US, (last_day + 1) * DAY_US)
        gone = given_up(self.db, self.cursor.name)
        damaged = given_up(self.db, "")
        cursor = self.cursor
        settled = _without(cursor.ranges, gone)
        waiting = _without(Ranges(cursor.ranges.absent(0, self.last)), damaged)
        flight = _without(Ranges([(cursor.first, cursor.last)] if cursor.last else []), damaged)
        on_way = Ranges([part for pair in flight.pairs for part in waiting.known(*pair)])
        return tuple(self._count(each.pairs, days) for each in (settled, waiting, on_way))  # type: ignore[return-value]

    def _count(self, pairs: Iterable[tuple[int, int]], days: tuple[int, int]) -> Counts:
        counts: Counts = Counter()
        for pair in pairs:
            for stream, day, count in self.db.execute(
                f"SELECT stream, utc_us / {DAY_US}, count(*) FROM reading"  # noqa: S608 - a number
                " WHERE sequence BETWEEN ? AND ? AND utc_us >= ? AND utc_us < ? GROUP BY 1, 2",
                (*pair, *days),
            ):
                counts[self.owners.get(stream, ""), day] += count
            counts += self._packed(*pair, days)
        return counts

    def _packed(self, first: int, last: int, days: tuple[int, int]) -> Counts:
        counts: Counts = Counter()
        for pack in self.packs.upwards(first, last):
            if first <= pack.first and pack.last <= last:
                for share in pack.shares:
                    counts[self.owners.get(share.stream, ""), share.day] += share.readings
                continue
            for kept in self.packs.readings(pack) or ():
                if first <= kept.sequence <= last:
                    counts[key_of(kept.reading)[1:]] += 1
        low, high = (edge // DAY_US for edge in days)
        return Counter({key: count for key, count in counts.items() if low <= key[1] < high})


def _without(ranges: Ranges, gone: Ranges) -> Ranges:
    for pair in gone.pairs:
        ranges.remove(*pair)
    return ranges
