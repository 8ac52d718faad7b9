from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldstation.batch.facts import Hole
from fieldstation.journal import Journal, open_journal
from fieldstation.model import Instant, Trust

from .conftest import BOOT, NOW_US, reading

DAY_US = 86_400_000_000


def _range(journal: Journal, most: int = 100) -> tuple[int, int, int] | None:
    sealed = journal.seal("hub", most)
    return None if sealed is None else (sealed.number, sealed.first, sealed.last)


def test_a_sealed_batch_is_the_same_after_a_restart(opened: Callable[..., Journal]) -> None:
    first = opened()
    first.append([reading(index) for index in range(5)])
    sealed = first.seal("hub", 3)
    first.append([reading(9)])
    first.close()

    again = opened().seal("hub", 100)
    assert sealed is not None
    assert again is not None
    assert (again.first, again.last, again.number, again.kept) == (1, 3, 1, sealed.kept)


def test_the_next_batch_follows_the_settled_one(opened: Callable[..., Journal]) -> None:
    journal = opened()
    journal.append([reading(index) for index in range(5)])
    assert _range(journal, 3) == (1, 1, 3)
    journal.settle("hub", 1, 3)
    assert _range(journal) == (2, 4, 5)
    journal.settle("hub", 4, 5)
    assert _range(journal) is None
    journal.close()

    assert opened().cursor("hub").settled == 5


def test_a_cursor_that_was_settled_only_in_memory_costs_a_resend_and_no_reading(
    opened: Callable[..., Journal],
) -> None:
    journal = opened()
    journal.append([reading(0)])
    assert _range(journal) == (1, 1, 1)
    journal.settle("hub", 1, 1)
    other = opened()
    assert _range(other) == (1, 1, 1)


def test_a_batch_never_crosses_a_boot(journal: Journal) -> None:
    journal.append([reading(0), reading(1), reading(0, boot=b"b" * 16)])
    assert _range(journal) == (1, 1, 2)
    journal.settle("hub", 1, 2)
    sealed = journal.seal("hub", 10)
    assert sealed is not None
    assert (sealed.boot, sealed.number, sealed.first, sealed.last) == (b"b" * 16, 2, 3, 3)


def test_sinks_do_not_wait_for_one_another(journal: Journal) -> None:
    journal.append([reading(index) for index in range(4)])
    journal.settle("database", 1, 4)
    assert journal.cursor("hub").settled == 0
    assert _range(journal) == (1, 1, 4)


def test_a_batch_that_is_too_large_is_cut_and_keeps_its_number(
    opened: Callable[..., Journal],
) -> None:
    journal = opened()
    journal.append([reading(index) for index in range(8)])
    journal.seal("hub", 8)
    shorter = journal.shorten("hub", 4)
    assert shorter is not None
    assert (shorter.number, shorter.first, shorter.last, len(shorter.kept)) == (1, 1, 4, 4)
    journal.close()
    assert _range(opened()) == (1, 1, 4)


def test_a_damaged_cursor_starts_again_from_zero(opened: Callable[..., Journal]) -> None:
    journal = opened()
    journal.append([reading(index) for index in range(3)])
    journal.settle("hub", 1, 1)
    journal.flush()
    journal._db.execute("UPDATE sink SET settled = 3")
    journal.close()
    assert _range(opened()) == (1, 1, 3)


def test_a_refused_batch_is_noted_and_the_next_one_goes(opened: Callable[..., Journal]) -> None:
    journal = opened()
    journal.append([reading(index) for index in range(4)])
    journal.seal("hub", 2)
    journal.quarantine("hub", 1, 2, "contradiction", "differs from what was sent before")
    assert _range(journal) == (2, 3, 4)
    journal.close()
    entry = opened().quarantined()[0]
    assert (entry.sink, entry.first, entry.last, entry.code) == ("hub", 1, 2, "contradiction")
    assert entry.found_utc_us == NOW_US


def test_a_hub_that_lost_readings_gets_them_again(journal: Journal) -> None:
    journal.append([reading(index) for index in range(6)])
    journal.settle("hub", 1, 6)
    assert not journal.resend("hub", BOOT, 7, 9)
    assert not journal.resend("hub", b"another boot", 2, 3)
    assert journal.resend("hub", BOOT, 2, 3)
    assert journal.unsettled("hub") == [(2, 3)]
    assert journal.backlog("hub") == 2
    assert _range(journal) == (1, 2, 3)


def _now(days: float, trust: Trust = Trust.SYNCED) -> Instant:
    return Instant(NOW_US + int(days * DAY_US), 0, BOOT, trust)


def _prune(journal: Journal, now: Instant, keep_bytes: int = 10**9) -> int:
    return journal.prune(["hub"], now=now, keep_us=90 * DAY_US, keep_bytes=keep_bytes)


def test_only_settled_readings_are_pruned(journal: Journal) -> None:
    journal.append([reading(index) for index in range(10)])
    assert _prune(journal, _now(91)) == 0
    journal.settle("hub", 1, 4)
    assert _prune(journal, _now(91)) == 4
    assert [kept.sequence for kept in journal.after(0, 100)] == [5, 6, 7, 8, 9, 10]


def test_nothing_is_pruned_by_age_while_the_clock_is_not_trusted(journal: Journal) -> None:
    journal.append([reading(0, trust=Trust.UNSYNCED), reading(1)])
    journal.settle("hub", 1, 2)
    assert _prune(journal, _now(40_000, Trust.UNSYNCED)) == 0
    assert _prune(journal, _now(89)) == 0
    assert _prune(journal, _now(91)) == 2


def test_a_reading_with_an_untrusted_time_never_expires_by_it(journal: Journal) -> None:
    journal.append([reading(0, trust=Trust.UNSYNCED)])
    journal.settle("hub", 1, 1)
    assert _prune(journal, _now(40_000)) == 0


def test_a_journal_over_its_size_drops_the_oldest_settled_readings(journal: Journal) -> None:
    journal.append([reading(index) for index in range(3000)])
    journal.settle("hub", 1, 2500)
    assert _prune(journal, _now(0), keep_bytes=200_000) == 2000
    assert _prune(journal, _now(0), keep_bytes=200_000) == 0
    assert journal.after(0, 1)[0].sequence == 2001
    assert journal.size_bytes < 200_000


STEPS = st.sampled_from(["append", "seal", "settle", "prune", "restart"])


@given(steps=st.lists(STEPS, max_size=25))
@settings(max_examples=25, deadline=None)
def test_whatever_happens_the_sink_sees_every_reading_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    path = tmp_path_factory.mktemp("model") / "journal.sqlite3"
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    delivered: list[int] = []
    for step in [*steps, "seal", "settle", "seal", "settle"]:
        if step == "append":
            journal.append([reading(index) for index in range(3)])
        elif step == "seal":
            journal.seal("hub", 4)
        elif step == "settle" and journal.cursor("hub").last:
            sealed = journal.seal("hub", 4)
            assert sealed is not None
            delivered += [kept.sequence for kept in sealed.kept]
            journal.settle("hub", sealed.first, sealed.last)
        elif step == "prune":
            _prune(journal, _now(1000))
        elif step == "restart":
            journal.close()
            journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    unsent = [kept.sequence for kept in journal.after(journal.cursor("hub").settled, 1000)]
    assert delivered + unsent == list(range(1, journal.last + 1))
    journal.close()


def test_holes_are_written_widened_and_closed(opened: Callable[..., Journal]) -> None:
    journal = opened()
    assert journal.newest_hole == 0
    journal.write_hole(Hole(1, "inverter", "status", "silent", BOOT, 100, 200, 2))
    wider = Hole(1, "inverter", "status", "silent", BOOT, 100, 900, 9)
    journal.write_hole(wider)
    assert journal.holes() == [wider]
    assert journal.newest_hole == 1
    journal.close()

    later = opened()
    later.begin(Instant(NOW_US, 0, b"n" * 16), "kernel-boot-id")
    assert [(h.open, h.count) for h in later.holes()] == [(False, 9)]


def test_a_journal_that_replaces_another_starts_its_sinks_where_it_starts(
    opened: Callable[..., Journal],
) -> None:
    journal = opened(floor=70)
    journal.append([reading()])
    assert _range(journal) == (1, 71, 71)
    journal.close()
    again = opened()
    assert again.cursor("database").settled == 70
    assert again.last == 71


def test_the_journal_lives_beside_its_log(journal: Journal, path: Path) -> None:
    journal.append([reading()])
    assert path.with_name(path.name + "-wal").exists()
