"""A thousand stations report in the same instant, as they do after the hub was away."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.figure import Figure
from benchmarks.hubhost import hub_host
from fieldstation.batch.facts import DAY_US, Tally
from fieldstation.batch.report import MEDIA_TYPE, PATH, Report

# The hub keeps fewer connections than a thousand; each carries the reports of two stations.
STATIONS, CONNECTIONS, INSTRUMENTS = 1_000, 500, 8


def measure() -> list[Figure]:
    """First reports, which make rows, and the next minute's, which change them; each with what
    eight instruments have stored today, each durable before its answer.
    """
    from fieldstation.hub import run

    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="var") as folder:
        data = Path(folder)
        run.setup(data)
        # Models can be imported only once Django knows its settings.
        from fieldstation.hub.stations import keys

        names = [keys.add_gateway(f"station {number}") for number in range(STATIONS)]
        with hub_host(data) as hub:
            return asyncio.run(_rounds(hub.address, hub.cpu_now_s, names))


@dataclass(frozen=True, slots=True)
class Line:
    """An open connection, and the stations (number, key) that report over it."""

    stations: list[tuple[int, str]]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def report(self, minute: int) -> None:
        """One report after the other. Raises SystemExit at the first answer that is not 200."""
        for number, key in self.stations:
            body = json.dumps(_report(number, minute).as_json()).encode()
            head = (
                f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {key}\r\n"
                f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            self.writer.write(head.encode() + body)
            answer = await self.reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            text = await self.reader.readexactly(length)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"the hub answered {answer[:40]!r} {text[:300]!r}")


async def _rounds(address: str, cpu_s: Callable[[], float], keys: list[str]) -> list[Figure]:
    parts = urlsplit(address)
    stations = list(enumerate(keys))
    lines = [
        Line(stations[at::CONNECTIONS], *await asyncio.open_connection(parts.hostname, parts.port))
        for at in range(CONNECTIONS)
    ]
    figures: list[Figure] = []
    for minute, what in enumerate(("first reports", "reports")):
        before_s, begun = cpu_s(), time.perf_counter()
        await asyncio.gather(*(each.report(minute) for each in lines))
        wall_s, used_s = time.perf_counter() - begun, cpu_s() - before_s
        title = f"{STATIONS:,} {what} at once"
        figures += [
            Figure(title, wall_s, "s"),
            Figure(f"{title}, CPU for each", used_s / STATIONS * 1e3, "ms"),
        ]
    for each in lines:
        each.writer.close()
        await each.writer.wait_closed()
    return figures


def _report(number: int, minute: int) -> Report:
    boot = number.to_bytes(16, "big")
    now_us = time.time_ns() // 1000
    tallies = [
        Tally(boot, f"instrument-{place}", now_us // DAY_US, 6 * (minute + 1))
        for place in range(INSTRUMENTS)
    ]
    after = minute * INSTRUMENTS
    return Report(
        journal=number.to_bytes(8, "big").hex(), boot=boot, kernel="6.12", version="1.0",
        utc_us=now_us, mono_us=(minute + 1) * 60_000_000, trust=1, journal_bytes=1 << 20,
        disk_free_bytes=1 << 34, after=after, facts=tuple(enumerate(tallies, after + 1)),
    )  # fmt: skip
