"""The sensors' desk: whatever posts wait are kept as one group.

1. One group at a time, in the order of arrival; what arrives meanwhile is the next one.
2. A post is answered only after its documents are durable (test_posts_survive_kill_9).
3. What waits is bounded in bytes; beyond that the answer is "later".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fieldstation.errors import FieldstationError, StoreUnavailable
from fieldstation.hub.sensors.filing import Filing, Verdict
from fieldstation.hub.sensors.posts import Post, Taken
from fieldstation.hub.threads import Threads
from fieldstation.series.api import SeriesStore

MOST_IN_GROUP = 100
MOST_WAITING_BYTES = 64 << 20
# As at the ingest desk: who comes in a crowd is waited for, so that one write serves all.
LINGER_S = 0.004
TIDY_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    post: Post
    verdict: asyncio.Future[Verdict]


class SensorDesk:
    """Takes posts on the event loop, works in one thread of its own."""

    def __init__(self, store: SeriesStore, touched: Callable[[Iterable[str]], None]) -> None:
        """`touched` is told on the event loop which gateways have new readings."""
        self._filing = Filing(store)
        self._touched = touched
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._bytes = 0
        self._thread = Threads("sensor-desk", 1)
        self._task: asyncio.Task[None] | None = None
        self.loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._task = asyncio.create_task(self._work(), name="sensor-desk")

    async def stop(self) -> None:
        """Answer all that waits, then end; what comes later is sent away."""
        task, self._task = self._task, None
        if task is not None:
            self._queue.put_nowait(None)
            await task
        await asyncio.to_thread(self._thread.close)

    async def submit(self, post: Post) -> Taken:
        """See `intake.submit`."""
        if self._bytes + len(post.body) > MOST_WAITING_BYTES or self._task is None:
            raise StoreUnavailable("The hub is busy; send the document again later.")
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._bytes += len(post.body)
        self._queue.put_nowait(_Waiting(post, verdict))
        found = await verdict
        if isinstance(found, FieldstationError):
            raise found
        return found

    def forget(self, sensor: int) -> None:
        """The sensor's registration has changed."""
        self._filing.forget(sensor)

    async def _work(self) -> None:
        await asyncio.wait([self._thread.start(self._filing.recover)])
        crowd, tidied = 0, self.loop.time()
        while (first := await self._queue.get()) is not None:
            if self._queue.qsize() + 1 < crowd:
                await asyncio.sleep(LINGER_S)
            group = self._drain(first)
            crowd = len(group)
            work = self._thread.start(self._filing.keep, [each.post for each in group])
            await asyncio.wait([work])
            self._answer(group, work)
            if self.loop.time() - tidied > TIDY_EVERY_S:
                tidied = self.loop.time()
                await asyncio.wait([self._thread.start(self._filing.tidy)])

    def _drain(self, first: _Waiting) -> list[_Waiting]:
        group = [first]
        while len(group) < MOST_IN_GROUP and not self._queue.empty():
            waiting = self._queue.get_nowait()
            if waiting is None:
                self._queue.put_nowait(None)
                break
            group.append(waiting)
        return group

    def _answer(self, group: list[_Waiting], work: asyncio.Future[list[Verdict]]) -> None:
        self._bytes -= sum(len(waiting.post.body) for waiting in group)
        fault = work.exception()
        verdicts = [] if fault else work.result()
        for place, waiting in enumerate(group):
            if waiting.verdict.done():
                continue
            if fault:
                waiting.verdict.set_exception(fault)
            else:
                waiting.verdict.set_result(verdicts[place])
        if touched := self._filing.touched():
            self._touched(touched)
