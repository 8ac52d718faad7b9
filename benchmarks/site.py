"""A station that reads a twin of every kind of instrument once a second, on ptys and through a real
broker, and sends to a hub.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.station import at_work
from fieldstation.cli.wire import attached
from fieldstation.instruments import registry
from fieldstation.instruments.json_node.simulator import EVERY_S, OPTIONS
from fieldstation.journal import Reader
from fieldstation.testing.broker import Broker, broker
from fieldstation.transport.host import pty_host
from fieldstation.transport.mqtt import publish

MOST_ROWS = 100_000
HEAD = '[station]\nname = "bench"\ndata = "station"\n'
# The way in which a pty can carry an instrument that is a HID device otherwise; and a JSON node
# whose documents count from their arrival, since its twin runs faster than time.
MORE: Mapping[str, Mapping[str, str]] = {
    "se521": {"wire": "serial"},
    "json_node": {"topic": OPTIONS["topic"], "channels": OPTIONS["channels"]},
}
# The twin of a JSON node speaks every ten seconds by its own clock.
SPEED: Mapping[str, float] = {"json_node": float(EVERY_S)}


def measure() -> list[Figure]:
    """Twins answer at once: what is measured is the program, not the speed of lines."""
    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="var") as folder:
        return asyncio.run(_measure(Path(folder).resolve()))


async def _measure(folder: Path) -> list[Figure]:
    site, kinds = folder / "site.toml", registry.kinds()
    (folder / "broker").mkdir()
    async with AsyncExitStack() as stack:
        middle = await stack.enter_async_context(broker(folder / "broker"))
        sections = [await _section(stack, kind, middle) for kind in kinds]
        site.write_text(HEAD + "".join(sections), encoding="utf-8")
        title = f"site of {len(kinds)} instruments at 1 Hz"
        figures = await asyncio.to_thread(at_work, folder, site, title, 10.0, 80.0)
    return [*figures, _read(folder / "station/journal.sqlite3", title, len(kinds))]


def _read(journal: Path, title: str, expected: int) -> Figure:
    """How often the instruments were read, from the first reading to the last; a site that lacks
    one is no measurement.
    """
    reader = Reader(journal)
    rows = [kept.reading for kept in reader.after(0, MOST_ROWS)]
    reader.close()
    counts = Counter(row.instrument for row in rows)
    if len(counts) != expected:
        raise SystemExit(f"only these were read: {', '.join(sorted(counts))}")
    times_us = [row.instant.mono_us for row in rows]
    span_s = (max(times_us) - min(times_us)) / 1e6
    name, least = counts.most_common()[-1]
    return Figure(
        f"{title}, readings", len(rows) / span_s, "readings/s",
        note=f"the fewest of {name}: {least / span_s:.2f}/s",
    )  # fmt: skip


async def _section(stack: AsyncExitStack, kind: str, middle: Broker) -> str:
    """Serve a twin; the section of the configuration that reads it."""
    if registry.listened(kind) is None:
        twin, prefix = attached(registry.twin(kind, seed=1, fast=True), registry.driver(kind).line)
        port = prefix + await stack.enter_async_context(pty_host(twin, time.time))
    else:
        port = str(middle.port)
        stack.push_async_callback(_end, asyncio.create_task(_speak(kind, middle)))
    settings = {"kind": kind, "port": port} | dict(MORE.get(kind, {}))
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items()]
    return "\n".join([f"[instrument.{kind.replace('_', '-')}]", *lines, "every_s = 1\n"])


async def _speak(kind: str, middle: Broker) -> None:
    start_s, speed = time.time(), SPEED.get(kind, 1.0)
    twin = registry.speaker(kind, seed=1)
    await publish(twin, lambda: start_s + (time.time() - start_s) * speed, middle.port, speed=speed)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
