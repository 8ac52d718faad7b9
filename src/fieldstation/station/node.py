"""One node behind a broker, as an instrument of the journal: readings, announcements, holes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fieldstation.batch.facts import Cause
from fieldstation.batch.model import Announcement
from fieldstation.model import Heard, Instant, Layout, Reading
from fieldstation.station.attendance import Attendance, Met
from fieldstation.station.collector import Collector
from fieldstation.station.ledger import Ledger
from fieldstation.station.schedule import Passed
from fieldstation.station.values import fit

log = logging.getLogger(__name__)

CauseOf = Callable[[Passed], Cause]
"""Why readings of this run are missing."""


@dataclass(slots=True)
class NodeState:
    """What `status` tells about a node. `state` is good or silent."""

    state: str = "good"
    serial: str = ""
    readings: int = 0
    last_utc_us: int = 0
    unfit: dict[str, int] = field(default_factory=dict)


class Node:
    """The node called `name` in the journal; its regular readings are due every `every_us`, 0 when
    none are.
    """

    def __init__(self, name: str, collector: Collector, boot: bytes, every_us: int) -> None:
        self.name = name
        self.state = NodeState()
        self.ledger = Ledger(collector, name, boot)
        self._collector = collector
        self._every_us = every_us
        self._attendance: dict[str, Attendance] = {}
        self._announced: set[str] = set()

    def recall(self, layout: Layout, reached_us: int) -> None:
        """The regular readings of a layout are there up to a time."""
        if self._every_us:
            self._attendance[layout.name] = Attendance(self._every_us, reached_us)

    def offer(self, heard: Heard, now: Instant) -> bool:
        """Bring what was heard `now` to the journal. False when there is no room: try again."""
        instant = now
        if heard.utc_us is not None:
            instant = Instant(heard.utc_us, now.mono_us, now.boot, heard.trust)
        row, unfit = fit(heard.layout, heard.values)
        if not self._collector.offer(Reading(self.name, heard.layout, instant, row)):
            return False
        for name in unfit:
            self.state.unfit[name] = self.state.unfit.get(name, 0) + 1
        self._announce(heard)
        self.state.readings += 1
        self.state.last_utc_us = max(self.state.last_utc_us, instant.utc_us)
        if heard.regular and self._every_us:
            self._meet(heard, instant.utc_us, now.mono_us)
        return True

    def _meet(self, heard: Heard, utc_us: int, mono_us: int) -> None:
        layout, fresh = heard.layout.name, Attendance(self._every_us)
        attendance = self._attendance.setdefault(layout, fresh)
        if attendance.accounted(utc_us):
            self.ledger.late(utc_us, self._every_us, layout)
        attendance.meet(utc_us, mono_us, heard.run)

    def account(self, mono_us: int, cause_of: CauseOf) -> None:
        """Write down what is missing for certain by now."""
        for layout, attendance in self._attendance.items():
            for one in attendance.account(mono_us):
                if isinstance(one, Met):
                    # It was not silent after all: it measured, and could not send.
                    self.ledger.kept(layout, Cause.OVERWRITTEN if one.counted else None)
                else:
                    cause = Cause.STOPPED if attendance.resumed else cause_of(one)
                    self.ledger.missed(cause, one, layout)
                self._say("good" if isinstance(one, Met) else "silent")

    @property
    def summary(self) -> dict[str, Any]:
        """The node's part of the status."""
        return {name: getattr(self.state, name) for name in self.state.__slots__}

    @property
    def holes(self) -> list[dict[str, Any]]:
        """The holes that the node's readings fall into, for the status."""
        return [
            {
                "node": self.name,
                "layout": hole.layout,
                "cause": hole.cause,
                "since_utc_us": hole.first_utc_us,
                "count": hole.count,
            }
            for hole in self.ledger.open_holes
        ]

    def _announce(self, heard: Heard) -> None:
        if heard.layout.id in self._announced:
            return
        if not self._announced:
            log.info("node is there", extra={"node": self.name, "serial": heard.serial})
        self._announced.add(heard.layout.id)
        self.state.serial = heard.serial
        every_us = self._every_us if heard.regular else 0
        news = Announcement(self.name, heard.layout, every_us, heard.serial, heard.layout.kind)
        self._collector.soon(lambda journal: journal.announce([news]), 0.0)

    def _say(self, state: str) -> None:
        if state != self.state.state:
            log.warning("node is silent" if state == "silent" else "node is back",
                        extra={"node": self.name})  # fmt: skip
        self.state.state = state
