"""A reading: all channel values of one instrument at one instant, and the instant itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from fieldstation.model.channel import Value
from fieldstation.model.layout import Layout


class Trust(IntEnum):
    """How far the wall clock could be believed when the instant was taken."""

    UNSYNCED = 0  # the system never had a time source since it started
    SYNCED = 1  # disciplined by NTP, GPS or a hardware clock
    PLACED = 2  # untrusted when taken, dated by the hub from what the station learnt later


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment as this run of the station saw it: UTC and monotonic microseconds, the run's id,
    trust in the wall clock.

    `utc_us` counts from 1970-01-01, `mono_us` from the start of the machine. `boot` is 16 random
    bytes drawn at every start of the station program, so two runs never share a sequence even on a
    copied disk.
    """

    utc_us: int
    mono_us: int
    boot: bytes
    trust: Trust = Trust.UNSYNCED


@dataclass(frozen=True, slots=True)
class Reading:
    """Values in the column order of `layout`, taken by the instrument that the configuration names
    `instrument`.
    """

    instrument: str
    layout: Layout
    instant: Instant
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.layout.channels):
            raise ValueError(f"{len(self.values)} values for {len(self.layout.channels)} channels")

    def by_name(self) -> dict[str, Value]:
        """Values by channel name."""
        return dict(zip(self.layout.names, self.values, strict=True))


@dataclass(frozen=True, slots=True)
class Kept:
    """A reading that is on disk. `sequence` is its number in the journal: unique, growing, never
    given twice.
    """

    sequence: int
    reading: Reading
