from __future__ import annotations

from collections.abc import Callable

from fieldstation.journal import Journal, Sealed
from fieldstation.journal.cursors import MOST_ISLANDS
from fieldstation.model import Kept, Trust

from .conftest import BOOT, reading

OTHER, THIRD = b"o" * 16, b"t" * 16


def _sent(journal: Journal, most: int = 10, *, fresh: bool = False) -> tuple[int, int]:
    """Seals, settles, and tells the range."""
    sealed = journal.seal("hub", most, fresh=fresh)
    assert sealed is not None
    journal.settle("hub", sealed.first, sealed.last)
    return sealed.first, sealed.last


def _synced(kept: Kept) -> bool:
    return kept.reading.instant.trust is Trust.SYNCED


def _span(sealed: Sealed | None) -> tuple[bytes, int, int] | None:
    return None if sealed is None else (sealed.boot, sealed.first, sealed.last)


def test_the_newest_go_first_and_the_rest_follows_from_the_oldest_on(
    opened: Callable[..., Journal],
) -> None:
    journal = opened()
    journal.append([reading(index) for index in range(20)])
    assert _sent(journal, 5, fresh=True) == (16, 20)
    assert _sent(journal, 6) == (1, 6)
    journal.append([reading(index) for index in range(2)])
    assert journal.backlog("hub") == 11
    assert _sent(journal, 5, fresh=True) == (21, 22)
    assert journal.cursor("hub").islands == ((16, 22),)
    assert journal.seal("hub", 5, fresh=True) is None
    journal.close()

    again = opened()
    assert again.unsettled("hub") == [(7, 15)]
    assert _sent(again, 5) == (7, 11)
    assert _sent(again, 99) == (12, 15)
    assert again.cursor("hub").settled == 22
    assert again.cursor("hub").islands == ()
    assert again.seal("hub", 5, fresh=True) is None
    assert again.seal("hub", 5) is None


def test_the_newest_are_of_the_newest_run(journal: Journal) -> None:
    journal.append([reading(0), reading(1), reading(2, boot=OTHER), reading(3, boot=OTHER)])
    assert _sent(journal, 10, fresh=True) == (3, 4)
    assert journal.seal("hub", 10, fresh=True) is None
    assert _sent(journal, 10) == (1, 2)
    assert journal.cursor("hub").settled == 4


def test_a_batch_of_the_newest_is_the_same_after_a_restart(opened: Callable[..., Journal]) -> None:
    journal = opened()
    journal.append([reading(index) for index in range(9)])
    sealed = journal.seal("hub", 3, fresh=True)
    journal.append([reading(9)])
    journal.close()
    again = opened()
    assert again.seal("hub", 99) == sealed
    assert again.seal("hub", 99, fresh=True) == sealed


def test_a_run_that_is_not_ready_keeps_back_no_other(journal: Journal) -> None:
    unsynced = [reading(index, boot=OTHER, trust=Trust.UNSYNCED) for index in range(3)]
    later = [reading(7, boot=OTHER), reading(8, boot=THIRD)]
    journal.append([reading(0), *unsynced, *later])

    assert _span(journal.seal("hub", 10, ready=_synced)) == (BOOT, 1, 1)
    journal.settle("hub", 1, 1)
    assert _span(journal.seal("hub", 10, ready=_synced)) == (THIRD, 6, 6)
    journal.settle("hub", 6, 6)
    assert journal.seal("hub", 10, ready=_synced) is None
    assert journal.unsettled("hub") == [(2, 5)]
    assert _span(journal.seal("hub", 10)) == (OTHER, 2, 5)


def test_the_newest_wait_when_they_are_not_ready(journal: Journal) -> None:
    journal.append([reading(0), reading(1, trust=Trust.UNSYNCED), reading(2)])
    assert _span(journal.seal("hub", 10, fresh=True, ready=_synced)) == (BOOT, 3, 3)
    journal.settle("hub", 3, 3)
    assert journal.seal("hub", 10, fresh=True, ready=_synced) is None
    assert _span(journal.seal("hub", 10, ready=_synced)) == (BOOT, 1, 1)


def test_islands_are_limited_and_sealing_goes_on_in_order(journal: Journal) -> None:
    for _ in range(MOST_ISLANDS):
        journal.append([reading(0), reading(1)])
        assert _sent(journal, 1, fresh=True)[1] == journal.last
    assert len(journal.cursor("hub").islands) == MOST_ISLANDS
    journal.append([reading(0), reading(1)])
    assert _sent(journal, 1, fresh=True) == (1, 1)
    assert _sent(journal, 1, fresh=True) == (journal.last, journal.last)


def test_what_is_sent_again_is_limited_to_what_is_here_and_was_not_given_up(
    journal: Journal,
) -> None:
    journal.append([reading(index) for index in range(6)])
    journal.append([reading(index, boot=OTHER) for index in range(4)])
    journal.settle("hub", 1, 10)
    journal.quarantine("hub", 4, 4, "refused", "")
    assert journal.resend("hub", BOOT, 3, 9)
    assert journal.unsettled("hub") == [(3, 3), (5, 6)]
    assert not journal.resend("hub", BOOT, 4, 4)
    assert not journal.resend("hub", OTHER, 11, 20)
    assert journal.resend("hub", OTHER, 10, 20)
    assert _sent(journal) == (3, 3)
    assert _sent(journal) == (5, 6)
    assert _sent(journal) == (10, 10)


def test_more_is_sent_again_only_when_the_cursor_has_room(journal: Journal) -> None:
    journal.append([reading(index) for index in range(200)])
    journal.settle("hub", 1, 200)
    asked = [journal.resend("hub", BOOT, number, number) for number in range(2, 200, 2)]
    assert asked == [number < MOST_ISLANDS for number in range(len(asked))]
    while journal.seal("hub", 10) is not None:
        _sent(journal)
    assert journal.resend("hub", BOOT, 150, 150)


def test_numbers_that_belong_to_nothing_are_passed_over(journal: Journal) -> None:
    journal.append([reading(index) for index in range(9)])
    journal.settle("hub", 1, 9)
    journal._db.execute("DELETE FROM reading WHERE sequence BETWEEN 3 AND 5")
    cursor = journal.cursor("hub")
    ranges = cursor.ranges
    ranges.remove(4, 5)
    ranges.remove(8, 8)
    journal._cursors.put(cursor.having(ranges))
    assert _sent(journal) == (8, 8)
    assert journal.unsettled("hub") == []


def test_settled_spans_tell_runs_newest_first_without_what_was_given_up(journal: Journal) -> None:
    journal.append([reading(index) for index in range(5)])
    journal.append([reading(index, boot=OTHER) for index in range(5)])
    journal.append([reading(index, boot=THIRD) for index in range(2)])
    journal.settle("hub", 1, 9)
    journal.settle("hub", 12, 12)
    journal.quarantine("hub", 7, 7, "refused", "")
    spans = [(THIRD, 12, 12), (OTHER, 8, 9), (OTHER, 6, 6), (BOOT, 1, 5)]
    assert journal.settled_spans("hub", 10) == spans
    assert journal.settled_spans("hub", 2) == spans[:2]
    assert journal.settled_spans("nobody", 10) == []
    now = reading(10_000_000).instant
    assert journal.prune(["hub"], now=now, keep_us=1, keep_bytes=10**9) == 9
    assert journal.settled_spans("hub", 10) == spans[:1]


def test_runs_are_found_again_by_leaps(opened: Callable[..., Journal]) -> None:
    journal = opened()
    boots = [bytes([number]) * 16 for number in range(1, 12)]
    for number, boot in enumerate(boots):
        journal.append([reading(index, boot=boot) for index in range(number * 3 + 1)])
    journal.settle("hub", 1, journal.last)
    spans = journal.settled_spans("hub", 99)
    journal.close()
    again = opened()
    assert again.settled_spans("hub", 99) == spans
    assert [boot for boot, _, _ in spans] == boots[::-1]
    assert all(last - first == place * 3 for place, (_, first, last) in enumerate(spans[::-1]))


def test_the_oldest_that_waits_is_told(journal: Journal) -> None:
    assert journal.oldest_utc_us("hub") == 0
    journal.append([reading(index) for index in range(3)])
    journal.settle("hub", 1, 1)
    assert journal.oldest_utc_us("hub") == reading(1).instant.utc_us


def test_what_arrived_otherwise_leaves_the_batch_in_flight(journal: Journal) -> None:
    journal.append([reading(index) for index in range(9)])
    sealed = journal.seal("hub", 3)
    journal.settle("hub", 5, 9)
    assert journal.seal("hub", 9) == sealed
    journal.settle("hub", 1, 3)
    assert _sent(journal) == (4, 4)
