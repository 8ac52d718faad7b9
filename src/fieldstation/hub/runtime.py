"""What one running hub process holds: store, desks, live board, threads.

They start and end with the process (`open_runtime`, `close_runtime`); in between `running()` gives
them to whoever answers a request.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from fieldstation.errors import StoreUnavailable
from fieldstation.hub.accounts.outbox import Outbox
from fieldstation.hub.chores import Chores, usual
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
    chores: Chores


# The hub itself comes first, and one that lives for a moment needs no pictures.
WARM_AFTER_S = 2.0

_current: Runtime | None = None
_warming: asyncio.TimerHandle | None = None


def running() -> Runtime:
    """The running hub. Raises StoreUnavailable before it has started and after it has ended."""
    if _current is None:
        raise StoreUnavailable(_("The hub is starting or stopping; try again in a moment."))
    return _current


async def open_runtime(series_file: Path, threads: Threads) -> Runtime:
    """Open the store and start the desk and the board on the running event loop."""
    global _current, _warming
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
    reports = ReportDesk(store)
    reports.start()
    chores = Chores(usual(threads) | {"sensors": posts.tidy})
    chores.start()
    _current = Runtime(store, desk, reports, batches, posts, live, threads, Outbox(), chores)
    _warming = asyncio.get_running_loop().call_later(WARM_AFTER_S, threads.start, DRAWERS.warm)
    return _current


async def close_runtime() -> None:
    """Answer what waits at the desk, end the live streams, close threads and store."""
    global _current
    parts, _current = _current, None
    if _warming is not None:
        _warming.cancel()
    if parts is not None:
        await parts.chores.stop()
        await parts.desk.stop()
        await parts.batches.stop()
        await parts.posts.stop()
        await parts.reports.stop()
        await parts.live.stop()
        await asyncio.to_thread(parts.threads.close)
        await asyncio.to_thread(parts.outbox.close)
        await asyncio.to_thread(DRAWERS.close)
        await asyncio.to_thread(parts.store.close)
