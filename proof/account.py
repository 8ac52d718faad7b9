"""What the twin told, what the station accepted and what the hub has, against each other.

1. A reading is known by its values: the twin's vary from reading to reading, and where a layout's
   do not, the number of equal ones counts. Times are compared apart from that, since the hub may
   place readings of an untrusted clock by its own.
2. What the journal holds and the hub has not receipted yet is waiting, not lost.
3. Of what is missing only the time between two accepted readings is judged: before the first the
   station knows of no instrument that could miss anything, after the last the next start will tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from fieldstation.batch.facts import Hole
from fieldstation.batch.ranges import Ranges
from fieldstation.model import Layout, Reading, Value
from fieldstation.series.api import InstrumentEntry
from fieldstation.series.embedded import EmbeddedStore
from proof.emitted import TellingTwin, plan

NEAR = 2.5  # intervals; readings that are closer have no due one between them

Key = tuple[str, tuple[Value, ...]]
"""A layout's name and the values of one reading in its columns' order."""


@dataclass(slots=True)
class Count:
    """What the comparison found. `lost`, `doubled` and `unlike` are over readings of all layouts,
    the others over the main ones, which the twin's ledger knows.
    """

    emitted: int = 0
    accepted: int = 0
    waiting: int = 0
    at_hub: int = 0
    lost: int = 0
    doubled: int = 0
    unlike: int = 0
    missed: int = 0
    outside_holes: int = 0
    wrong_cause: int = 0
    most_apart_s: float = 0.0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """One accepted reading. `boot` names the run that took it."""

    boot: bytes
    utc_us: int
    key: Key


def row_of(reading: Reading) -> Row:
    """What the account needs of a reading."""
    return Row(reading.instant.boot, reading.instant.utc_us, (reading.layout.name, reading.values))


def settle_accounts(
    twin: TellingTwin,
    accepted: Mapping[int, Row],
    waiting: Ranges,
    hub: Sequence[tuple[int, Key]],
    holes: Sequence[Hole],
    causes: Sequence[str],
    every_s: float,
) -> Count:
    """The account. `accepted` by sequence, `waiting` are those that the hub has not receipted,
    `hub` is what it has with its times, `causes` may stand in a hole.
    """
    count = Count(emitted=len(twin.emitted), at_hub=len(hub))
    settled = {n: row for n, row in accepted.items() if not waiting.known(n, n)}
    count.accepted, count.waiting = len(settled), len(accepted) - len(settled)
    layout = plan()[0].layout
    told = Counter((layout.name, layout.row(one.values())) for one in twin.emitted)
    _transport(settled, accepted, hub, told, count)
    _missing(twin, accepted, holes, causes, every_s, count)
    return count


def _transport(
    settled: Mapping[int, Row],
    accepted: Mapping[int, Row],
    hub: Sequence[tuple[int, Key]],
    told: Counter[Key],
    count: Count,
) -> None:
    """Each settled reading is at the hub once, as the twin told it."""
    main = plan()[0].layout.name
    due, there, known = (
        _keys(settled.values()),
        Counter(k for _, k in hub),
        _keys(accepted.values()),
    )
    lost, more = due - there, there - (known | told)
    count.lost = lost.total()
    count.doubled = sum(times for key, times in more.items() if key in known or key in told)
    count.unlike = more.total() - count.doubled
    never = [key for key in known if key[0] == main and key not in told]
    count.unlike += len(never)
    count.notes += [f"accepted, and not at the hub: {key}" for key in lost]
    count.notes += [f"at the hub, and not accepted so often: {key}" for key in more]
    count.notes += [f"accepted, and the twin never told it: {key}" for key in never]
    times = {row.key: row.utc_us for row in accepted.values() if known[row.key] == 1}
    apart = (abs(utc_us - times[key]) for utc_us, key in hub if key in times)
    count.most_apart_s = max(apart, default=0) / 1e6


def _keys(rows: Iterable[Row]) -> Counter[Key]:
    return Counter(row.key for row in rows)


def _missing(
    twin: TellingTwin,
    accepted: Mapping[int, Row],
    holes: Sequence[Hole],
    causes: Sequence[str],
    every_s: float,
    count: Count,
) -> None:
    """Between two accepted readings, what was due lies in holes, and what the twin told and nobody
    kept is among it.
    """
    main = plan()[0].layout.name
    rows = sorted(
        (row for row in accepted.values() if row.key[0] == main), key=lambda row: row.utc_us
    )
    for before, after in pairwise(rows):
        told = range((twin.behind(before.utc_us) or 0) + 1, twin.behind(after.utc_us) or 0)
        gap_s = (after.utc_us - before.utc_us) / 1e6
        if gap_s < NEAR * every_s:  # nothing was due in between: the twin was asked once more
            continue
        inside = [hole for hole in holes if before.utc_us < _middle_us(hole) < after.utc_us]
        due, held = round(gap_s / every_s) - 1, sum(hole.count for hole in inside)
        count.missed += len(told)
        where = f"{before.utc_us / 1e6:.3f} to {after.utc_us / 1e6:.3f}"
        said = f"{due} due, {len(told)} told, none accepted; holes: {list(map(_shown, inside))}"
        # Each start sets the grid anew, which is worth one reading at most.
        if held < due - 1 - len(inside):
            count.outside_holes += max(1, len(told))
            count.notes.append(f"{where}: {said}")
        elif before.boot != after.boot and not any(hole.cause in causes for hole in inside):
            count.wrong_cause += len(told)
            count.notes.append(f"{where}: {said}, and none says {causes[0]}")


def _middle_us(hole: Hole) -> int:
    return (hole.first_utc_us + hole.last_utc_us) // 2


def _shown(hole: Hole) -> str:
    first, last = hole.first_utc_us / 1e6, hole.last_utc_us / 1e6
    return f"{hole.cause} {first:.3f} to {last:.3f} ({hole.count})"


def hub_rows(series: Path, layouts: Sequence[Layout]) -> list[tuple[int, Key]]:
    """What a hub has in these layouts, with its times (UTC microseconds)."""
    store = EmbeddedStore(series, background=False)
    try:
        return [
            row
            for entry in store.catalogue()
            for layout in layouts
            for row in _rows(store, entry, layout)
        ]
    finally:
        store.close()


def _rows(store: EmbeddedStore, entry: InstrumentEntry, layout: Layout) -> list[tuple[int, Key]]:
    names = [channel.name for channel in layout.channels]
    if not {channel.name for channel in entry.channels}.issuperset(names):
        return []
    columns = store.read(entry.station, entry.name, names, 0, entry.last_us + 1)
    cells = [columns.values[name].tolist() for name in names]
    return [
        (utc_us, (layout.name, tuple(None if value != value else value for value in row)))
        for utc_us, *row in zip(columns.times_us.tolist(), *cells, strict=True)
    ]
