"""A hundred stations of the reference workload as encoded uploads."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

from benchmarks.reference_data import FLEET_START_MS, LAYOUT, station
from fieldstation.batch import encode
from fieldstation.batch.model import Announcement, Batch
from fieldstation.model import Instant, Kept, Reading, Trust

PER_UPLOAD = 60
READINGS_PER_DAY = 8640
VALUES_PER_UPLOAD = PER_UPLOAD * len(LAYOUT.channels)


def fleet(stations: int, days: int) -> list[list[bytes]]:
    """For each station its uploads in order, encoded as a station encodes them."""
    with multiprocessing.Pool() as pool:
        return pool.starmap(uploads, [(1000 + s, FLEET_START_MS, days) for s in range(stations)])


def uploads(seed: int, t0_ms: int, days: int, per_upload: int = PER_UPLOAD) -> list[bytes]:
    """One station's uploads; the first one announces the instrument."""
    return [encode(batch) for batch in batches(seed, t0_ms, days, per_upload)]


def batches(seed: int, t0_ms: int, days: int, per_upload: int = PER_UPLOAD) -> Iterator[Batch]:
    """One station's batches."""
    count = days * READINGS_PER_DAY
    times_ms, values = station(seed, t0_ms, count)
    boot = seed.to_bytes(16, "big")
    announcement = Announcement("inverter", LAYOUT, 10_000_000)
    rows, times = values.T.tolist(), times_ms.tolist()
    for number, start in enumerate(range(0, count, per_upload), 1):
        stop = min(start + per_upload, count)
        kept = tuple(
            Kept(at + 1, _reading(times[at], t0_ms, boot, tuple(rows[at])))
            for at in range(start, stop)
        )
        yield Batch(boot, number, start + 1, stop, kept, (announcement,) if number == 1 else ())


def _reading(time_ms: int, t0_ms: int, boot: bytes, row: tuple[float, ...]) -> Reading:
    instant = Instant(time_ms * 1000, (time_ms - t0_ms) * 1000, boot, Trust.SYNCED)
    return Reading("inverter", LAYOUT, instant, row)
