"""Facts become rows, the later word in the place of the earlier.

1. A fact replaces the row with its key when its revision is higher, or when another journal says
   it; so repeating and shuffling reports changes nothing (test_replay_and_reorder_change_nothing).
2. A fact that cannot be (a tally below zero, a hole of more readings than time has) is left out and
   told as an event; it does not hold up the others (test_a_senseless_fact_is_left_out_and_told).
3. A hole during which the clock was set back ends where it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from django.db.models import Model

from fieldstation.batch.facts import DAY_US, ClockFact, Event, Fact, Hole, Tally
from fieldstation.batch.limits import MOST_INTEGER
from fieldstation.hub.ledger import models

# No instrument is read more often than every 100 us; sums of such numbers stay in 64 bits.
MOST_A_DAY = DAY_US // 100
MOST_MISSED = 10**12
# Before this program was written no clock of a station was right (2026-01-01).
EARLIEST_US = 1_767_225_600_000_000
MOST_NAME = 63

_TABLES: dict[type[Fact], type[Model]] = {
    Hole: models.Hole, Tally: models.Tally, ClockFact: models.Clock, Event: models.Event,
}  # fmt: skip
_KEYS: dict[type[Fact], tuple[str, ...]] = {
    Hole: ("boot", "number"),
    Tally: ("day", "instrument", "boot"),
    ClockFact: ("boot", "number"),
    Event: ("origin", "boot", "number"),
}


Told = tuple[UUID, str, Sequence[tuple[int, Fact]]]
"""Facts of a report with their revisions: of which gateway, from which journal."""

Rows = dict[tuple[Any, ...], dict[str, Any]]


def keep(told: Sequence[Told], now_us: int) -> list[list[Fact]]:
    """Store the facts of reports, in their order, inside a transaction of the caller's; for each
    report those that cannot be.
    """
    tables: dict[type[Fact], Rows] = {made: {} for made in _TABLES}
    senseless: list[list[Fact]] = []
    for gateway, journal, facts in told:
        senseless.append([fact for _, fact in facts if not sensible(fact)])
        for revision, fact in facts:
            if sensible(fact):
                word = {"gateway_id": gateway, "journal": journal, "revision": revision}
                _replace(tables[type(fact)], _KEYS[type(fact)], _row(fact, now_us) | word)
    for made, rows in tables.items():
        if rows:
            _store(made, rows)
    return senseless


def _replace(rows: Rows, key: tuple[str, ...], row: dict[str, Any]) -> None:
    place = (row["gateway_id"], *(row[name] for name in key))
    before = rows.get(place)
    if before is None or not _is_older(row, before["journal"], before["revision"]):
        rows[place] = row


def _is_older(row: dict[str, Any], journal: str, revision: int) -> bool:
    """Rule 1: whether the word with this revision of this journal stands against the row."""
    return bool(row["journal"] == journal and row["revision"] <= revision)


def sensible(fact: Fact) -> bool:
    """Whether such a thing can be."""
    match fact:
        case Hole():
            times = (fact.number, fact.first_utc_us, fact.last_utc_us)
            return min(times) >= 0 and 0 <= fact.count <= MOST_MISSED and _named(fact)
        case Tally():
            dated = 0 <= fact.day < MOST_INTEGER // DAY_US
            return dated and 0 <= fact.stored <= MOST_A_DAY and _named(fact)
        case ClockFact():
            return min(fact.number, fact.mono_us, fact.utc_us, fact.error_us) >= 0
        case Event():
            return fact.number >= 0


def _named(fact: Hole | Tally) -> bool:
    return 1 <= len(fact.instrument) <= MOST_NAME


def _row(fact: Fact, now_us: int) -> dict[str, Any]:
    row = {field.name: getattr(fact, field.name) for field in fields(fact)}
    row["boot"] = fact.boot.hex()
    if isinstance(fact, Hole):
        row["last_utc_us"] = max(fact.first_utc_us, fact.last_utc_us)
    if isinstance(fact, Event):
        believed = EARLIEST_US <= fact.utc_us <= now_us + DAY_US
        row |= {"origin": "", "at_us": fact.utc_us if believed else now_us}
    return row


def _store(made: type[Fact], rows: Rows) -> None:
    table: Any = _TABLES[made]
    key = ("gateway_id", *_KEYS[made])
    among: dict[str, Any] = {f"{name}__in": {row[name] for row in rows.values()} for name in key}
    known = table.objects.filter(**among)
    for *place, journal, revision in known.values_list(*key, "journal", "revision"):
        row = rows.get(tuple(place))
        if row is not None and _is_older(row, journal, revision):
            del rows[tuple(place)]
    _upsert(table, _KEYS[made], [table(**row) for row in rows.values()])


def note(gateway: UUID, word: str, boot: str, text: str, now_us: int) -> None:
    """Keep an event of the hub's own; the newest of its word for each run."""
    event = models.Event(
        gateway_id=gateway, origin=word, boot=boot, number=0, journal="", revision=0,
        at_us=now_us, utc_us=now_us, mono_us=0, what=word, text=text[:1000],
    )  # fmt: skip
    _upsert(models.Event, _KEYS[Event], [event])


def _upsert(table: Any, key: Sequence[str], rows: Iterable[Model]) -> None:
    kept = {"id", "gateway", *key}
    others = [field.name for field in table._meta.concrete_fields if field.name not in kept]
    table.objects.bulk_create(
        list(rows), update_conflicts=True, unique_fields=["gateway", *key], update_fields=others
    )
