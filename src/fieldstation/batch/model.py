"""What travels from a station to a hub: a sealed, numbered run of readings, and the receipt that
comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fieldstation.batch.facts import ClockFact
from fieldstation.errors import FieldstationError
from fieldstation.model import Kept, Layout


class UnknownLayout(FieldstationError):
    """The batch uses layouts that the reader has never seen; `ids` names them, the station sends
    them along next time.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(
            f"unknown layout {', '.join(ids)}: send the batch again with its channel tables"
        )
        self.ids = tuple(ids)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the hub has to know once about one kind of reading: whose it is, its channel table, how
    often it is due.

    `every_us` is the polling interval in microseconds, 0 when readings come as they like. `serial`
    and `model` are the unit's own words, empty when unknown.
    """

    instrument: str
    layout: Layout
    every_us: int
    serial: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Readings `first` to `last` of one boot, both ends included, in sequence order; a number in
    between that is not here was given to something that is no reading.

    `announcements` travel with the first batch of every boot and whenever the hub asks for a
    layout. `number` counts the batches of the boot. `clock` places readings whose clock was not
    trusted: their true time is their monotonic time plus its offset.
    """

    boot: bytes
    number: int
    first: int
    last: int
    readings: tuple[Kept, ...]
    announcements: tuple[Announcement, ...] = ()
    clock: ClockFact | None = None

    @property
    def count(self) -> int:
        """How many readings it holds."""
        return len(self.readings)

    @property
    def newest_utc_us(self) -> int:
        """The time of its last reading, 0 for none."""
        return self.readings[-1].reading.instant.utc_us if self.readings else 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """The hub's word that sequences `first` to `last` of `boot` are durable with it.

    `stored` readings were new, `duplicate` ones it had already. `missing` lists the ranges (both
    ends included) below `last` that it never got from this boot.
    """

    boot: bytes
    first: int
    last: int
    stored: int
    duplicate: int
    missing: tuple[tuple[int, int], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The receipt as plain data, the boot in hex."""
        return {
            "boot": self.boot.hex(),
            "first": self.first,
            "last": self.last,
            "stored": self.stored,
            "duplicate": self.duplicate,
            "missing": [list(pair) for pair in self.missing],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Receipt:
        """The receipt written by `as_json`. Raises ValueError, TypeError or KeyError when it is
        not one.
        """
        missing: Sequence[Sequence[int]] = data["missing"]
        return cls(
            bytes.fromhex(data["boot"]),
            int(data["first"]),
            int(data["last"]),
            int(data["stored"]),
            int(data["duplicate"]),
            tuple((int(first), int(last)) for first, last in missing),
        )
