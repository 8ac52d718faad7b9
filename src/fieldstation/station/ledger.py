"""Holes: what was due and is not there, when and why, for one instrument.

1. A hole opens with the first missing reading and is written within WRITE_S; it grows in memory and
   is written again at most every GROW_S, so an outage does not wear the disk.
2. Another cause starts another hole.
3. A reading that is kept closes the hole.
"""

from __future__ import annotations

from dataclasses import replace

from fieldstation.batch.facts import Cause, Hole, State
from fieldstation.station.collector import Collector
from fieldstation.station.schedule import Passed

WRITE_S, GROW_S = 5.0, 60.0

WHOLE = ""  # the layout of a hole that concerns all layouts of the instrument


class Ledger:
    """The holes of `instrument` in this run, which is `boot`."""

    def __init__(self, collector: Collector, instrument: str, boot: bytes) -> None:
        self._collector = collector
        self._instrument = instrument
        self._boot = boot
        self._open: dict[str, Hole] = {}
        self._written_utc_us: dict[str, int] = {}
        self.missed_by_cause: dict[str, int] = {}

    @property
    def open_holes(self) -> list[Hole]:
        """The holes that readings keep falling into."""
        return list(self._open.values())

    def missed(self, cause: Cause, passed: Passed, layout: str = WHOLE) -> None:
        """Readings of the layout were not taken."""
        self.missed_by_cause[cause] = self.missed_by_cause.get(cause, 0) + passed.count
        hole = self._open.get(layout)
        if hole is not None and hole.cause != cause:
            self.kept(layout)
            hole = None
        if hole is None:
            number = self._collector.hole_number()
            span = (passed.first_utc_us, passed.last_utc_us, passed.count)
            hole = Hole(number, self._instrument, layout, cause, self._boot, *span)
        else:
            hole = replace(hole, last_utc_us=passed.last_utc_us, count=hole.count + passed.count)
        self._open[layout] = hole
        since_us = hole.last_utc_us - self._written_utc_us.get(layout, -(2**62))
        if not 0 <= since_us < GROW_S * 1e6:
            self._write(hole)

    def kept(self, layout: str = WHOLE) -> None:
        """A reading of the layout is taken: close its hole."""
        hole = self._open.pop(layout, None)
        if hole is not None:
            self._write(replace(hole, state=State.LOST))
            self._written_utc_us.pop(layout, None)

    def lapse(self, cause: Cause, passed: Passed, layout: str = WHOLE) -> None:
        """Readings were not taken, and it is over already."""
        self.kept(layout)
        self.missed(cause, passed, layout)
        self.kept(layout)

    def finish(self) -> None:
        """Write the open holes as they stand, still open: the next run closes them."""
        for hole in self._open.values():
            self._write(hole)

    def _write(self, hole: Hole) -> None:
        self._written_utc_us[hole.layout] = hole.last_utc_us
        self._collector.soon(lambda journal: journal.write_hole(hole), WRITE_S)
