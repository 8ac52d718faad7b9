"""One sink of a journal against a model that is a handful of sets, in any order of events."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fieldstation.journal import Journal, Sealed, open_journal
from fieldstation.model import Instant, Kept, Trust

from .conftest import BOOT, NOW_US, reading

SINK = "hub"
BOOTS = [bytes([number]) * 16 for number in range(1, 4)]


class Delivery(RuleBasedStateMachine):
    """`arrived` is what the sink really has, `told` what the journal was told of that."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.journal = self.opened()
        self.owner: dict[int, bytes] = {}
        self.arrived: set[int] = set()
        self.told: set[int] = set()
        self.given_up: set[int] = set()
        self.sealed: Sealed | None = None
        self.boot = 0

    def opened(self) -> Journal:
        journal, aside = open_journal(self.folder / "journal.sqlite3", utc_us=lambda: NOW_US)
        assert aside is None
        return journal

    def teardown(self) -> None:
        self.drain()
        self.journal.close()
        shutil.rmtree(self.folder)

    @rule(count=st.integers(1, 9), synced=st.booleans())
    def append(self, count: int, synced: bool) -> None:
        boot, trust = BOOTS[self.boot], Trust.SYNCED if synced else Trust.UNSYNCED
        for kept in self.journal.append([reading(boot=boot, trust=trust) for _ in range(count)]):
            self.owner[kept.sequence] = boot

    @precondition(lambda self: self.boot + 1 < len(BOOTS))
    @rule()
    def next_run(self) -> None:
        self.boot += 1

    @rule(most=st.integers(1, 12), fresh=st.booleans(), held=st.booleans())
    def seal(self, most: int, fresh: bool, held: bool) -> None:
        def ready(kept: Kept) -> bool:
            return not held or kept.reading.instant.trust is Trust.SYNCED

        before = self.sealed
        self.sealed = self.journal.seal(SINK, most, fresh=fresh, ready=ready)
        if before is not None:
            assert self.sealed == before
        elif self.sealed is not None:
            numbers = {kept.sequence for kept in self.sealed.kept}
            assert len(numbers) <= most
            assert not numbers & self.told
            assert {self.owner[number] for number in numbers} == {self.sealed.boot}
            assert all(map(ready, self.sealed.kept))

    @precondition(lambda self: self.sealed is not None)
    @rule(reply_is_lost=st.booleans())
    def deliver(self, reply_is_lost: bool) -> None:
        assert self.sealed is not None
        numbers = {kept.sequence for kept in self.sealed.kept}
        self.arrived |= numbers
        if not reply_is_lost:
            self.journal.settle(SINK, self.sealed.first, self.sealed.last)
            self.told |= numbers
            self.sealed = None

    @precondition(lambda self: self.sealed is not None)
    @rule()
    def shorten(self) -> None:
        assert self.sealed is not None
        middle = (self.sealed.first + self.sealed.last) // 2
        self.sealed = self.journal.shorten(SINK, middle)

    @precondition(lambda self: self.sealed is not None)
    @rule()
    def refuse(self) -> None:
        assert self.sealed is not None
        self.journal.quarantine(SINK, self.sealed.first, self.sealed.last, "refused", "")
        numbers = {kept.sequence for kept in self.sealed.kept}
        self.told |= numbers
        self.given_up |= numbers
        self.sealed = None

    @rule(first=st.integers(1, 40), count=st.integers(1, 9), boot=st.sampled_from(BOOTS))
    def the_sink_loses(self, first: int, count: int, boot: bytes) -> None:
        span = set(range(first, first + count))
        here = {kept.sequence for kept in self.journal.after(0, 10_000)}
        again = {n for n in span & here if self.owner[n] == boot} - self.given_up
        assert self.journal.resend(SINK, boot, first, first + count - 1) == bool(again & self.told)
        self.arrived -= again
        self.told -= again

    @rule()
    def prune(self) -> None:
        far = Instant(NOW_US * 2, 0, BOOT, Trust.SYNCED)
        before = {kept.sequence for kept in self.journal.after(0, 10_000)}
        self.journal.prune([SINK], now=far, keep_us=1, keep_bytes=0)
        after = {kept.sequence for kept in self.journal.after(0, 10_000)}
        assert before - after <= self.told

    @rule(politely=st.booleans())
    def start_again(self, politely: bool) -> None:
        if politely:
            self.journal.close()
        else:  # as after a kill: what was settled in memory only is forgotten
            self.journal.release()
        self.journal = self.opened()
        if not politely:
            cursor = self.journal.cursor(SINK).ranges
            forgotten = {n for n in self.told if not cursor.known(n, n)}
            assert not forgotten & self.given_up
            self.told -= forgotten
        self.sealed = self.journal.seal(SINK, 1) if self.journal.cursor(SINK).last else None

    @invariant()
    def what_is_settled_was_settled(self) -> None:
        ranges = self.journal.cursor(SINK).ranges
        for number in self.owner:
            assert bool(ranges.known(number, number)) == (number in self.told)

    def drain(self) -> None:
        """Everything that was appended is delivered at least once."""
        while (sealed := self.journal.seal(SINK, 7)) is not None:
            self.arrived |= {kept.sequence for kept in sealed.kept}
            self.journal.settle(SINK, sealed.first, sealed.last)
        assert self.arrived | self.given_up == set(self.owner)


Delivery.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestDelivery = Delivery.TestCase
