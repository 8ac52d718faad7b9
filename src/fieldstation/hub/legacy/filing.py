"""From the rows of an old batch to readings in the series store.

1. Rows go to the store as batches of the ordinary kind, in runs without a gap: the run id stands
   for gateway, gadget and life of its table, the sequence is the row's number. So the store's own
   rule keeps each row single, whatever else fails.
2. Some rows at a time: read, judged, stored, remembered. Each of these rounds can be repeated.
3. Rows of one minute get the minute and 0, 1, 2 ... microseconds, in the order of their numbers.
4. A row that cannot be understood is counted with its reason and delays nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import islice

from django.db import DatabaseError, transaction

from fieldstation.batch import Announcement, Batch, encode
from fieldstation.batch.limits import LIMITS
from fieldstation.errors import (
    BatchRefused,
    CodecError,
    FieldstationError,
    StoreUnavailable,
)
from fieldstation.hub.legacy.columns import Row, row_of
from fieldstation.hub.legacy.stamps import utc_of
from fieldstation.hub.legacy.tables import Tables, Verdict, mark_of
from fieldstation.hub.legacy.zipped import OldBatch
from fieldstation.model import Instant, Kept, Layout, Reading, Trust
from fieldstation.series.api import SeriesStore, Upload

# 48 values each: well below the limits of a batch even when nothing compresses.
ROWS_AT_ONCE = 2000
MOST_GADGETS = 64


class Interrupted(Exception):
    """The hub ends; the batch goes on at its next start."""


@dataclass(slots=True)
class Count:
    """What became of the rows, and the first thing that was wrong."""

    rows: Counter[Verdict] = field(default_factory=Counter)
    refused: int = 0
    reason: str = ""

    def refuse(self, reason: str) -> None:
        """Count one row that is not stored."""
        self.refused += 1
        self.reason = self.reason or reason

    def differs(self, number: int) -> None:
        """Name the first row that came with other values than before."""
        self.reason = self.reason or f"row {number} was stored before with other values"


@dataclass(frozen=True, slots=True)
class Placed:
    """A new row with its moment; `doubt` about it is a code of the channel table."""

    row: Row
    life: int
    utc_us: int
    doubt: int


Run = Sequence[Placed]


class Filing:
    """Files one batch of one gateway."""

    def __init__(
        self,
        store: SeriesStore,
        gateway: str,
        zone: tzinfo,
        gadget: str = "",
        ending: Callable[[], bool] = lambda: False,
    ) -> None:
        """`gadget` is for rows that name none; `ending` is asked before every round."""
        self._store = store
        self._gateway = gateway
        self._zone = zone
        self._gadget = gadget
        self._ending = ending
        self._minutes: dict[str, tuple[str, int]] = {}
        self._count = Count()

    def file(self, batch: OldBatch) -> Count:
        """Store what is new. Raises StoreError, BatchRefused, Interrupted."""
        rows = batch.rows()
        while batch.layout and (round_of := list(islice(rows, ROWS_AT_ONCE))):
            if self._ending():
                raise Interrupted
            try:
                self._round(round_of, batch.layout)
            except DatabaseError as error:
                raise StoreUnavailable("The hub's database cannot be used.") from error
        return self._count

    def _round(self, fields: Sequence[Sequence[str]], layout: Layout) -> None:
        gadgets: dict[str, list[Row]] = {}
        for row in self._understood(fields, layout):
            gadgets.setdefault(instrument_name(row.gadget or self._gadget), []).append(row)
        for gadget, rows in gadgets.items():
            self._gadget_round(gadget, rows, layout)

    def _understood(self, fields: Sequence[Sequence[str]], layout: Layout) -> Iterator[Row]:
        for each in fields:
            try:
                yield row_of(each, layout)
            except CodecError as error:
                self._count.refuse(str(error))

    def _gadget_round(self, gadget: str, rows: list[Row], layout: Layout) -> None:
        rows.sort(key=lambda row: row.number)
        tables = Tables(self._gateway, gadget, [row.number for row in rows])
        new = [
            placed
            for row in rows
            if (placed := self._judged(tables, gadget, row, layout)) is not None
        ]
        self._apply(tables, gadget, list(_runs(new)), layout)
        with transaction.atomic():
            tables.save()

    def _judged(self, tables: Tables, gadget: str, row: Row, layout: Layout) -> Placed | None:
        """The row and its place when it is new."""
        try:
            minute_us, doubt = utc_of(row.stamp, self._zone)
            place = self._place(gadget, row.stamp)
        except CodecError as error:
            self._count.refuse(str(error))
            return None
        verdict, life = tables.judge(row.number, mark_of(row, layout))
        if verdict is not Verdict.NEW:
            self._count.rows[verdict] += 1
            if verdict is Verdict.DIFFERING:
                self._count.differs(row.number)
            return None
        return Placed(row, life, minute_us + place, int(doubt))

    def _place(self, gadget: str, stamp: str) -> int:
        if gadget not in self._minutes and len(self._minutes) >= MOST_GADGETS:
            raise CodecError("bad_value", f"the table names more than {MOST_GADGETS} gadgets")
        before, place = self._minutes.get(gadget, ("", 0))
        place = place + 1 if before == stamp else 0
        self._minutes[gadget] = stamp, place
        return place

    def _apply(self, tables: Tables, gadget: str, runs: Sequence[Run], layout: Layout) -> None:
        """Store runs; one that is too long or refused goes again in halves, down to the row that is
        the reason.
        """
        sent: list[tuple[Run, Upload]] = []
        failed: list[tuple[Run, FieldstationError]] = []
        for run in runs:
            try:
                body = encode(_batch(self._gateway, gadget, run, layout))
                sent.append((run, Upload(self._gateway, body)))
            except CodecError as error:
                failed.append((run, error))
        answers = self._store.apply([upload for _, upload in sent]) if sent else []
        for (run, _), answer in zip(sent, answers, strict=True):
            if isinstance(answer, FieldstationError):
                failed.append((run, answer))
            else:
                self._count.rows[Verdict.NEW] += len(run)
        for run, reason in failed:
            if len(run) == 1:
                self._settle(tables, run[0], reason)
            else:
                middle = len(run) // 2
                self._apply(tables, gadget, [run[:middle], run[middle:]], layout)

    def _settle(self, tables: Tables, placed: Placed, error: FieldstationError) -> None:
        """Count a row that the store does not take."""
        if isinstance(error, BatchRefused) and error.code == "contradiction":
            # Stored by a round that was cut off, when the gateway's zone was another.
            self._count.rows[Verdict.DIFFERING] += 1
            self._count.differs(placed.row.number)
        else:
            tables.forget(placed.life, placed.row.number)
            self._count.refuse(str(error))


def instrument_name(gadget: str) -> str:
    """The gadget's label as the name of an instrument: within the limits of a batch, and another
    for every label.
    """
    clean = "".join(each if each.isprintable() else "_" for each in gadget).strip()
    if clean == gadget and 1 <= len(clean) <= LIMITS.name:
        return gadget
    if not gadget:
        return "unnamed"
    digest = hashlib.blake2b(gadget.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return f"{clean[: LIMITS.name - 9]}-{digest}"


def boot_of(gateway: str, gadget: str, life: int) -> bytes:
    """The run id of one life of a gadget's table."""
    name = f"{gateway}\0{gadget}\0{life}".encode()
    return hashlib.blake2b(name, digest_size=16, person=b"old table").digest()


def _runs(placed: Sequence[Placed]) -> Iterator[list[Placed]]:
    """Pieces of one life with numbers that follow one another."""
    lives: dict[int, list[Placed]] = {}
    for each in placed:
        lives.setdefault(each.life, []).append(each)
    for members in lives.values():
        run: list[Placed] = []
        for each in members:
            if run and each.row.number != run[-1].row.number + 1:
                yield run
                run = []
            run.append(each)
        yield run


def _batch(gateway: str, gadget: str, run: Run, layout: Layout) -> Batch:
    boot = boot_of(gateway, gadget, run[0].life)
    first, last = run[0].row.number, run[-1].row.number
    readings = tuple(
        # The gateway told no other clock than its wall's, and nothing about its trust in that.
        Kept(each.row.number, Reading(gadget, layout, _instant(each, boot), _values(each)))
        for each in run
    )
    return Batch(boot, first, first, last, readings, (Announcement(gadget, layout, 0),))


def _instant(placed: Placed, boot: bytes) -> Instant:
    return Instant(placed.utc_us, placed.utc_us, boot, Trust.UNSYNCED)


def _values(placed: Placed) -> tuple[float | int | bool | str | None, ...]:
    row = placed.row
    return (row.number, row.stamp, placed.doubt, *row.values)
