"""What a station tells a hub about itself, and what the hub answers: the two documents of
`POST /api/v1/report`, as JSON. Both sides read with suspicion.

1. The hub says how far it has the facts of this journal (`through`); the station sends those after
   it. A hub that was restored from a backup says less than before and gets them again.
2. The station names the spans of its runs that it takes for settled; the hub answers with the parts
   that it does not have, and gets them again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, TypeVar

from fieldstation.batch.facts import ClockFact, Event, Fact, Hole, Source, State, Tally
from fieldstation.batch.limits import MOST_INTEGER
from fieldstation.errors import CodecError

PATH = "/api/v1/report"
MEDIA_TYPE = "application/vnd.fieldstation.report+json"
MOST_BYTES = 1 << 20
MOST_FACTS = 1000
MOST_SPANS = 1000

T = TypeVar("T")

Span = tuple[bytes, int, int]
"""Sequences from the second to the third of the run that the first names."""


@dataclass(frozen=True, slots=True)
class Report:
    """The station's word. `journal` (8 bytes in hex) names the file that numbers the facts;
    `facts` are those with revisions above `after`, each with its revision, in order.

    Sizes are in bytes, `backlog` counts readings that wait, `oldest_utc_us` is the time of the
    first of them (0: none), `trust` the clock's (0 or 1).
    """

    journal: str
    boot: bytes
    kernel: str
    version: str
    utc_us: int
    mono_us: int
    trust: int
    backlog: int = 0
    oldest_utc_us: int = 0
    journal_bytes: int = 0
    disk_free_bytes: int = 0
    settled: tuple[Span, ...] = ()
    after: int = 0
    facts: tuple[tuple[int, Fact], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["boot"] = self.boot.hex()
        plain["settled"] = [[boot.hex(), first, last] for boot, first, last in self.settled]
        plain["facts"] = [[revision, *fact_row(fact)] for revision, fact in self.facts]
        return plain

    @classmethod
    def from_json(cls, data: bytes) -> Report:
        """The report in a request's body. Raises CodecError `too_long`, `bad_field`."""
        return _read(data, _report)


@dataclass(frozen=True, slots=True)
class Answer:
    """The hub's word: its own time, how far it has the facts of this journal, and what it misses
    of the spans that were named.
    """

    utc_us: int
    through: int
    missing: tuple[Span, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The answer as plain data."""
        missing = [[boot.hex(), first, last] for boot, first, last in self.missing]
        return {"utc_us": self.utc_us, "through": self.through, "missing": missing}

    @classmethod
    def from_json(cls, data: bytes) -> Answer:
        """The answer in a response's body. Raises CodecError."""
        return _read(
            data,
            lambda row: cls(
                _number(row["utc_us"]), _number(row["through"]), _spans(row.get("missing", []))
            ),
        )


_FACTS: dict[str, type[Fact]] = {each.kind: each for each in (Hole, Tally, ClockFact, Event)}
# The longest text is an event's sentence.
_MOST_TEXT = 1000
_FIELDS: dict[str, Callable[[Any], Any]] = {
    "int": lambda value: _number(value, -MOST_INTEGER),
    "str": lambda value: _words(value, _MOST_TEXT),
    "bytes": lambda value: _hex(value, 16),
    "State": State,
    "Source": Source,
}


def fact_row(fact: Fact) -> list[Any]:
    """A fact as plain data: its kind, then its fields in order."""
    values = [getattr(fact, f.name) for f in fields(fact)]
    return [fact.kind, *(value.hex() if isinstance(value, bytes) else value for value in values)]


def _read(data: bytes, make: Callable[[Mapping[str, Any]], T]) -> T:
    if len(data) > MOST_BYTES:
        raise CodecError("too_long", f"the document has {len(data)} bytes, not {MOST_BYTES}")
    try:
        row = json.loads(data, parse_constant=_refuse)
        if not isinstance(row, dict):
            raise TypeError("it is no object")
        return make(row)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise CodecError("bad_field", f"the document is malformed ({reason})") from error


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _report(row: Mapping[str, Any]) -> Report:
    facts = row.get("facts", [])
    if len(facts) > MOST_FACTS:
        raise ValueError(f"{len(facts)} facts, the limit is {MOST_FACTS}")
    report = Report(
        journal=_hex(row["journal"], 8).hex(),
        boot=_hex(row["boot"], 16),
        kernel=_words(row["kernel"], 64),
        version=_words(row["version"], 64),
        utc_us=_number(row["utc_us"], -MOST_INTEGER),
        mono_us=_number(row["mono_us"]),
        trust=_number(row["trust"]),
        backlog=_number(row.get("backlog", 0)),
        oldest_utc_us=_number(row.get("oldest_utc_us", 0), -MOST_INTEGER),
        journal_bytes=_number(row.get("journal_bytes", 0)),
        disk_free_bytes=_number(row.get("disk_free_bytes", 0)),
        settled=_spans(row.get("settled", [])),
        after=_number(row.get("after", 0)),
        facts=tuple((_number(fact[0]), fact_of(fact[1:])) for fact in facts),
    )
    revisions = [report.after, *(revision for revision, _ in report.facts)]
    if any(later <= earlier for earlier, later in pairwise(revisions)):
        raise ValueError("the revisions do not grow")
    return report


def fact_of(row: Sequence[Any]) -> Fact:
    """The fact written by `fact_row`. Raises ValueError, TypeError, KeyError or IndexError."""
    made, values = _FACTS[row[0]], row[1:]
    names = fields(made)
    if len(values) != len(names):
        raise ValueError(f"a {made.kind} has {len(names)} fields")
    read = {f.name: _FIELDS[str(f.type)](value) for f, value in zip(names, values, strict=True)}
    return made(**read)


def _number(value: Any, least: int = 0) -> int:
    if type(value) is not int or not least <= value < MOST_INTEGER:
        raise ValueError("a field is not a whole number in its range")
    return value


def _hex(value: Any, size: int) -> bytes:
    found = bytes.fromhex(value)
    if len(found) != size:
        raise ValueError(f"an id has {size} bytes")
    return found


def _words(value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise ValueError(f"a text is not at most {longest} printable characters")
    return value


def _spans(rows: Sequence[Sequence[Any]]) -> tuple[Span, ...]:
    if len(rows) > MOST_SPANS:
        raise ValueError(f"{len(rows)} spans, the limit is {MOST_SPANS}")
    spans = tuple((_hex(boot, 16), _number(first), _number(last)) for boot, first, last in rows)
    if any(first > last for _, first, last in spans):
        raise ValueError("a span ends before it starts")
    return spans
