"""Whether the station makes progress, for those who restart it when it does not.

1. The event loop turns and the journal's thread answers: whoever asks gets an answer at all.
2. What waits is written, or the journal says why it takes nothing: then a restart would only lose
   what waits. `test_what_is_never_written_is_no_life`
3. Every instrument's due readings are taken or counted as missed; one that does neither for STUCK_S
   hangs. `test_a_hanging_instrument_is_no_life`
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from fieldstation.station.clock import Clock
from fieldstation.station.collector import Collector

log = logging.getLogger(__name__)

UNWRITTEN_S = 30.0
# Longer than the longest wait between visits and a visit in which nobody answers.
STUCK_S = 300.0


class Working(Protocol):
    """What has readings due."""

    @property
    def behind_s(self) -> float:
        """For how long a due reading has been neither taken nor counted."""
        ...


class Progress:
    """Asked like a function: True while all goes on. `commit_every_s` as the collector's."""

    def __init__(self, collector: Collector, clock: Clock, commit_every_s: float) -> None:
        self.instruments: Iterable[Working] = ()
        self._collector = collector
        self._clock = clock
        self._patience_us = max(UNWRITTEN_S, 10 * commit_every_s) * 1e6
        self._written = (0, clock.now().mono_us)
        self._complaint = ""

    async def __call__(self) -> bool:
        """Whether all goes on. Returns never when the journal's thread does not answer."""
        await self._collector.ask(lambda journal: journal.last)
        complaint = self._hangs()
        if complaint and complaint != self._complaint:
            log.error("the station hangs", extra={"reason": complaint})
        self._complaint = complaint
        return not complaint

    def _hangs(self) -> str:
        state, mono_us = self._collector.state, self._clock.now().mono_us
        sequence, since_us = self._written
        if not state.waiting or state.error or state.last_sequence != sequence:
            self._written = (state.last_sequence, mono_us)
        elif mono_us - since_us > self._patience_us:
            return f"{state.waiting} readings wait and are not written"
        if any(one.behind_s > STUCK_S for one in self.instruments):
            return f"an instrument has neither read nor failed for {STUCK_S:.0f} s"
        return ""
