"""What one running hub process holds: store, desks, live board, threads.

They start and end with the process (`open_runtime`, `close_runtime`); in between `running()` gives
them to whoever answers a request.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from fieldstation.errors import StoreUnavailable
from fieldstation.hub.accounts.outbox import Outbox
from fieldstation.hub.ingest.desk import IngestDesk
from fieldstation.hub.instruments.live import LiveBoard
from fieldstation.hub.ledger.reports import ReportDesk
from fieldstation.hub.legacy.desk import BatchDesk
from fieldstation.hub.plots.drawing import DRAWERS
from fieldstation.hub.sensors.desk import SensorDesk
from fieldstation.hub.sensors.hiding import HidingStore
from fieldstation.hub.threads import Threads
from fieldstation.series.embedded import EmbeddedStore


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a running hub."""

    store: HidingStore
    desk: IngestDesk
    reports: ReportDesk
    batches: BatchDesk
    posts: SensorDesk
    live: LiveBoard
    threads: Threads
    outbox: Outbox


_current: Runtime | None = None


def running() -> Runtime:
    """The running hub. Raises StoreUnavailable before it has started and after it has ended."""
    if _current is None:
        raise StoreUnavailable("The hub is starting or stopping; try again in a moment.")
    return _current


async def open_runtime(series_file: Path, threads: Threads) -> Runtime:
    """Open the store and start the desk and the board on the running event loop."""
    global _current
    store = HidingStore(await asyncio.to_thread(EmbeddedStore, series_file))
    await threads.run(store.look)
    live = LiveBoard(store, threads)
    desk = IngestDesk(store, live.touch)
    live.start()
    desk.start()
    batches = BatchDesk(store, series_file.parent, live.touch)
    batches.start()
    posts = SensorDesk(store, live.touch)
    posts.start()
    _current = Runtime(store, desk, ReportDesk(store), batches, posts, live, threads, Outbox())
    return _current


async def close_runtime() -> None:
    """Answer what waits at the desk, end the live streams, close threads and store."""
    global _current
    parts, _current = _current, None
    if parts is not None:
        await parts.desk.stop()
        await parts.batches.stop()
        await parts.posts.stop()
        await asyncio.to_thread(parts.reports.close)
        await parts.live.stop()
        await asyncio.to_thread(parts.threads.close)
        await asyncio.to_thread(parts.outbox.close)
        await asyncio.to_thread(DRAWERS.close)
        await asyncio.to_thread(parts.store.close)
