"""The ingest desk: whatever waits is authenticated and stored as one group (see `groups`).

A verdict is given only after `apply` has returned: a receipt is durable
(test_receipts_survive_kill_9).
"""

from __future__ import annotations

import logging
import time
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
from fieldstation.hub.groups import Bounds, Groups
from fieldstation.hub.ledger.refused import keep_refusals
from fieldstation.hub.stations import keys
from fieldstation.series.api import SeriesStore, Upload

_log = logging.getLogger(__name__)

BOUNDS = Bounds(
    group=200, group_bytes=64 << 20, waiting=4_000, waiting_bytes=64 << 20, linger_s=0.002
)  # fmt: skip
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


class IngestDesk:
    """Takes (key, body) on the event loop."""

    def __init__(
        self,
        store: SeriesStore,
        touched: Callable[[Iterable[str]], None],
        bounds: Bounds = BOUNDS,
    ) -> None:
        """`touched` is told on the event loop which gateways have new readings."""
        self._store = store
        self._touched = touched
        self._seen: dict[str, float] = {}
        self._groups: Groups[_Waiting, Verdict] = Groups(
            "ingest-desk", bounds, self._judge, self._tell
        )

    def start(self) -> None:
        """Begin to work, on the running event loop."""
        self._groups.start()

    async def stop(self) -> None:
        """Answer all that waits, then end; what comes later is sent away."""
        await self._groups.stop()

    async def submit(self, key: str, body: bytes) -> Verdict:
        """The verdict on one upload. Raises StoreUnavailable when too much waits already."""
        return await self._groups.submit(_Waiting(keys.key_hash(key), body), len(body))

    def _tell(self, verdicts: list[Verdict]) -> None:
        stations = {v.station for v in verdicts if isinstance(v, Accepted) and v.receipt.stored}
        if stations:
            self._touched(stations)

    def _judge(self, group: list[_Waiting]) -> list[Verdict]:
        try:
            holders = keys.holders({waiting.key_hash for waiting in group})
            self._note_seen(holders.values(), time.monotonic())
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
