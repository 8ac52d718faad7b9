"""What the hub asks of a time-series store, whichever engine holds it.

Times are UTC microseconds since 1970. Ranges are half open: `start_us <= t < end_us`. An
instrument is named by its gateway's id and its own name at the station. Where an instrument
changed its layout, a channel is followed by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fieldstation.batch.model import Receipt, UnknownLayout
from fieldstation.batch.report import Span
from fieldstation.errors import FieldstationError
from fieldstation.model import Channel, Value

__all__ = [
    "Buckets", "Column", "Columns", "InstrumentEntry", "Latest", "SeriesStore", "UnknownLayout",
    "Upload",
]  # fmt: skip

Column = NDArray[np.float64] | NDArray[np.object_]
"""One channel's values: float64 with NaN where there is none (flags as 0 and 1), objects (str or
None) for text.
"""


@dataclass(frozen=True, slots=True)
class Upload:
    """One batch as it came off the wire, and the gateway that its key belongs to."""

    station: str
    body: bytes


@dataclass(frozen=True, slots=True)
class InstrumentEntry:
    """One instrument in the catalogue: its channels (union of its layouts, newest definition
    first) and its span.

    `every_us` is the shortest interval at which one of its readings is due, 0 when unknown.
    """

    station: str
    name: str
    kind: str
    channels: tuple[Channel, ...]
    first_us: int
    last_us: int
    readings: int
    every_us: int = 0
    serial: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of every channel of an instrument, each with the instant of its own
    reading.
    """

    station: str
    name: str
    values: Mapping[str, Value]
    times_us: Mapping[str, int]

    @property
    def at_us(self) -> int:
        """The newest of all instants."""
        return max(self.times_us.values(), default=0)


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings as columns of equal length in time order: `times_us` and one array per channel
    name.
    """

    times_us: NDArray[np.int64]
    values: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Buckets:
    """One numeric channel over equal spans of time. Arrays of equal length; only spans that hold a
    value are listed.

    `start_us` is a whole multiple of `span_us`. `n` counts values; `minimum`, `mean`, `maximum`,
    `first`, `last` are in the channel's unit.
    """

    channel: str
    span_us: int
    start_us: NDArray[np.int64]
    n: NDArray[np.int64]
    minimum: NDArray[np.float64]
    mean: NDArray[np.float64]
    maximum: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]


class SeriesStore(Protocol):
    """A store is safe to use from several threads. Methods block; none takes longer than its
    answer is large.
    """

    def apply(self, uploads: Sequence[Upload]) -> list[Receipt | FieldstationError]:
        """Store batches in one transaction and answer each in its place; when this returns,
        receipts are durable.

        A batch that is damaged (CodecError), uses unknown layouts (UnknownLayout) or contradicts
        readings received earlier (BatchRefused) gets its error and changes nothing. Applying a
        batch again changes nothing and gives a receipt that counts duplicates. Readings of an
        untrusted clock are filed under the time that the batch's clock fact gives them. Raises
        StoreError when nothing could be stored at all.
        """
        ...

    def catalogue(self, station: str | None = None) -> list[InstrumentEntry]:
        """All instruments (of one station), ordered by station and name."""
        ...

    def latest(self, station: str, instrument: str) -> Latest:
        """Newest values. Raises NotFound."""
        ...

    def read(
        self,
        station: str,
        instrument: str,
        channels: Sequence[str],
        start_us: int,
        end_us: int,
        most: int | None = None,
    ) -> Columns:
        """Readings of the range in time order, the first `most` of them if given. Raises NotFound,
        BadRequest.

        A row exists for every reading of a layout that has at least one of the channels.
        """
        ...

    def walk(
        self, station: str, instrument: str, channels: Sequence[str], start_us: int, end_us: int
    ) -> Iterator[Columns]:
        """The same rows as `read`, piece by piece in time order with bounded memory, for
        exports.
        """
        ...

    def buckets(
        self,
        station: str,
        instrument: str,
        channels: Sequence[str],
        start_us: int,
        end_us: int,
        most: int,
    ) -> list[Buckets]:
        """At most `most` equal spans that cover the range, one Buckets per channel. Raises
        NotFound, BadRequest.

        The span is the smallest of a fixed ladder (1, 2, 5, 10, 15, 20, 30 s; minutes, hours and
        days alike) that fits, so that neighbouring requests share their edges.
        """
        ...

    def counts(
        self, station: str, start_day: int, end_day: int, *, taken: bool = False
    ) -> Mapping[tuple[str, int], int]:
        """How many readings there are by instrument and UTC day (days since 1970-01-01, both
        included), those without any left out: by the time under which they are filed or, with
        `taken`, by the time that the station gave them.
        """
        ...

    def absent(self, station: str, spans: Sequence[Span]) -> list[Span]:
        """The parts of these spans of runs that were never received, in the same order."""
        ...

    def close(self) -> None:
        """Finish background work and release the file."""
        ...
