"""What the ingest desk refused for good, as the ledger keeps it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from fieldstation.batch.facts import DAY_US
from fieldstation.batch.frame import Entry, Frame, open_frame
from fieldstation.batch.limits import MOST_INTEGER
from fieldstation.errors import BatchRefused, CodecError
from fieldstation.hub.ledger.facts import note
from fieldstation.hub.ledger.models import Refusal
from fieldstation.series.api import Upload

REFUSED = "refused"
CONTRADICTION = "contradiction"


def keep_refusals(refusals: Iterable[tuple[Upload, BatchRefused | CodecError]]) -> None:
    """Note refused batches. One that arrived damaged says nothing about its readings and is left
    out; one of a single reading will not be sent again and is counted. Raises DatabaseError.
    """
    now_us = time.time_ns() // 1000
    for upload, error in refusals:
        try:
            frame = open_frame(upload.body)
        except CodecError:
            continue
        with transaction.atomic():
            _keep(UUID(upload.station), frame, error, now_us)


def _keep(gateway: UUID, frame: Frame, error: BatchRefused | CodecError, now_us: int) -> None:
    code = error.code if isinstance(error, BatchRefused) else error.kind
    alone = len(frame.entries) == 1 and frame.entries[0].readings == 1
    word = CONTRADICTION if code == CONTRADICTION else REFUSED
    if alone or word == CONTRADICTION:
        text = f"Readings {frame.first} to {frame.last} were refused ({code}): {error}"
        note(gateway, word, frame.boot.hex(), text, now_us)
    if alone:
        entry = frame.entries[0]
        Refusal.objects.update_or_create(
            gateway_id=gateway,
            boot=frame.boot.hex(),
            sequence=frame.last,
            defaults={
                "instrument": entry.instrument, "day": _day(entry), "code": code, "at_us": now_us
            },
        )  # fmt: skip


def _day(entry: Entry) -> int:
    """The day of a single reading, whose time is the base of its column."""
    utc_us = entry.system[1].base
    return utc_us // DAY_US if 0 <= utc_us < MOST_INTEGER else 0
