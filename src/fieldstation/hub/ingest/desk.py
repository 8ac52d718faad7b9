"""The ingest desk: whatever waits is authenticated and stored as one group.

1. One group at a time, in the order of arrival; what arrives meanwhile is the next group. So one
   fsync serves all that waited, and an idle hub answers at once
   (test_concurrent_uploads_share_a_group).
2. A verdict is given only after `apply` has returned: a receipt is durable
   (test_receipts_survive_kill_9).
3. What waits is bounded in bytes; beyond that the answer is "later" before anything is queued
   (test_full_desk_says_later).
4. A fault of one group fails its own requests and leaves the desk at work
   (test_a_fault_in_one_group_leaves_the_desk_at_work).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.db import DatabaseError
from django.utils import timezone

from fieldstation.batch.model import Receipt
from fieldstation.errors import (
    BatchRefused,
    CodecError,
    FieldstationError,
    KeyRejected,
    StoreUnavailable,
)  # fmt: skip
from fieldstation.hub.ledger.refused import keep_refusals
from fieldstation.hub.stations import keys
from fieldstation.hub.threads import Threads
from fieldstation.series.api import SeriesStore, Upload

_log = logging.getLogger(__name__)

# A group is bounded so that the first of it does not wait for a crowd.
MOST_IN_GROUP = 200
MOST_WAITING_BYTES = 64 << 20
# Who was answered a moment ago is likely to send again at once: a desk that had a crowd waits this
# long for it to come back, and writes once for all of it.
LINGER_S = 0.002
SEEN_EVERY_S = 60.0
REJECTED = "This key is unknown or revoked; a person has to give the station a new one."


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored batch: which gateway sent it, and the receipt."""

    station: str
    receipt: Receipt


Verdict = Accepted | FieldstationError


@dataclass(frozen=True, slots=True)
class _Waiting:
    key_hash: bytes
    body: bytes
    verdict: asyncio.Future[Verdict]


class IngestDesk:
    """Takes (key, body) on the event loop, works in one thread of its own."""

    def __init__(self, store: SeriesStore, touched: Callable[[Iterable[str]], None]) -> None:
        """`touched` is told on the event loop which gateways have new readings."""
        self._store = store
        self._touched = touched
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._bytes = 0
        self._thread = Threads("ingest-desk", 1)
        self._seen: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._task = asyncio.create_task(self._work(), name="ingest-desk")

    async def stop(self) -> None:
        """Answer all that waits, then end; what comes later is sent away."""
        task, self._task = self._task, None
        if task is not None:
            self._queue.put_nowait(None)
            await task
            await asyncio.to_thread(self._thread.close)

    async def submit(self, key: str, body: bytes) -> Verdict:
        """The verdict on one upload. Raises StoreUnavailable when too much waits already."""
        if self._bytes + len(body) > MOST_WAITING_BYTES or self._task is None:
            raise StoreUnavailable("The hub is busy; send the batch again later.")
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._bytes += len(body)
        self._queue.put_nowait(_Waiting(keys.key_hash(key), body, verdict))
        return await verdict

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        crowd = 0
        while (first := await self._queue.get()) is not None:
            if self._queue.qsize() + 1 < crowd:
                await asyncio.sleep(LINGER_S)
            group = self._drain(first)
            crowd = len(group)
            work = self._thread.start(self._judge, group, loop.time())
            await asyncio.wait([work])
            self._answer(group, work)

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
        self._bytes -= sum(len(waiting.body) for waiting in group)
        fault = work.exception()
        verdicts = [] if fault else work.result()
        for place, waiting in enumerate(group):
            if waiting.verdict.done():
                continue
            if fault:
                waiting.verdict.set_exception(fault)
            else:
                waiting.verdict.set_result(verdicts[place])
        stations = {v.station for v in verdicts if isinstance(v, Accepted) and v.receipt.stored}
        if stations:
            self._touched(stations)

    def _judge(self, group: list[_Waiting], now_s: float) -> list[Verdict]:
        try:
            holders = keys.holders({waiting.key_hash for waiting in group})
            self._note_seen(holders.values(), now_s)
        except DatabaseError as error:
            raise StoreUnavailable("The hub cannot read its gateways at the moment.") from error
        verdicts: list[Verdict] = [KeyRejected(REJECTED) for _ in group]
        places = [place for place, waiting in enumerate(group) if waiting.key_hash in holders]
        uploads = [Upload(holders[group[at].key_hash], group[at].body) for at in places]
        results = self._store.apply(uploads) if uploads else []
        for place, upload, result in zip(places, uploads, results, strict=True):
            verdicts[place] = (
                Accepted(upload.station, result) if isinstance(result, Receipt) else result
            )
        _tell_ledger(uploads, results)
        return verdicts

    def _note_seen(self, stations: Iterable[str], now_s: float) -> None:
        due = [s for s in stations if now_s - self._seen.get(s, -SEEN_EVERY_S) >= SEEN_EVERY_S]
        if due:
            keys.seen(due, timezone.now())
            self._seen.update(dict.fromkeys(due, now_s))


def _tell_ledger(uploads: Sequence[Upload], results: Sequence[Receipt | FieldstationError]) -> None:
    """Keep what was refused for good, so that the calendar knows of it."""
    refused = [
        (upload, result)
        for upload, result in zip(uploads, results, strict=True)
        if isinstance(result, BatchRefused | CodecError)
    ]
    if not refused:
        return
    try:
        keep_refusals(refused)
    except DatabaseError as error:
        # The refusals stand; the station will offer a quarantined reading once more only by hand.
        _log.warning("what was refused could not be noted: %s", error)
