"""Rows of sensors as batches of their hidden gateways."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from fieldstation.batch import Announcement, Batch, UnknownLayout, encode
from fieldstation.errors import CodecError, FieldstationError
from fieldstation.model import Instant, Kept, Layout, Reading, Trust, Value
from fieldstation.series.api import SeriesStore, Upload

_log = logging.getLogger(__name__)

# Far below the limits of a batch even when nothing compresses.
MOST_VALUES, MOST_ROWS = 50_000, 2_000


@dataclass(frozen=True, slots=True)
class Row:
    """One reading on its way: whose it is, its number in the hub's run, its values."""

    gateway: str
    instrument: str
    layout: Layout | None
    boot: bytes
    sequence: int
    at_us: int
    values: tuple[Value, ...]


class Series:
    """Stores rows, and announces each layout once."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store
        self._announced: set[tuple[str, str, str]] = set()

    def absent(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the rows that the store never got."""
        spans = {(row.gateway, (row.boot, row.sequence, row.sequence)): row for row in rows}
        found: list[Row] = []
        for gateway in {gateway for gateway, _ in spans}:
            asked = [span for station, span in spans if station == gateway]
            found += [spans[gateway, span] for span in self._store.absent(gateway, asked)]
        return found

    def store(self, rows: Sequence[Row]) -> None:
        """Store rows, those of one gateway and run in sequence. Raises StoreError. A row that the
        store does not take is told in the log; its document stays.
        """
        self._send([list(run) for run in _runs(rows)])

    def _send(self, runs: Sequence[Sequence[Row]]) -> None:
        sent: list[tuple[Sequence[Row], Upload]] = []
        failed: list[tuple[Sequence[Row], FieldstationError]] = []
        for run in runs:
            try:
                sent.append((run, Upload(run[0].gateway, self._body(run))))
            except CodecError as error:
                failed.append((run, error))
        answers = self._store.apply([upload for _, upload in sent]) if sent else []
        for (run, _), answer in zip(sent, answers, strict=True):
            if isinstance(answer, FieldstationError):
                failed.append((run, answer))
            else:
                self._announced |= {_key(row) for row in run}
        for run, reason in failed:
            self._again(run, reason)

    def _again(self, run: Sequence[Row], error: FieldstationError) -> None:
        """In halves, down to the row that is the reason."""
        self._announced -= {_key(row) for row in run}
        if len(run) > 1 and not isinstance(error, UnknownLayout):
            middle = len(run) // 2
            self._send([run[:middle]])
            self._send([run[middle:]])
        elif isinstance(error, UnknownLayout):
            self._send([run])
        else:
            _log.warning("a document of sensor %s has no reading: %s", run[0].instrument, error)

    def _body(self, run: Sequence[Row]) -> bytes:
        new = {
            _key(row): Announcement(row.instrument, row.layout, 0)
            for row in run
            if row.layout is not None and _key(row) not in self._announced
        }
        first, last = run[0].sequence, run[-1].sequence
        mono_us = time.monotonic_ns() // 1000
        readings = tuple(
            Kept(
                row.sequence,
                Reading(
                    row.instrument,
                    row.layout,
                    Instant(row.at_us, mono_us, row.boot, Trust.SYNCED),
                    row.values,
                ),
            )
            for row in run
            if row.layout is not None
        )
        return encode(Batch(run[0].boot, first, first, last, readings, tuple(new.values())))


def _key(row: Row) -> tuple[str, str, str]:
    return row.gateway, row.instrument, row.layout.id if row.layout else ""


def _runs(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Pieces of one gateway and run with numbers that follow one another."""
    ordered = sorted(rows, key=lambda row: (row.gateway, row.boot, row.sequence))
    for _, members in groupby(ordered, key=lambda row: (row.gateway, row.boot)):
        run: list[Row] = []
        values = 0
        for row in members:
            values += len(row.values)
            follows = not run or row.sequence == run[-1].sequence + 1
            if run and (not follows or values > MOST_VALUES or len(run) >= MOST_ROWS):
                yield run
                run, values = [], len(row.values)
            run.append(row)
        yield run
