"""Readings of an untrusted clock get the time that the station learnt later.

1. A batch may carry a clock fact: at some monotonic time of that machine's run it was this UTC. Its
   readings whose clock was not trusted are filed at their monotonic time plus the fact's offset,
   with trust PLACED. The offset column keeps what the station's clock had shown.
2. Which sequences were placed by which fact is kept, so the time that the station gave stays known:
   filed time minus the fact's offset plus the offset column.
3. A reading keeps the place that it got first; a resend under a better fact does not move it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fieldstation.batch.arrays import Section
from fieldstation.batch.facts import ClockFact
from fieldstation.batch.limits import MOST_INTEGER
from fieldstation.batch.ranges import Range
from fieldstation.errors import CodecError
from fieldstation.model import Trust

# Rows of `Section.system`.
_SEQUENCE, _UTC, _OFFSET, _TRUST = range(4)


@dataclass(frozen=True, slots=True)
class Placing:
    """Sequences `first` to `last` of a run, placed by `clock`."""

    first: int
    last: int
    clock: ClockFact

    def row(self, boot: int) -> tuple[int | str, ...]:
        """As a row of the table `placed`."""
        clock = self.clock
        return (
            boot, self.first, self.last,
            clock.kernel, clock.mono_us, clock.utc_us, clock.error_us, str(clock.source),
        )  # fmt: skip


def untrusted(sections: Iterable[Section]) -> bool:
    """Whether there is anything to place."""
    return any((section.system[_TRUST] == Trust.UNSYNCED).any() for section in sections)


def placed(section: Section, offset_us: int, among: Sequence[Range] | None = None) -> Section:
    """The section with its untrusted readings placed (rule 1), only those in the ranges `among` if
    given. Raises CodecError when one would lie outside 1970 to 2255.
    """
    rows = section.system[_TRUST] == Trust.UNSYNCED
    if among is not None:
        sequences = section.system[_SEQUENCE]
        inside = np.zeros(len(rows), dtype=np.bool_)
        for first, last in among:
            inside |= (sequences >= first) & (sequences <= last)
        rows &= inside
    if not rows.any():
        return section
    system = section.system.copy()
    times = system[_UTC, rows] - system[_OFFSET, rows] + offset_us
    if times.min() < 0 or times.max() >= MOST_INTEGER:
        raise CodecError("bad_field", "the clock fact places a reading outside 1970 to 2255")
    system[_UTC, rows] = times
    system[_TRUST, rows] = Trust.PLACED
    return replace(section, system=system)


def as_placed(section: Section, placings: Sequence[Placing]) -> Section:
    """The section as it was filed when it first came (rule 3)."""
    for each in placings:
        section = placed(section, each.clock.offset_us, [(each.first, each.last)])
    return section


def extended(placings: Sequence[Placing], new: Sequence[Range], clock: ClockFact) -> list[Placing]:
    """The placings of a run with further sequences; neighbours with the same fact are one."""
    out = list(placings)
    for first, last in new:
        if out and out[-1].last + 1 == first and _same(out[-1].clock, clock):
            out[-1] = replace(out[-1], last=last)
        else:
            out.append(Placing(first, last, clock))
    return out


def _same(one: ClockFact, other: ClockFact) -> bool:
    return replace(one, boot=other.boot, number=other.number) == other


def changed(before: Sequence[Placing], after: Sequence[Placing]) -> Iterator[Placing]:
    """Those of `after` that are to be written; a longer one takes the row of a shorter one."""
    kept = set(before)
    return (each for each in after if each not in kept)
