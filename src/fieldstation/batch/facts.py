"""What a station has to say besides readings: what is missing, how many there are, what its clock
did, what happened.

1. A fact has a natural key and may come again with more to say; the later word counts. So sending
   facts twice, or in any order, does no harm.
2. Facts are numbered by revision in the journal that holds them. Whoever collects them asks for
   what came after the revision that it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

DAY_US = 86_400_000_000


class Cause(StrEnum):
    """Why readings are missing."""

    UNPLUGGED = "unplugged"  # the port is not there, or vanished
    BUSY = "busy"  # another program has the port
    DENIED = "denied"  # this user may not open the port
    SILENT = "silent"  # no reply
    GARBLED = "garbled"  # replies that cannot be understood
    REFUSED = "refused"  # the instrument says no
    WRONG_UNIT = "wrong_unit"  # another unit than the configured one answers
    OVERRUN = "overrun"  # the readings before took too long
    STORE = "store"  # the journal could not take it
    DISK_FULL = "disk_full"  # the journal had no room
    DAMAGED = "damaged"  # it was kept, and the file was damaged later
    CLOCK = "clock"  # the wall clock was set forward over it
    OVERWRITTEN = "overwritten"  # the instrument's own memory was full before it was asked
    STOPPED = "stopped"  # the station was not running
    DEFECT = "defect"  # a fault of the program


class State(StrEnum):
    """What is known of a hole's readings."""

    OPEN = "open"  # more of them go missing
    RECOVERED = "recovered"  # they came after all
    LOST = "lost"  # they will not come


@dataclass(frozen=True, slots=True)
class Hole:
    """`count` readings of `instrument` (its layout named `layout`) due from `first_utc_us` to
    `last_utc_us` were not taken because of `cause`; `layout` "" stands for all of them.

    Key: the run that counted (`boot`, 16 bytes) and `number`. `cause` is a `Cause`, or a word of a
    newer program.
    """

    kind: ClassVar = "hole"

    number: int
    instrument: str
    layout: str
    cause: str
    boot: bytes
    first_utc_us: int
    last_utc_us: int
    count: int
    state: State = State.OPEN

    @property
    def open(self) -> bool:
        """Whether readings still fall into it."""
        return self.state is State.OPEN


@dataclass(frozen=True, slots=True)
class Tally:
    """How many readings of `instrument` the run `boot` stored whose UTC lies in `day` (days since
    1970-01-01). Key: boot, instrument, day.
    """

    kind: ClassVar = "tally"

    boot: bytes
    instrument: str
    day: int
    stored: int


class Source(StrEnum):
    """Who told the true time."""

    SYSTEM = "system"  # the kernel's clock, once it was disciplined
    HUB = "hub"  # the hub's clock, for machines that have no other


@dataclass(frozen=True, slots=True)
class ClockFact:
    """At `mono_us` of the machine's run `kernel` it was `utc_us`, to within `error_us`. From it
    follows the UTC of every reading that this run of the machine took with an untrusted clock.

    Key: boot, number. `boot` is the run of the station that learnt it.
    """

    kind: ClassVar = "clock"

    boot: bytes
    number: int
    kernel: str
    mono_us: int
    utc_us: int
    error_us: int
    source: Source

    @property
    def offset_us(self) -> int:
        """UTC minus monotonic time, microseconds."""
        return self.utc_us - self.mono_us


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the station. `what` is a short stable word (started, clock_jump,
    clock_drift, journal_set_aside, salvaged, disk_full, restored, swapped), `text` a sentence.
    Key: boot, number.
    """

    kind: ClassVar = "event"

    boot: bytes
    number: int
    utc_us: int
    mono_us: int
    what: str
    text: str


Fact = Hole | Tally | ClockFact | Event


def per_day(hole: Hole) -> dict[int, int]:
    """A hole's readings by day (days since 1970-01-01); they were due at equal steps."""
    steps = max(1, hole.count - 1)
    span = hole.last_utc_us - hole.first_utc_us
    days: dict[int, int] = {}
    place = 0
    while place < hole.count:
        day = (hole.first_utc_us + place * span // steps) // DAY_US
        # The first place whose due time lies in the next day.
        into = (day + 1) * DAY_US - hole.first_utc_us
        after = max(place + 1, -(-into * steps // span)) if span else hole.count
        after = min(hole.count, after)
        days[day] = days.get(day, 0) + after - place
        place = after
    return days
