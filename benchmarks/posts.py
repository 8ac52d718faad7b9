"""Sensors that post JSON: 500 documents a second for a minute, the hub bound to one core.

Posts leave by the clock, not by the answers, and a latency counts from the moment when its post was
due; so a hub that falls behind cannot slow down what measures it.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.figure import Figure, percentile
from benchmarks.hubhost import hub_host

# Every sensor has a connection of its own, as small nodes that keep theirs open do.
SENSORS, PER_S, SECONDS, CONNECTIONS = 100, 500, 60, 100
WARM_S = 3


@dataclass(frozen=True, slots=True)
class Sender:
    """A sensor: which of the curves it posts, where to, and the header lines that let it in."""

    curve: int
    path: str
    headers: str = ""


def measure() -> list[Figure]:
    """Documents at the hub's own address, each sensor with its token."""
    return measured("posts", _senders)


def measured(what: str, senders_of: Callable[[int], list[Sender]]) -> list[Figure]:
    """The figures of `what`: documents over HTTP from these sensors, each durable before its
    answer, all found again afterwards.
    """
    from fieldstation.hub import run

    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="var") as folder:
        data = Path(folder)
        run.setup(data)
        senders = senders_of(SENSORS)
        empty = _bytes(data)
        with hub_host(data) as hub:
            core = _bind(hub.process.pid)
            asyncio.run(_load(hub.address, senders, WARM_S))
            before_s, busy_s = hub.cpu_now_s(), _busy_s(core)
            took = asyncio.run(_load(hub.address, senders, SECONDS))
            cpu_s = hub.cpu_now_s() - before_s
            others_s = _busy_s(core) - busy_s - cpu_s
        sent = PER_S * (SECONDS + WARM_S)
        lost = sent - _found(data)
        size = _bytes(data, seal=True) - empty
    note = f"others had {max(others_s, 0) / SECONDS * 100:.0f} % of the core"
    return [
        Figure(f"{what} at 500 a second, one core: p50", percentile(took, 0.5) * 1e3, "ms"),
        Figure(
            f"{what} at 500 a second, one core: p99", percentile(took, 0.99) * 1e3, "ms",
            most=100, note=note,
        ),
        Figure(f"{what}, slowest", max(took) * 1e3, "ms"),
        Figure(f"{what} lost", lost, "", most=0),
        Figure(f"{what}, the hub's CPU for each", cpu_s / (PER_S * SECONDS) * 1e6, "µs"),
        Figure(f"{what}, disk for each", size / sent, "B", note=f"of {_typical()} B"),
    ]  # fmt: skip


def _senders(count: int) -> list[Sender]:
    from fieldstation.hub.sensors import registration, tokens
    from fieldstation.hub.sites.home import home

    made = [registration.new_sensor(None, home(), f"sensor {number}") for number in range(count)]
    return [
        Sender(
            each.pk, f"/api/v1/sensors/{each.pk}/readings",
            f"Authorization: Bearer {tokens.renew(each)}\r\n",
        )
        for each in made
    ]  # fmt: skip


def _bind(pid: int) -> int:
    """Give the hub the first core, whose number is returned, and this process the others."""
    cores = sorted(os.sched_getaffinity(0))
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores[:1])
    os.sched_setaffinity(0, cores[1:] or cores)
    return cores[0]


def _busy_s(core: int) -> float:
    """The seconds that a core has worked since the machine was started."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _waiting, interrupts, soft = map(int, fields[:7])
            return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _typical() -> int:
    return len(_document(0, 0))


def _document(sensor: int, number: int) -> bytes:
    """What a small node posts."""
    wave = math.sin(number / 300 + sensor)
    document = {
        "VEML7700": {"lux": round(900 + 850 * wave, 2), "white": round(4000 + 3900 * wave)},
        "Si7020": {
            "temperature": {"value": round(21 + 4 * wave, 2), "unit": "C"},
            "relative humidity": {"value": round(55 - 9 * wave, 1), "unit": "%"},
        },
        "heater on": wave < -0.5,
        "count": number,
    }
    return json.dumps(document).encode()


async def _load(address: str, senders: list[Sender], seconds: int) -> list[float]:
    """The seconds that each answer took from when its post was due."""
    due: asyncio.Queue[tuple[float, int] | None] = asyncio.Queue()
    took: list[float] = []
    workers = [
        asyncio.create_task(_worker(address, senders, due, took)) for _ in range(CONNECTIONS)
    ]
    begun = time.perf_counter() + 0.1
    for number in range(PER_S * seconds):
        at = begun + number / PER_S
        if (ahead := at - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        due.put_nowait((at, number))
    for _ in workers:
        due.put_nowait(None)
    await asyncio.gather(*workers)
    return took


async def _worker(
    address: str,
    senders: list[Sender],
    due: asyncio.Queue[tuple[float, int] | None],
    took: list[float],
) -> None:
    parts = urlsplit(address)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    reader, writer = await asyncio.open_connection(host, port)
    while (job := await due.get()) is not None:
        at, number = job
        sender = senders[number % len(senders)]
        body = _document(sender.curve, number)
        writer.write(
            (
                f"POST {sender.path} HTTP/1.1\r\nHost: {host}:{port}\r\n{sender.headers}"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        text = await reader.readexactly(length)
        took.append(time.perf_counter() - at)
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"the hub answered {head[:40]!r} {text[:300]!r}")
    writer.close()
    await writer.wait_closed()


def _found(data: Path) -> int:
    """Documents that have their reading too."""
    from fieldstation.hub.sensors.models import Document
    from fieldstation.series.embedded import EmbeddedStore

    store = EmbeddedStore(data / "series.sqlite3", background=False)
    readings = sum(entry.readings for entry in store.catalogue())
    store.close()
    return min(readings, Document.objects.count())


def _bytes(data: Path, *, seal: bool = False) -> int:
    """Bytes of both databases at rest."""
    import sqlite3

    from django.db import connections

    from fieldstation.series.embedded import EmbeddedStore

    if seal:
        store = EmbeddedStore(data / "series.sqlite3", background=False)
        store.seal_now()
        store.close()
    connections.close_all()
    with sqlite3.connect(data / "hub.sqlite3") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return sum(file.stat().st_size for file in data.glob("*.sqlite3*"))
