"""The hub under a fleet: a hundred stations, ten connections, uploads of 60 readings."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, percentile
from benchmarks.fleet import VALUES_PER_UPLOAD, fleet
from benchmarks.hubhost import hub_host
from benchmarks.load import post_all

STATIONS, DAYS, CONNECTIONS = 100, 4, 10


def measure() -> list[Figure]:
    """Uploads over HTTP, each validated and durable before its receipt; sealing included in all
    CPU seconds.
    """
    from fieldstation.hub import run

    bodies = fleet(STATIONS, DAYS)
    values = sum(map(len, bodies)) * VALUES_PER_UPLOAD
    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="var") as folder:
        data = Path(folder)
        run.setup(data)
        keys = _gateways(STATIONS)
        with hub_host(data) as hub:
            idle_cpu_s = hub.cpu_now_s()
            begun = time.perf_counter()
            took = asyncio.run(post_all(hub.address, "/api/v1/ingest", _streams(keys, bodies)))
            wall_s = time.perf_counter() - begun
            rss = hub.rss_bytes()
        cpu_s = hub.cpu_s - idle_cpu_s
        size = _sealed_size(data / "series.sqlite3", values)
    return [
        Figure("hub ingest", values / cpu_s / 1e6, "M values/CPU s", least=3.0),
        Figure("hub ingest, by the clock", values / wall_s / 1e6, "M values/s"),
        Figure("receipt p50, 10 connections", percentile(took, 0.5) * 1e3, "ms", most=5),
        Figure("receipt p99, 10 connections", percentile(took, 0.99) * 1e3, "ms", most=25),
        Figure("receipt slowest, 10 connections", max(took) * 1e3, "ms"),
        Figure("hub memory under load", rss / 1e6, "MB"),
        Figure("series file at rest", size / values, "B/value", most=0.5),
    ]


def _sealed_size(path: Path, values: int) -> int:
    """Bytes of the store when all of it is sealed, after seeing that nothing is missing."""
    from fieldstation.series.embedded import EmbeddedStore

    store = EmbeddedStore(path, background=False)
    store.seal_now()
    found = sum(entry.readings * len(entry.channels) for entry in store.catalogue())
    store.close()
    if found != values:
        raise SystemExit(f"{values} values were sent and {found} are in the store")
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


def _gateways(count: int) -> list[str]:
    from fieldstation.hub.stations import keys

    return [keys.add_gateway(f"station {number}") for number in range(count)]


def _streams(keys: list[str], bodies: list[list[bytes]]) -> list[Iterator[tuple[str, bytes]]]:
    """The stations shared out over the connections."""
    shares = [range(first, len(keys), CONNECTIONS) for first in range(CONNECTIONS)]
    return [_turns(keys, bodies, share) for share in shares]


def _turns(keys: list[str], bodies: list[list[bytes]], share: range) -> Iterator[tuple[str, bytes]]:
    """Uploads of these stations, each taking turns as time goes on."""
    for number in range(len(bodies[0])):
        for station in share:
            yield keys[station], bodies[station][number]
