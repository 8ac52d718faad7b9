"""What waits at a desk is done in groups, in one thread.

1. One group at a time, in the order of arrival; what arrives meanwhile is the next one. So one
   fsync serves all that waited, and an idle desk answers at once (test_a_crowd_is_one_group).
2. An answer is given only after the work of its group has returned.
3. What waits is bounded in number and bytes; beyond that the answer is "later" before anything is
   queued (test_a_desk_that_is_full_says_later). So is a group, so that the first of it does not
   wait for all the others.
4. A fault of one group fails its own requests and leaves the desk at work
   (test_a_fault_of_one_group_leaves_the_desk_at_work).
5. Who was answered a moment ago is likely to send again at once: a desk that had a crowd waits
   `linger_s` for it to come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from fieldstation.errors import StoreUnavailable
from fieldstation.hub.threads import Threads

Item = TypeVar("Item")
Answer = TypeVar("Answer")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most in a group and at the desk, in number and in bytes."""

    group: int
    group_bytes: int
    waiting: int
    waiting_bytes: int
    linger_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Answer]):
    item: Item
    size: int
    answer: asyncio.Future[Answer]


class Groups(Generic[Item, Answer]):
    """Takes items on the event loop; `work` gives the answers to a group, in its order, and `after`
    is told them on the event loop (none of a group that failed).
    """

    def __init__(
        self,
        name: str,
        bounds: Bounds,
        work: Callable[[list[Item]], list[Answer]],
        after: Callable[[list[Answer]], None] = lambda answers: None,
    ) -> None:
        self._bounds = bounds
        self._do = work
        self._after = after
        self._queue: asyncio.Queue[_Waiting[Item, Answer] | None] = asyncio.Queue()
        self._count = self._bytes = 0
        self._thread = Threads(name, 1)
        self._name = name
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._task = asyncio.create_task(self._work(), name=self._name)

    async def stop(self) -> None:
        """Answer all that waits, then end; what comes later is sent away."""
        task, self._task = self._task, None
        if task is not None:
            self._queue.put_nowait(None)
            await task
            await asyncio.to_thread(self._thread.close)

    async def submit(self, item: Item, size: int) -> Answer:
        """The answer to one item of `size` bytes. Raises StoreUnavailable when too much waits."""
        full = (
            self._count >= self._bounds.waiting
            or self._bytes + size > self._bounds.waiting_bytes
        )  # fmt: skip
        if full or self._task is None:
            raise StoreUnavailable("The hub is busy; send it again later.")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._count += 1
        self._bytes += size
        self._queue.put_nowait(_Waiting(item, size, answer))
        return await answer

    def between(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin other work of the thread, between two groups."""
        return self._thread.start(work)

    async def _work(self) -> None:
        crowd = 0
        while (first := await self._queue.get()) is not None:
            if self._queue.qsize() + 1 < crowd:
                await asyncio.sleep(self._bounds.linger_s)
            group = self._drain(first)
            crowd = len(group)
            work = self._thread.start(self._do, [each.item for each in group])
            await asyncio.wait([work])
            self._answer(group, work)

    def _drain(self, first: _Waiting[Item, Answer]) -> list[_Waiting[Item, Answer]]:
        group, size, most = [first], first.size, self._bounds
        while len(group) < most.group and size < most.group_bytes and not self._queue.empty():
            waiting = self._queue.get_nowait()
            if waiting is None:
                self._queue.put_nowait(None)
                break
            group.append(waiting)
            size += waiting.size
        return group

    def _answer(
        self, group: list[_Waiting[Item, Answer]], work: asyncio.Future[list[Answer]]
    ) -> None:
        self._count -= len(group)
        self._bytes -= sum(each.size for each in group)
        fault = work.exception()
        answers = [] if fault else work.result()
        for place, each in enumerate(group):
            if each.answer.done():
                continue
            if fault:
                each.answer.set_exception(fault)
            else:
                each.answer.set_result(answers[place])
        self._after(answers)
