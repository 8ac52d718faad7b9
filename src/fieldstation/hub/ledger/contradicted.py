"""Holes that say too much: a station that was restored from an old image does not know what it took
and sent since, and takes that time for one in which nothing ran.

1. Only holes of a station that was stopped are doubted, and only where another run of the gateway
   reported meanwhile.
2. A due time of such a hole at which a reading lies here was not missed.
   `test_a_restored_station_misses_nothing_that_is_here`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from uuid import UUID

import numpy as np

from fieldstation.batch.facts import DAY_US, Cause, State
from fieldstation.errors import NotFound
from fieldstation.hub.ledger.models import Hole, Run
from fieldstation.series.api import InstrumentEntry, SeriesStore

# A run says its last word some seconds after its last reading; two minutes hold two reports.
SURELY_US = 120_000_000
# A bit for each due time: ten years of a reading every 30 s.
MOST_PLACES = 10_000_000


def doubted(gateway: UUID, holes: Collection[Hole]) -> list[Hole]:
    """Those of the gateway's holes to which rule 1 applies."""
    stopped = [
        hole
        for hole in holes
        if hole.cause == Cause.STOPPED
        and hole.state != State.RECOVERED
        and 0 < hole.count <= MOST_PLACES
    ]
    if not stopped:
        return []
    runs = Run.objects.filter(
        gateway_id=gateway,
        first_us__lt=max(hole.last_utc_us for hole in stopped),
        last_us__gt=min(hole.first_utc_us for hole in stopped) + SURELY_US,
    )
    spans = list(runs.values_list("boot", "first_us", "last_us"))
    return [
        hole
        for hole in stopped
        if any(
            boot != hole.boot
            and first_us < hole.last_utc_us
            and last_us > hole.first_utc_us + SURELY_US
            for boot, first_us, last_us in spans
        )
    ]


def here(store: SeriesStore, entry: InstrumentEntry, hole: Hole) -> Counter[int]:
    """How many due times of the hole have a reading here, by day (since 1970-01-01)."""
    first_us, span_us = hole.first_utc_us, hole.last_utc_us - hole.first_utc_us
    steps = max(1, hole.count - 1)
    step_us = max(1, span_us // steps)
    taken = np.zeros(hole.count, dtype=bool)
    names = [channel.name for channel in entry.channels]
    start_us, end_us = first_us - step_us // 2, hole.last_utc_us + step_us // 2 + 1
    try:
        for piece in store.walk(entry.station, entry.name, names, start_us, end_us):
            places = np.rint((piece.times_us - first_us) / step_us).astype(np.int64)
            taken[np.clip(places, 0, hole.count - 1)] = True
    except NotFound:
        return Counter()
    days = (first_us + np.flatnonzero(taken) * span_us // steps) // DAY_US
    found, counts = np.unique(days, return_counts=True)
    return Counter(dict(zip(found.tolist(), counts.tolist(), strict=True)))
