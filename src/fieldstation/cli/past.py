"""The demo's past: readings of the last weeks, made by the twins and drivers of the present.

1. They take the way that all readings take: twin, conversation or message, reading, batch, upload.
   Only the clock runs faster.
2. A twin that remembers (its battery fills, its counters count) lives through its past first and
   then goes on live, so nothing jumps where the two meet
   (`test_counters_go_on_where_the_past_ends`).
3. All others are functions of the time. Their past fills in behind the live values, the newest days
   first (`test_the_newest_day_comes_first`).
4. What a fault spoils is missing, as it would be in the field
   (`test_a_spoilt_past_has_gaps_and_no_end`).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from fieldstation.batch.model import Announcement, Batch
from fieldstation.errors import CodecError
from fieldstation.model import (
    Driver,
    Heard,
    Identity,
    Instant,
    Kept,
    Layout,
    Listened,
    Message,
    Poll,
    Reading,
    Speaker,
    Trust,
    Twin,
    Value,
    acquainted,
)
from fieldstation.station.values import fit
from fieldstation.transport.play import FAILURES, answers, play

DAY_S = 86_400
# Seconds between made-up readings by age: a day wants more of them than a month does.
STEPS_S = ((DAY_S, 180), (7 * DAY_S, 900), (30 * DAY_S, 3600), (10**9, 3 * 3600))
LIVE_STEP_S = 2
# What counts from one reading to the next wants some time to count in.
COUNTING_STEPS_S = {"opc_n3": 6}
READINGS_PER_BATCH = 600
# Time that passes in a twin's past with every question, so that measurements come to their end.
QUESTION_S = 0.2
# A unit whose line has faults may be asked that often who it is.
ATTEMPTS = 10
# Kinds whose twins remember; a fresh one would begin at midnight with a battery of its own.
REMEMBERS = ("axpert", "tristar_mppt")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the past: UTC seconds `first` to `last`, made when it was `now`."""

    first: int
    last: int
    now: int

    def moments(self) -> Iterator[int]:
        """UTC seconds from end to end, closer together the younger they are."""
        moment = self.first
        while moment < self.last:
            yield moment
            moment += next(step for age, step in STEPS_S if self.now - moment <= age)
        yield self.last

    def pieces(self) -> list[Span]:
        """The span cut where the steps change, the newest piece first."""
        edges = [self.last, *(self.now - age for age, _step in STEPS_S), self.first]
        inside = [edge for edge in edges if self.first <= edge <= self.last]
        return [
            Span(first, last, self.now)
            for last, first in itertools.pairwise(inside)
            if first < last
        ]


class Script(Protocol):
    """One instrument's part of a span, to be played in the order of time."""

    def play(self, utc_s: int) -> Iterator[Reading]:
        """What it tells at this moment."""
        ...

    def news(self) -> list[Announcement]:
        """What is to be announced since it was last asked."""
        ...


class Asked:
    """An instrument that is asked, on `twin` through `driver`."""

    def __init__(self, name: str, twin: Twin, driver: Driver, span: Span, boot: bytes) -> None:
        self._name, self._boot, self._start = name, boot, span.first
        self._now = float(span.first)
        self._counting_s = COUNTING_STEPS_S.get(driver.kind, 0)
        self._due: dict[str, int] = {}
        self._answers = answers(twin, self._passing)
        identity = self._identity(driver)
        self._plan: Sequence[Poll] = driver.plan(identity) if identity else ()
        self._news = [
            Announcement(
                name,
                poll.layout,
                poll.every * live_step_s(driver.kind) * 1_000_000,
                identity.serial,
                identity.model,
            )
            for poll in self._plan
            if identity
        ]

    def play(self, utc_s: int) -> Iterator[Reading]:
        """See `Script.play`."""
        self._now = max(self._now, utc_s)
        instant = _instant(utc_s, self._start, self._boot)
        for poll in self._plan:
            if utc_s < self._due.get(poll.layout.id, 0):
                continue
            self._due[poll.layout.id] = utc_s + (poll.every - 1) * 60
            try:
                values = self._read(poll)
            except FAILURES:
                continue
            yield _reading(self._name, poll.layout, instant, values)

    def news(self) -> list[Announcement]:
        """See `Script.news`."""
        news, self._news = self._news, []
        return news

    def begin(self) -> None:
        """Take one reading, for its effect on the unit: what has to be switched on is on."""
        for _reading in self.play(self._start):
            return

    def _read(self, poll: Poll) -> dict[str, Value]:
        if self._counting_s:
            # Counters since the moment before would be full.
            play(poll.converse(), self._answers)
            self._now += self._counting_s
        return play(poll.converse(), self._answers)

    def _identity(self, driver: Driver) -> Identity | None:
        for _ in range(ATTEMPTS):
            try:
                return play(acquainted(driver), self._answers)
            except FAILURES:
                continue
        return None

    def _passing(self) -> float:
        """The twin's clock."""
        self._now += QUESTION_S
        return self._now


class Overheard:
    """Nodes that publish, heard as by one who looks in now and then: of each topic the message that
    a broker would have kept.
    """

    def __init__(
        self, name: str, speaker: Speaker, listened: Listened, span: Span, boot: bytes
    ) -> None:
        self._name, self._boot, self._start = name, boot, span.first
        self._every_us = round(listened.default_every_s * 1e6)
        self._speaker, self._listener = speaker, listened.listener()
        self._announced: set[tuple[str, str]] = set()
        self._news: list[Announcement] = []

    def play(self, utc_s: int) -> Iterator[Reading]:
        """See `Script.play`."""
        newest: dict[str, Message] = {}
        for message in self._speaker.speak(utc_s):
            newest.pop(message.topic, None)
            newest[message.topic] = message
        instant = _instant(utc_s, self._start, self._boot)
        for message in newest.values():
            for heard in self._hear(message, instant):
                name = f"{self._name}.{heard.name}" if heard.name else self._name
                self._announce(name, heard)
                at_us = instant.utc_us if heard.utc_us is None else heard.utc_us
                at = Instant(at_us, instant.mono_us, instant.boot, heard.trust)
                yield _reading(name, heard.layout, at, dict(heard.values))

    def news(self) -> list[Announcement]:
        """See `Script.news`."""
        # Regular readings lead: the first layout of a batch is what a card shows of the node.
        news, self._news = sorted(self._news, key=lambda one: one.every_us == 0), []
        return news

    def _hear(self, message: Message, now: Instant) -> list[Heard]:
        try:
            news = self._listener.hear(Message(message.topic, message.payload), now)
        except CodecError:
            return []
        return [one for one in news if isinstance(one, Heard)]

    def _announce(self, name: str, heard: Heard) -> None:
        if (name, heard.layout.id) not in self._announced:
            self._announced.add((name, heard.layout.id))
            every_us = self._every_us if heard.regular else 0
            self._news.append(
                Announcement(name, heard.layout, every_us, heard.serial, heard.layout.kind)
            )


def batches(scripts: Sequence[Script], span: Span, boot: bytes) -> Iterator[Batch | None]:
    """A batch for each moment of the span at which one is full, None for the others."""
    waiting: list[Kept] = []
    number = sequence = 0
    for utc_s in span.moments():
        for script in scripts:
            for reading in script.play(utc_s):
                sequence += 1
                waiting.append(Kept(sequence, reading))
        if waiting and (len(waiting) >= READINGS_PER_BATCH or utc_s == span.last):
            number += 1
            news = tuple(one for script in scripts for one in script.news())
            first, last = waiting[0].sequence, waiting[-1].sequence
            yield Batch(boot, number, first, last, tuple(waiting), news)
            waiting = []
        else:
            yield None


def boot_of(span: Span, name: str) -> bytes:
    """A boot of its own for a span, whose sequence begins at 1; the same one when the past of that
    name is made again.
    """
    return hashlib.blake2b(f"{name} {span}".encode(), digest_size=16).digest()


def live_step_s(kind: str) -> int:
    """Seconds between the live readings of a kind."""
    return COUNTING_STEPS_S.get(kind, LIVE_STEP_S)


def remembers(kind: str) -> bool:
    """Whether a twin of this kind has to live through its past before it goes on live."""
    return kind in REMEMBERS


def _instant(utc_s: int, start: int, boot: bytes) -> Instant:
    return Instant(utc_s * 1_000_000, (utc_s - start) * 1_000_000, boot, Trust.SYNCED)


def _reading(name: str, layout: Layout, instant: Instant, values: dict[str, Value]) -> Reading:
    row, _unfit = fit(layout, values)
    return Reading(name, layout, instant, row)
