"""Salvaged rows go back into the journal that was begun in their place.

1. They go back under their own boot and sequence, so a hub that has them knows them. The new
   journal began above every sequence of the old one, so none is in the way.
   `test_salvaged_readings_come_back_under_their_own_numbers`
2. What the old cursors had settled stays settled. Without an intact cursor all goes out again,
   which does no harm. `test_what_was_settled_stays_settled`
3. Until `conclude` nothing is counted and nothing goes out, so it can be begun again after any
   interruption. `test_salvage_begun_again_counts_nothing_twice`
4. What is not found becomes holes, counted from the gaps between sequences, which are given without
   gaps; what sinks have settled is no loss. `test_each_gap_becomes_a_hole_with_its_count`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fieldstation.batch.facts import Cause, Event, Fact, Hole, State, per_day
from fieldstation.batch.ranges import Range, Ranges
from fieldstation.journal.cursors import MOST_ISLANDS, Cursor
from fieldstation.journal.facts import DAMAGE, is_mark
from fieldstation.journal.journal import Journal
from fieldstation.journal.quarantine import set_apart
from fieldstation.journal.rows import pack
from fieldstation.journal.runs import Runs
from fieldstation.journal.salvage import Salvage
from fieldstation.journal.shares import shared, spread
from fieldstation.journal.tallies import Key
from fieldstation.model import Instant, Kept

# The sink that every station has or may get; others are known by their cursors.
HUB = "hub"
MOST_GAPS = 1000  # more are told together, so that facts do not crowd out each other

_INSERT = (
    "INSERT OR IGNORE INTO reading (sequence, stream, boot, utc_us, mono_us, trust, body, digest)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def put_back(journal: Journal, found: Salvage, kept: Sequence[Kept]) -> None:
    """Put a step's readings back, in one durable transaction."""

    def work() -> None:
        catalogue, rows, there = journal._catalogue, [], _there(journal, kept)
        for one in kept:
            reading = one.reading
            if one.sequence <= journal.origin and one.sequence not in there:
                stream = catalogue.stream_of(reading.instrument, reading.layout)
                boot = _boot_number(journal, found, reading.instant.boot)
                rows.append(pack(one.sequence, stream, boot, reading))
        journal._db.executemany(_INSERT, rows)

    if kept:
        known = journal.announcements
        journal.announce([one for key, one in found.announcements.items() if key not in known])
        journal.transact(work)


def tell_again(journal: Journal, facts: Sequence[Fact]) -> None:
    """Put back those facts of which the journal knows nothing newer."""

    def work() -> None:
        for fact in facts:
            mine = fact.boot == journal._now.boot
            if isinstance(fact, Hole) and fact.open and not mine and not is_mark(fact):
                fact = replace(fact, state=State.LOST)
            if not journal._facts.knows(fact):
                journal._facts.write(fact)

    journal.transact(work)


def conclude(journal: Journal, found: Salvage, now: Instant, last: int) -> Event | None:
    """All rows and facts are back: count them, open the way to the sinks, name what is lost up to
    sequence `last`. None when that was done before.
    """

    def work() -> Event | None:
        if any(e.what == "salvaged" and found.aside.name in e.text for e in journal.events(-1)):
            return None
        for boot in {fact.boot for fact in found.facts} & found.runs.keys():
            _boot_number(journal, found, boot)  # of some runs no reading came back
        _put_cursors(journal, found)
        for entry, counts in found.quarantine.values():
            set_apart(journal._db, entry, counts)
        gaps = _gaps(found, last)
        lost = _lost(found, gaps)
        holes = _holes(journal, found, lost)
        for hole in holes:
            journal._facts.write(hole)
        for low, high in lost.pairs:
            gaps.remove(low, high)
        gaps.remove(0, found.tallied)
        _count(journal, found, holes, _holes(journal, found, gaps))
        journal._runs = Runs(journal._db, journal.last)
        count, missing = found.seen.count, sum(hole.count for hole in holes)
        text = f"{count} readings of {count + missing} were salvaged from {found.aside.name}"
        return journal.tell(now, "salvaged", text)

    return journal.transact(work)


def _there(journal: Journal, kept: Sequence[Kept]) -> set[int]:
    """The sequences among these that were put back before."""
    wanted = Ranges()
    for one in kept:
        wanted.add(one.sequence, one.sequence)
    rows = (journal._rows(low, high, high - low + 1) for low, high in wanted.pairs)
    return {number for found in rows for number, _ in found}


def _boot_number(journal: Journal, found: Salvage, boot: bytes) -> int:
    run = found.runs.get(boot)
    if run is None or boot == journal._now.boot:
        return journal._catalogue.boot_of(boot)
    return journal._catalogue.boot_of(boot, run.kernel, run.started_utc_us, run.number)


def _put_cursors(journal: Journal, found: Salvage) -> None:
    """Take out of what each sink has, all that it did not have before."""
    origin = journal.origin
    for name in {HUB, *journal.sinks, *found.cursors}:
        cursor = journal.cursor(name)
        ranges = cursor.ranges
        old = found.cursors.get(name, Cursor(name))
        for pair in _few(old.ranges.absent(1, origin), len(cursor.islands)):
            ranges.remove(*pair)
        journal._cursors.put(cursor.having(ranges))


def _few(pairs: list[Range], there: int) -> list[Range]:
    """The gaps, or one around them all when there are too many for a cursor."""
    if len(pairs) + there <= MOST_ISLANDS:
        return pairs
    return [(pairs[0][0], pairs[-1][1])]


# --- what is lost ---


def _gaps(found: Salvage, last: int) -> Ranges:
    """The sequences up to `last` that were given and are not found."""
    seen = found.seen.ranges()
    if not seen.pairs:
        return Ranges()
    first = 1 if found.cursors else seen.pairs[0][0]  # what is below was deleted, or nobody knows
    gaps = Ranges(seen.absent(first, max(last, seen.pairs[-1][1])))
    for (sink, low, high), _ in found.quarantine.items():
        if not sink:  # found damaged before, and told then
            gaps.remove(low, high)
    return gaps


def _lost(found: Salvage, gaps: Ranges) -> Ranges:
    """Those of them that are not with every sink."""
    if not found.cursors:
        return Ranges(gaps.pairs)
    lost = Ranges()
    for cursor in found.cursors.values():
        for gap in gaps.pairs:
            for low, high in cursor.ranges.absent(*gap):
                lost.add(low, high)
    return lost


@dataclass(frozen=True, slots=True)
class _Gap:
    """`count` sequences from `first` to `last`."""

    first: int
    last: int
    count: int


def _merged(pairs: Sequence[Range]) -> list[_Gap]:
    """The gaps, or groups of neighbours when they are very many."""
    size = -(-len(pairs) // MOST_GAPS) or 1
    groups = (pairs[at : at + size] for at in range(0, len(pairs), size))
    return [
        _Gap(group[0][0], group[-1][1], sum(last - first + 1 for first, last in group))
        for group in groups
    ]


def _holes(journal: Journal, found: Salvage, gaps: Ranges) -> list[Hole]:
    return [hole for gap in _merged(gaps.pairs) for hole in _holes_of(journal, found, gap)]


def _holes_of(journal: Journal, found: Salvage, gap: _Gap) -> Iterator[Hole]:
    """What was lost in a gap, shared out as the readings of that run are. It lies between its
    neighbours' times; at the end of the file right behind what was there last.
    """
    before = _instant(journal._rows(1, gap.first - 1, 1, down=True))
    after = _instant(journal._rows(gap.last + 1, max(gap.last + 1, journal.last), 1))
    beside = before or after
    if beside is None:
        return
    boot = beside.boot
    span = spread(gap.count, beside.utc_us, after.utc_us if after else beside.utc_us)
    shares = found.shares.get(boot, Counter())
    ends = after is None or after.boot != boot
    for place, ((instrument, layout), count) in enumerate(shared(gap.count, shares)):
        number, last = DAMAGE + gap.first + place, found.newest.get((instrument, layout))
        due = _behind(found, gap, last, count) if last and ends else None
        if due is None or (after is not None and due[1] >= after.utc_us):
            due = span
        yield Hole(number, instrument, layout, Cause.DAMAGED, boot, *due, count, State.LOST)


def _behind(found: Salvage, gap: _Gap, last: Kept, count: int) -> Range | None:
    """When the `count` readings after the file's last ones were due; None for a gap before."""
    told = found.announcements.get((last.reading.instrument, last.reading.layout.id))
    if not told or not told.every_us or any(k.sequence > gap.first for k in found.newest.values()):
        return None
    then_us = last.reading.instant.utc_us
    return then_us + told.every_us, then_us + count * told.every_us


def _instant(rows: Sequence[tuple[int, Kept | None]]) -> Instant | None:
    """When the first of the rows was taken."""
    return next((kept.reading.instant for _, kept in rows if kept), None)


def _count(
    journal: Journal, found: Salvage, holes: Sequence[Hole], elsewhere: Sequence[Hole]
) -> None:
    """Tallies of what was stored: what the old ones say and what came after, also what is not found
    but with the sinks (`elsewhere`), less what is lost.
    """
    lost, more, tallies = _per_key(holes), _per_key(elsewhere), found.tallies
    for key in {*tallies, *found.counts, *more}:
        told = tallies.get(key, 0) + found.untallied[key] + more[key] - lost[key]
        journal._tallies.add(key, max(found.counts[key] + more[key], told))
    journal._write_tallies()


def _per_key(holes: Sequence[Hole]) -> Counter[Key]:
    counts: Counter[Key] = Counter()
    for hole in holes:
        for day, count in per_day(hole).items():
            counts[hole.boot, hole.instrument, day] += count
    return counts
