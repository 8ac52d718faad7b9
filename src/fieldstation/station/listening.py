"""Instruments that are heard: a broker's messages on their way to the journal.

1. One configured instrument may bring many: each node gets the configured name and its own behind
   it, `hall.esp_a6a8d500`, and is followed without configuration.
   `test_nodes_are_followed_without_being_configured`
2. A message is acknowledged to the broker only when its readings are on the disk; what was not is
   heard again after a restart, and known by what it says.
   `test_no_sample_is_lost_or_kept_twice_by_a_crash`
3. What the listener knew is told to it again from the journal.
4. While the journal takes nothing, nothing is read: the broker keeps it.
   `test_a_full_journal_leaves_messages_with_the_broker`
5. What cannot be used is counted by its kind and logged at the first, tenth, hundredth time.
   `test_junk_is_counted_and_logged_ever_more_seldom`
6. Regular readings that did not come are a hole once that is certain (attendance), with its cause:
   the station did not run, the broker was away, the journal took nothing for longer than the broker
   keeps messages, or the node was silent. One that comes after all leaves its hole.
   `test_a_silent_node_leaves_a_hole`, `test_what_a_full_journal_cost_says_so`,
   `test_a_hole_is_recovered_by_what_comes_late`
7. A node that was silent but counted on had measured, and its own memory had no room for it: then
   the hole says so. `test_a_node_that_counted_on_lost_its_samples_itself`
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fieldstation.batch.facts import Cause
from fieldstation.errors import CodecError, StoreError
from fieldstation.journal import Journal
from fieldstation.model import Heard, Instant, Kept, Listened, Message, MqttLine
from fieldstation.sinks.backoff import Backoff
from fieldstation.station.attendance import LAG_S
from fieldstation.station.causes import cause_of, not_taken
from fieldstation.station.clock import Clock
from fieldstation.station.collector import MOST_TOGETHER, Collector
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.instrument import InstrumentState
from fieldstation.station.node import Node
from fieldstation.station.schedule import Passed
from fieldstation.transport.address import MqttPort, parse_address
from fieldstation.transport.mqtt import Arrival, Feed, open_feed
from fieldstation.transport.secret import read_secret

log = logging.getLogger(__name__)

# No configured name holds it, so nobody's nodes are taken for another's.
JOINT = "."
# Half of what mosquitto leaves unacknowledged; from there on the disk is not waited for.
HURRY_AT = 10
WATCH_S = 10.0
FULL_S = 1.0
RECALLED = 500
UNENDED_US = 2**62
# Longer than any commit is waited for, so that a settlement never causes one.
PATIENCE_S = 3600.0


@dataclass(slots=True)
class _Outage:
    """A time in which nothing could be heard, in UTC microseconds, and why."""

    cause: Cause
    from_us: int
    until_us: int = UNENDED_US


class Listening:
    """The nodes behind the instrument of `settings`, heard in a task of its own."""

    def __init__(
        self,
        settings: InstrumentSettings,
        listened: Listened,
        clock: Clock,
        collector: Collector,
    ) -> None:
        assert isinstance(settings.line, MqttLine)
        self.settings = settings
        self.state = InstrumentState()
        self.counts: dict[str, int] = {}
        self.nodes: dict[str, Node] = {}
        self._line = settings.line
        self._clock = clock
        self._collector = collector
        self._listener = listened.listener()
        self._boot = clock.now().boot
        self._up_mono_us = 0
        self._outages: deque[_Outage] = deque(maxlen=100)
        self._recalled = False
        self._unsettled: list[Arrival] = []
        self._wanted = asyncio.Event()

    async def visit(self, backoff: Backoff) -> None:
        """Listen until the connection breaks, which is raised. Resets `backoff` after a while."""
        if not self._recalled:
            await self._recall()
        port = parse_address(self.settings.port)
        assert isinstance(port, MqttPort)
        file = self._line.password_file
        password = read_secret(Path(file)) if file else ""
        async with open_feed(port, self._line, self._listener.topics, password=password) as feed:
            self._connected()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._hear(feed))
                    tasks.create_task(self._settle(feed))
                    tasks.create_task(self._watch(feed, backoff))
            except ExceptionGroup as group:
                raise group.exceptions[0] from None

    def lost(self, error: Exception) -> None:
        """Note that the visit ended with `error`."""
        cause, state = cause_of(error), self.state
        if state.state != "lost":
            log.warning(
                "instrument lost",
                extra={"instrument": self.settings.name, "cause": cause, "reason": str(error)},
            )
            self._begun(Cause.UNPLUGGED)
        state.state, state.cause, state.error = "lost", cause, str(error)
        state.failures[cause] = state.failures.get(cause, 0) + 1

    async def recover(self, error: Exception) -> None:
        """Nothing: a visit closes what it opened."""

    async def leave(self) -> None:
        """Write down what is known to be missing."""
        for node in self.nodes.values():
            node.ledger.finish()

    @property
    def behind_s(self) -> float:
        """Nothing is late: who speaks by itself is waited for."""
        return 0.0

    @property
    def summary(self) -> dict[str, Any]:
        """The instrument's part of the status."""
        missed: Counter[str] = Counter()
        for node in self.nodes.values():
            missed.update(node.ledger.missed_by_cause)
        return {
            "kind": self.settings.kind,
            "port": self.settings.port,
            "every_s": self.settings.every_s,
            **{name: getattr(self.state, name) for name in self.state.__slots__},
            "due": self.state.readings + missed.total(),
            "missed": dict(missed),
            "holes": [hole for node in self.nodes.values() for hole in node.holes],
            "nodes": {name: node.summary for name, node in self.nodes.items()},
            "not_kept": dict(self.counts),
        }

    def _connected(self) -> None:
        now, state = self._clock.now(), self.state
        log.info(
            "instrument is back" if state.state == "lost" else "instrument is there",
            extra={"instrument": self.settings.name},
        )
        if self._outages:
            self._outages[-1].until_us = min(self._outages[-1].until_us, now.utc_us)
        state.state, state.cause, state.error = "good", "", ""
        self._up_mono_us = now.mono_us
        # What a former connection left unsettled comes again on this one.
        self._unsettled.clear()
        self._wanted.clear()

    # --- the tasks of a connection ---

    async def _hear(self, feed: Feed) -> None:
        while True:
            arrival = await feed.read()
            await self._take(arrival.message)
            self._unsettled.append(arrival)
            self._wanted.set()
            if len(self._unsettled) >= HURRY_AT:
                self._collector.hurry()

    async def _settle(self, feed: Feed) -> None:
        """Acknowledge what is written."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            arrivals, self._unsettled = self._unsettled, []
            await self._written()
            feed.settle(arrivals)

    async def _written(self) -> None:
        """Return when all readings that wait now are on the disk."""
        ahead = self._collector.state.waiting
        while ahead > 0:
            try:
                await self._collector.ride(_nothing, PATIENCE_S)
            except StoreError:
                continue  # the collector tries again, after a while
            ahead -= MOST_TOGETHER

    async def _watch(self, feed: Feed, backoff: Backoff) -> None:
        dropped = 0
        while True:
            await asyncio.sleep(WATCH_S)
            backoff.reset()
            if feed.dropped > dropped:
                self.counts["dropped"] = self.counts.get("dropped", 0) + feed.dropped - dropped
                dropped = feed.dropped
            mono_us = self._clock.now().mono_us
            # Before that, what the broker kept may still be on its way.
            if mono_us - self._up_mono_us >= LAG_S * 1e6:
                for node in self.nodes.values():
                    node.account(mono_us, self._cause)

    # --- messages ---

    async def _take(self, message: Message) -> None:
        now = self._clock.now()
        self.state.polls += 1
        try:
            news = self._listener.hear(message, now)
        except CodecError as error:
            self._count(error.kind, f"{message.topic}: {error}", logging.WARNING)
            return
        for one in news:
            if not isinstance(one, Heard):
                self._count(one.word, one.text, logging.INFO)
                continue
            node = self._node(one.name)
            if not node.offer(one, now):
                await self._offer_again(node, one, now)
            self.state.readings += 1
            self.state.last_utc_us = max(self.state.last_utc_us, node.state.last_utc_us)

    async def _offer_again(self, node: Node, one: Heard, now: Instant) -> None:
        """Wait until the journal has room for a reading; nothing is heard meanwhile."""
        outage = self._begun(not_taken(self._collector.state.full))
        try:
            while True:
                await asyncio.sleep(FULL_S)
                if node.offer(one, now):
                    return
        finally:
            outage.until_us = self._clock.now().utc_us

    def _node(self, own_name: str) -> Node:
        """The node of that name, made when new."""
        name = f"{self.settings.name}{JOINT}{own_name}" if own_name else self.settings.name
        if name not in self.nodes:
            every_us = round(self.settings.every_s * 1e6)
            self.nodes[name] = Node(name, self._collector, self._boot, every_us)
        return self.nodes[name]

    def _count(self, word: str, text: str, level: int) -> None:
        """Count a message that gave no reading; log it at each power of ten."""
        count = self.counts[word] = self.counts.get(word, 0) + 1
        if str(count).strip("0") == "1":
            log.log(
                level,
                "message not kept",
                extra={"instrument": self.settings.name, "kind": word, "count": count,
                       "reason": text},
            )  # fmt: skip

    def _begun(self, cause: Cause) -> _Outage:
        """An outage that begins now; the last one, if it was of this cause and is hardly over."""
        now_us, last = self._clock.now().utc_us, self._outages[-1] if self._outages else None
        if last is None or last.cause != cause or last.until_us < now_us - WATCH_S * 1e6:
            last = _Outage(cause, now_us)
            self._outages.append(last)
        last.until_us = UNENDED_US
        return last

    def _cause(self, passed: Passed) -> Cause:
        for outage in self._outages:
            if outage.from_us <= passed.last_utc_us and passed.first_utc_us <= outage.until_us:
                return outage.cause
        return Cause.SILENT

    # --- memory ---

    async def _recall(self) -> None:
        """Tell the listener what earlier runs kept. Raises StoreError."""
        prefix, kind = self.settings.name, self.settings.kind
        for kept, regular in await self._collector.ask(partial(_known, prefix=prefix, kind=kind)):
            reading = kept.reading
            own_name = reading.instrument.partition(JOINT)[2]
            utc_us = reading.instant.utc_us
            self._listener.recall(own_name, reading.layout.name, reading.by_name(), utc_us)
            if regular:
                self._node(own_name).recall(reading.layout, utc_us)
        self._recalled = True


def _known(journal: Journal, prefix: str, kind: str) -> list[tuple[Kept, bool]]:
    """The newest readings of each node of an instrument, oldest first, and whether it is a regular
    one.
    """
    streams = {
        (one.instrument, one.layout.id): one.every_us > 0
        for one in journal.announcements.values()
        if one.layout.kind == kind and one.instrument.partition(JOINT)[0] == prefix
    }
    found = []
    for name in sorted({name for name, _ in streams}):
        for kept in reversed(journal.recent(RECALLED, name)):
            regular = streams.get((name, kept.reading.layout.id))
            if regular is not None:
                found.append((kept, regular))
    return found


def _nothing(_journal: Journal) -> None:
    """Rides with a commit only to know of it."""
