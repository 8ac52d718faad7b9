"""Figures of the batch format and of the embedded series store, on the reference workload.

Each function measures one thing on real files in a folder that it is given and returns figures by
name. CPU is that of the whole process, user and system, sealing included.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reference_data import LAYOUT, YEAR_START_MS, fleet_station, station
from fieldstation.batch import Announcement, Batch, Receipt, decode, encode
from fieldstation.batch.arrays import decode_sections
from fieldstation.batch.frame import open_frame
from fieldstation.model import Instant, Kept, Reading, Trust
from fieldstation.series.api import Upload
from fieldstation.series.embedded import EmbeddedStore

INSTRUMENT = "inverter"
DAY_US = 86_400_000_000
CHANNELS = len(LAYOUT.channels)
PER_UPLOAD = 60

Times = NDArray[np.int64]
Floats = NDArray[np.float64]


def batches(times: Times, values: Floats, size: int, boot: bytes) -> Iterator[Batch]:
    """The readings of one station in batches of `size`, the channel table with the first."""
    uptime_us = int(times[0]) * 1000 - 60_000_000
    table = (Announcement(INSTRUMENT, LAYOUT, 10_000_000),)
    for first in range(0, len(times), size):
        rows = values[:, first : first + size].T.tolist()
        readings = []
        for place, row in enumerate(rows, first):
            utc_us = int(times[place]) * 1000
            instant = Instant(utc_us, utc_us - uptime_us, boot, Trust.SYNCED)
            readings.append(Kept(place + 1, Reading(INSTRUMENT, LAYOUT, instant, tuple(row))))
        yield Batch(
            boot, first // size, first + 1, first + len(rows), tuple(readings),
            table if first == 0 else (),
        )  # fmt: skip


def boot_of(number: int) -> bytes:
    """A boot id that compresses as badly as a real one."""
    return np.random.default_rng(number).bytes(16)


def batch_format(sizes: tuple[int, ...] = (1, 6, 30, 60, 360, 600, 2880)) -> dict[str, float]:
    """Bytes per value by readings per batch over one day, and the cost of 60 readings in us."""
    times, values = fleet_station(0)
    figures = {}
    for size in sizes:
        day = list(batches(times[:8640], values[:, :8640], size, boot_of(1)))[1:]
        total = sum(len(encode(batch)) for batch in day)
        readings = sum(len(batch.readings) for batch in day)
        figures[f"bytes per value at {size}"] = total / readings / CHANNELS
    batch = list(batches(times[:3600], values[:, :3600], PER_UPLOAD, boot_of(1)))[-1]
    data, layouts = encode(batch), {LAYOUT.id: LAYOUT}
    figures["encode us"] = median_ms(lambda: encode(batch), 200) * 1000
    figures["decode us"] = median_ms(lambda: decode(data, layouts), 200) * 1000
    figures["open us"] = median_ms(lambda: open_frame(data), 1000) * 1000
    frame = open_frame(data)
    figures["arrays us"] = median_ms(lambda: decode_sections(frame, [LAYOUT]), 1000) * 1000
    return figures


def at_rest(folder: Path, readings: int = 120_000) -> dict[str, float]:
    """Bytes per value of a closed file after ordinary work: uploads of 60, sealed as they come."""
    path = folder / "rest.sqlite3"
    store = EmbeddedStore(path, background=False)
    times, values = station(7, YEAR_START_MS, readings)
    for place, batch in enumerate(batches(times, values, PER_UPLOAD, boot_of(7)), 1):
        store.apply([Upload("one", encode(batch))])
        if place % 500 == 0:
            store.seal_now()
    store.seal_now()
    store.close()
    size = path.stat().st_size
    return {"file bytes": size, "bytes per value at rest": size / values.size}


def fleet(folder: Path, stations: int = 100, hours: int = 24, group: int = 10) -> dict[str, float]:
    """CPU per upload with sealing beside it, and the time that a group waits for its receipts."""
    uploads = _fleet_uploads(stations, hours)
    gc.collect()
    gc.freeze()
    store = EmbeddedStore(folder / "fleet.sqlite3")
    waits = []
    cpu, wall = time.process_time(), time.perf_counter()
    for first in range(0, len(uploads), group):
        began = time.perf_counter()
        answers = store.apply(uploads[first : first + group])
        waits.append(time.perf_counter() - began)
        assert all(isinstance(answer, Receipt) for answer in answers)
    applied_us = (time.process_time() - cpu) / len(uploads) * 1e6
    wall = time.perf_counter() - wall
    store.seal_now()
    total_us = (time.process_time() - cpu) / len(uploads) * 1e6
    readings = sum(entry.readings for entry in store.catalogue())
    store.close()
    gc.unfreeze()
    return {
        "uploads": len(uploads),
        "cpu us per upload with sealing beside": applied_us,
        "cpu us per upload until all is sealed": total_us,
        "values per cpu second": PER_UPLOAD * CHANNELS / total_us * 1e6,
        "values per second": readings * CHANNELS / wall,
        "group receipt ms p50": float(np.percentile(waits, 50)) * 1000,
        "group receipt ms p99": float(np.percentile(waits, 99)) * 1000,
        "group receipt ms most": max(waits) * 1000,
        "bytes per value at rest": (folder / "fleet.sqlite3").stat().st_size
        / (readings * CHANNELS),
    }


def _fleet_uploads(stations: int, hours: int) -> list[Upload]:
    """Uploads of all stations in turn."""
    rows = []
    for place in range(stations):
        times, values = fleet_station(place)
        few = slice(0, hours * 360)
        day = batches(times[few], values[:, few], PER_UPLOAD, boot_of(place))
        rows.append([Upload(f"station-{place}", encode(batch)) for batch in day])
    return [upload for turn in zip(*rows, strict=True) for upload in turn]


def plots(folder: Path, readings: int = 365 * 8640) -> dict[str, float]:
    """A year of one station: building it, and the plots that people ask for (milliseconds)."""
    store = EmbeddedStore(folder / "year.sqlite3", background=False)
    times, values = station(7, YEAR_START_MS, readings)
    for place, batch in enumerate(batches(times, values, 600, boot_of(7)), 1):
        store.apply([Upload("one", encode(batch))])
        if place % 300 == 0:
            store.seal_now()
    store.seal_now()
    start, end = int(times[0]) * 1000, int(times[-1]) * 1000 + 1
    noon = end - 5 * 3_600_000_000

    def ask(channels: list[str], start_us: int, end_us: int, most: int) -> Callable[[], object]:
        return lambda: store.buckets("one", INSTRUMENT, channels, start_us, end_us, most)

    year, day = ["pv1_w"], ["pv1_w", "bat_v"]
    rest = (folder / "year.sqlite3").stat().st_size / values.size
    figures = {
        "bytes per value at rest": rest,
        "year first ms": median_ms(ask(year, start, end, 2048), 1),
        "year ms p50": median_ms(ask(year, start, end, 2048), 60),
        "day first ms": median_ms(ask(["grid_v"], noon - DAY_US, noon, 1024), 1),
        "day of two channels ms p50": median_ms(ask(day, noon - DAY_US, noon, 1024), 60),
        "latest us": median_ms(lambda: store.latest("one", INSTRUMENT), 1000) * 1000,
    }
    store.close()
    began = time.perf_counter()
    EmbeddedStore(folder / "year.sqlite3").close()
    figures["open ms"] = (time.perf_counter() - began) * 1000
    return figures


def receipts_beside_reading(folder: Path, seconds: float = 10.0) -> dict[str, float]:
    """How long single uploads wait while the store seals all the time and two readers plot."""
    uploads = _fleet_uploads(20, 24)
    store = EmbeddedStore(folder / "beside.sqlite3", seal_readings=20_000)
    done = threading.Event()
    store.apply(uploads[:20])

    def plot() -> None:
        while not done.is_set():
            store.buckets("station-3", INSTRUMENT, ["pv1_w"], 0, 2**52, 1024)

    readers = [threading.Thread(target=plot) for _ in range(2)]
    for reader in readers:
        reader.start()
    waits: list[float] = []
    end = time.perf_counter() + seconds
    for upload in uploads[20:]:
        began = time.perf_counter()
        store.apply([upload])
        waits.append(time.perf_counter() - began)
        if time.perf_counter() > end:
            break
    done.set()
    for reader in readers:
        reader.join()
    store.close()
    return {
        "uploads": len(waits),
        "receipt ms p50": float(np.percentile(waits, 50)) * 1000,
        "receipt ms p99": float(np.percentile(waits, 99)) * 1000,
    }


def median_ms(action: Callable[[], object], rounds: int) -> float:
    """The median time of an action in milliseconds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return float(np.median(times)) * 1000
