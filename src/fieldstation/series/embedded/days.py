"""How many readings each UTC day has: of sealed ones a table knows, hot ones are counted.

1. A reading counts on the day under which it is filed (`stored`) and on the day that the station
   gave it (`taken`); they differ only for readings that were placed.
2. A day's row grows in the transaction that makes its readings sealed, so an answer does not depend
   on what is sealed.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from fieldstation.batch.facts import DAY_US
from fieldstation.series.embedded.rows import Block, Ints
from fieldstation.series.embedded.streams import Stream


def day_counts(blocks: Iterable[Block]) -> list[tuple[int, int, int]]:
    """Day, stored and taken, for each day that the blocks touch."""
    stored, taken = Counter[int](), Counter[int]()
    blocks = list(blocks)
    if blocks:
        stored = counted_days([np.concatenate([block.times for block in blocks])])
        taken = counted_days([np.concatenate([block.taken_us for block in blocks])])
    return [(day, stored[day], taken[day]) for day in sorted(stored.keys() | taken.keys())]


def counted_days(times: Iterable[Ints]) -> Counter[int]:
    """How many of these instants each day has."""
    found = Counter[int]()
    for column in times:
        days, counts = np.unique(column // DAY_US, return_counts=True)
        found.update(dict(zip(days.tolist(), counts.tolist(), strict=True)))
    return found


def counted(
    connection: sqlite3.Connection,
    held: Sequence[tuple[Stream, tuple[Block, ...]]],
    start_day: int,
    end_day: int,
    taken: bool,
) -> dict[tuple[str, int], int]:
    """Readings by instrument and day, both days included; `held` pairs streams with the hot
    readings that they had before the connection's snapshot was taken.
    """
    found = Counter[tuple[str, int]]()
    column = "taken" if taken else "stored"
    for stream, hot in held:
        name = stream.announced.instrument
        row = connection.execute("SELECT through FROM stream WHERE id = ?", (stream.id,)).fetchone()
        for day, count in connection.execute(
            f"SELECT day, {column} FROM day WHERE stream = ? AND day BETWEEN ? AND ?",  # noqa: S608
            (stream.id, start_day, end_day),
        ):
            found[name, day] += count
        waiting = [block for block in hot if block.upload > (row[0] if row else 0)]
        for day, *counts in day_counts(waiting):
            if start_day <= day <= end_day:
                found[name, day] += counts[taken]
    return {key: count for key, count in found.items() if count}
