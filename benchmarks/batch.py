"""The upload format: bytes per value, and what encoding costs the station."""

from __future__ import annotations

import time

from benchmarks.figure import Figure
from benchmarks.fleet import READINGS_PER_DAY, batches
from benchmarks.reference_data import FLEET_START_MS, LAYOUT
from fieldstation.batch import encode

VALUES = READINGS_PER_DAY * len(LAYOUT.channels)


def measure() -> list[Figure]:
    """The reference day of an inverter at 10 s, in batches of different size."""
    figures = []
    for per_upload, what in ((600, "100 min"), (60, "10 min"), (6, "1 min"), (1, "10 s")):
        made = list(batches(1000, FLEET_START_MS, 1, per_upload))
        begun = time.process_time()
        size = sum(len(encode(batch)) for batch in made)
        cpu_s = time.process_time() - begun
        name = f"batch, {per_upload} readings ({what}) each"
        most = 2.0 if per_upload == 60 else None
        figures.append(Figure(f"{name}: size", size / VALUES, "B/value", most=most))
        figures.append(Figure(f"{name}: encoding", cpu_s / VALUES * 1e6, "µs/value"))
    return figures
