"""The desk for old batches: takes complete files, answers for them, stores their rows.

1. A file is complete, looked through and noted before its sender is told so; what was noted is
   stored even when the hub is killed right after (test_killed_anywhere_rows_end_stored_once).
2. One batch at a time, in the order of arrival. While the store cannot take anything, the batch
   waits and is tried again.
3. A batch that brings a defect to light is left where it is until the next start, and the others go
   on.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from django.utils import timezone

from fieldstation.errors import BatchRefused, StoreError
from fieldstation.hub.legacy import slots
from fieldstation.hub.legacy.filing import Count, Filing, Interrupted
from fieldstation.hub.legacy.models import Slot, State
from fieldstation.hub.legacy.spool import Incoming, Spool
from fieldstation.hub.legacy.tables import Verdict
from fieldstation.hub.legacy.zipped import OldBatch, look_through, readable
from fieldstation.hub.legacy.zones import zone_for
from fieldstation.hub.stations import keys
from fieldstation.hub.threads import Threads
from fieldstation.series.api import SeriesStore

_log = logging.getLogger(__name__)

AGAIN_AFTER_S = 10.0
# One stores rows, the others look at what arrives.
THREADS = 4


class SlotTaken(BatchRefused):
    """The slot was filled meanwhile, or its time is over."""

    def __init__(self) -> None:
        super().__init__("slot_closed", "This slot is closed; ask for another one.")


class BatchDesk:
    """Takes files on the event loop, works in threads of its own."""

    def __init__(
        self, store: SeriesStore, data: Path, touched: Callable[[Iterable[str]], None]
    ) -> None:
        """`touched` is told on the event loop which gateways have new readings."""
        self._store = store
        self._spool = Spool(data)
        self._touched = touched
        self._threads = Threads("old-batches", THREADS)
        self._wake = asyncio.Event()
        self._taking = threading.Lock()
        self._ended = False
        self._left: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self.scp_port = 0
        """Where the SSH listener is, 0 when there is none."""

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._task = asyncio.create_task(self._work(), name="old-batches")

    async def stop(self) -> None:
        """End after the rows in hand; the rest goes on at the next start."""
        self._ended = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await asyncio.to_thread(self._threads.close)

    async def may_fill(self, key: str, slot: str) -> Slot | None:
        """The slot, when this key may fill it now."""
        return await self._threads.run(slots.may_fill, key, slot)

    async def begin(self) -> Incoming:
        """A new file for what arrives. Raises StoreError."""
        return await self._threads.run(self._spool.begin)

    async def complete(self, arrived: Incoming, slot: str) -> Slot:
        """Take a complete file into its slot and say what it is. Raises BatchRefused when its
        checksum is not the announced one or the slot is closed; then it may be sent again. Raises
        StoreError.
        """
        filled = await self._threads.run(self._complete, arrived, slot)
        self._wake.set()
        return filled

    def _complete(self, arrived: Incoming, slot_id: str) -> Slot:
        arrived.finish()
        with self._taking:
            return self._complete_alone(arrived.path, slot_id)

    def _complete_alone(self, part: Path, slot_id: str) -> Slot:
        slot = Slot.objects.filter(id=slot_id, state=State.REQUESTED).first()
        if slot is None:
            raise SlotTaken
        if slot.digest_md5 and _md5(part) != slot.digest_md5:
            raise BatchRefused("wrong_checksum", "The file has another checksum than announced.")
        return self._take_in(slot, self._spool.keep(part, slot_id))

    def _take_in(self, slot: Slot, path: Path) -> Slot:
        """Look through a complete file and note what it is."""
        slot.arrived = timezone.now()
        slot.state = State.UNPROCESSED
        try:
            _check_origin(slot, look_through(path))
        except BatchRefused as error:
            slot.state, slot.reason = State.REJECTED, str(error)[:300]
        slot.save()
        if slot.state == State.REJECTED:
            # The gateway keeps its own copy of what was rejected.
            self._spool.drop(slot.id)
        return slot

    async def _work(self) -> None:
        await self._threads.run(self._recover)
        while not self._ended:
            self._wake.clear()
            slot = await self._threads.run(self._next)
            if slot is None:
                await self._wake.wait()
            elif not await self._file(slot):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_AFTER_S):
                        await self._wake.wait()

    async def _file(self, slot: Slot) -> bool:
        """Store a batch; False when it has to wait."""
        work = self._threads.start(self._store_rows, slot)
        await asyncio.wait([work])
        fault = work.exception()
        if isinstance(fault, StoreError):
            _log.warning("batch %s waits: %s", slot.id, fault)
            return False
        if fault is not None and not isinstance(fault, Interrupted):
            _log.error("batch %s is left until the next start", slot.id, exc_info=fault)
            self._left.add(slot.id)
        if fault is None and work.result():
            self._touched({slot.gateway_id.hex})
        return True

    def _next(self) -> Slot | None:
        waiting = Slot.objects.filter(state=State.UNPROCESSED).exclude(id__in=self._left)
        return waiting.order_by("arrived", "id").first()

    def _store_rows(self, slot: Slot) -> int:
        """The number of rows that were new."""
        try:
            count = self._filed(slot)
        except BatchRefused as error:
            slot.state, slot.reason = State.REJECTED, str(error)[:300]
            count = Count()
        else:
            slot.state, slot.reason = State.PROCESSED, count.reason[:300]
        slot.stored = count.rows[Verdict.NEW]
        slot.known = count.rows[Verdict.KNOWN]
        slot.differing, slot.refused = count.rows[Verdict.DIFFERING], count.refused
        slot.save()
        self._spool.drop(slot.id)
        if count.reason:
            _log.warning("batch %s of gateway %s: %s", slot.id, slot.gateway_id.hex, count.reason)
        return slot.stored

    def _filed(self, slot: Slot) -> Count:
        path = self._spool.path(slot.id)
        if not path.exists():
            raise BatchRefused("lost", "The hub has lost the file; send the batch again.")
        batch = look_through(path)
        gadget = slot.gadget or batch.metadata.get("gadget_id", "")
        zone = zone_for(slot.gateway_id.hex)
        ending = lambda: self._ended  # noqa: E731
        return Filing(self._store, slot.gateway_id.hex, zone, gadget, ending).file(batch)

    def _recover(self) -> None:
        """Note the files that were complete when the hub was killed, drop those nobody needs."""
        self._spool.open()
        for name in self._spool.held():
            slot = Slot.objects.filter(id=name).first()
            if slot is not None and slot.state == State.REQUESTED:
                self._take_in(slot, self._spool.path(name))
            elif slot is None or slot.state != State.UNPROCESSED:
                self._spool.drop(name)


def _check_origin(slot: Slot, batch: OldBatch) -> None:
    """Raise BatchRefused when the metadata name another gateway's key, which is then forgotten."""
    key = batch.metadata.pop("device_id", "")
    if not key:
        return
    digest = keys.key_hash(key)
    if keys.holders([digest]).get(digest) != slot.gateway_id.hex:
        raise BatchRefused("wrong_gateway", "The batch was made with the key of another gateway.")


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with readable(path) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
