from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fieldstation.batch.facts import ClockFact, Event, Fact, Hole, Source, State, Tally
from fieldstation.journal import Journal, Reader
from fieldstation.journal import facts as facts_room
from fieldstation.model import Instant, Trust

from .conftest import BOOT, NOW_US, reading

HOLE = Hole(1, "inverter", "status", "silent", BOOT, NOW_US, NOW_US + 9, 3)
CLOCK = ClockFact(BOOT, 1, "kernel", 5, NOW_US, 40, Source.SYSTEM)
EVENT = Event(BOOT, 1, NOW_US, 5, "started", 'a "word"\N{SNOWMAN}')
TALLY = Tally(BOOT, "inverter", 19_675, 12)
NOW = Instant(NOW_US, 7, BOOT, Trust.SYNCED)


def test_facts_come_back_in_the_order_of_their_revisions(opened: Callable[..., Journal]) -> None:
    journal = opened()
    told: list[Fact] = [HOLE, CLOCK, EVENT, TALLY]
    assert [journal.write_fact(fact) for fact in told] == [1, 2, 3, 4]
    journal.close()

    again = opened()
    assert again.revision == 4
    assert again.facts_after(0, 10) == list(enumerate(told, 1))
    assert again.facts_after(1, 2) == [(2, CLOCK), (3, EVENT)]


def test_a_fact_that_says_more_takes_the_place_of_the_earlier(journal: Journal) -> None:
    longer = replace(HOLE, count=4)
    journal.write_fact(HOLE)
    journal.write_fact(EVENT)
    assert journal.write_fact(longer) == 3
    assert journal.write_fact(longer) == 3
    assert journal.facts_after(0, 10) == [(2, EVENT), (3, longer)]
    assert journal.holes() == [longer]


def test_a_damaged_fact_is_skipped_and_counted(journal: Journal, path: Path) -> None:
    for fact in (HOLE, EVENT, TALLY):
        journal.write_fact(fact)
    journal._db.execute("UPDATE fact SET body = replace(body, 'silent', 'silenX')")

    assert journal.facts_after(0, 10) == [(2, EVENT), (3, TALLY)]
    assert journal.holes() == []
    assert journal.write_fact(HOLE) == 4
    journal._db.execute("UPDATE fact SET revision = 9 WHERE revision = 3")
    check = journal.check()
    assert (check.facts, check.damaged_facts, check.good) == (2, 1, False)


def test_a_new_run_closes_the_holes_of_others_and_tells_so(opened: Callable[..., Journal]) -> None:
    journal = opened()
    journal.begin(Instant(NOW_US, 0, BOOT), "kernel")
    journal.write_hole(HOLE)
    journal.begin(Instant(NOW_US, 0, BOOT), "kernel")
    assert journal.holes()[0].open
    before = journal.revision
    journal.begin(Instant(NOW_US, 0, b"n" * 16), "kernel")
    assert journal.facts_after(before, 9) == [(before + 1, replace(HOLE, state=State.LOST))]


def test_the_clock_of_a_run_is_the_best_that_is_known_of_its_machine(journal: Journal) -> None:
    other = b"o" * 16
    journal.begin(Instant(NOW_US, 0, BOOT), "kernel")
    journal.begin(Instant(NOW_US, 0, other), "kernel")
    journal.begin(Instant(NOW_US, 0, b"e" * 16), "earlier")
    journal.begin(Instant(NOW_US, 0, b"u" * 16), "")
    assert journal.clock_of(BOOT) is None
    heard = replace(CLOCK, source=Source.HUB, error_us=1)
    journal.write_fact(heard)
    assert journal.clock_of(other) == heard
    own = replace(CLOCK, number=2, error_us=50)
    journal.write_fact(own)
    journal.write_fact(replace(own, number=3, error_us=60))
    assert journal.clock_of(other) == own
    assert journal.clock_of(b"e" * 16) is None
    assert journal.clock_of(b"u" * 16) is None
    assert journal.boots_of("kernel") == [BOOT, other]
    assert journal.kernel_of(other) == "kernel"
    assert journal.kernel_of(b"?" * 16) == ""


def test_a_fork_has_another_identity_and_says_so(opened: Callable[..., Journal]) -> None:
    journal = opened()
    journal.begin(NOW, "kernel")
    before = journal.identity
    assert len(bytes.fromhex(before)) == 8
    journal.fork()
    forked = journal.identity
    assert forked != before
    (event,) = journal.events()
    assert (event.what, event.boot, before in event.text) == ("restored", BOOT, True)
    journal.close()
    assert opened().identity == forked


def test_events_are_numbered_within_their_run(journal: Journal) -> None:
    numbers = [journal.tell(NOW, "clock_jump", str(step)).number for step in range(3)]
    other = journal.tell(replace(NOW, boot=b"o" * 16), "started", "")
    assert numbers == [1, 2, 3]
    assert other.number == 1
    assert journal.newest_number(Event, BOOT) == 3
    assert journal.events(2) == [other, Event(BOOT, 3, NOW_US, 7, "clock_jump", "2")]


def test_ordinary_tools_see_facts_as_tables(journal: Journal, path: Path) -> None:
    for fact in (HOLE, CLOCK, EVENT, TALLY):
        journal.write_fact(fact)
    db = sqlite3.connect(path)
    row = db.execute("SELECT cause, count, state, boot FROM hole").fetchone()
    assert row == ("silent", 3, "open", BOOT.hex())
    assert db.execute("SELECT stored FROM tally").fetchall() == [(12,)]
    assert db.execute("SELECT utc_us - mono_us FROM clock").fetchall() == [(NOW_US - 5,)]
    assert db.execute("SELECT what FROM event").fetchall() == [("started",)]
    db.close()


def test_the_oldest_facts_go_when_there_are_too_many(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_room, "MOST", 5)
    for number in range(9):
        journal.write_fact(replace(HOLE, number=number))
    journal.append([reading()])
    journal.settle("hub", 1, 1)
    journal.prune(["hub"], now=NOW, keep_us=-(10**9), keep_bytes=10**9)
    assert [fact.number for _, fact in journal.facts_after(0, 99) if isinstance(fact, Hole)] == [
        5, 6, 7, 8,
    ]  # fmt: skip


def test_bytes_that_were_sent_today_survive_a_restart(opened: Callable[..., Journal]) -> None:
    journal = opened()
    journal.note_sent(10, 700)
    journal.note_sent(10, 50)
    journal.note_sent(11, 1)
    assert journal.sent_today(10) == 750
    journal.close()

    again = opened()
    again.note_sent(10, 5)
    assert (again.sent_today(10), again.sent_today(11), again.sent_today(12)) == (755, 1, 0)
    again.note_sent(1000, 1)
    again.flush()
    assert Reader(again.path).sent_today(10) == 0


def test_what_was_sent_is_not_forgotten_when_a_transaction_fails(journal: Journal) -> None:
    def fail() -> None:
        raise KeyError("stop")

    journal.append([reading()])
    journal.note_sent(10, 70)
    journal.settle("hub", 1, 1)
    with pytest.raises(KeyError):
        journal.transact(fail)
    assert journal.sent_today(10) == 70
    assert journal.cursor("hub").settled == 1
    journal.flush()
    assert Reader(journal.path).sent_today(10) == 70
