from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldstation.batch.facts import DAY_US, Hole, State, Tally
from fieldstation.journal import Account, Journal, Reader, open_journal
from fieldstation.journal.tallies import EVERY_US, MOST_ROWS
from fieldstation.model import Instant, Trust

from .conftest import BOOT, NOW_US, reading

OTHER = b"o" * 16
DAY = NOW_US // DAY_US
S_TO_MIDNIGHT = (DAY_US - NOW_US % DAY_US) // 1_000_000


def _tallies(journal: Reader) -> dict[tuple[str, int], int]:
    facts = [fact for _, fact in journal.facts_after(0, 10_000)]
    return {(f.instrument, f.day): f.stored for f in facts if isinstance(f, Tally)}


def _stored(journal: Reader) -> dict[tuple[str, int], int]:
    return {(row.instrument, row.day): row.stored for row in journal.ledger("hub", 0, 99_999)}


def test_readings_are_counted_by_instrument_and_day(opened: Callable[..., Journal]) -> None:
    journal = opened()
    journal.append([reading(0), reading(1), reading(1, instrument="second")])
    journal.append([reading(S_TO_MIDNIGHT - 1), reading(S_TO_MIDNIGHT)])
    counts = {("inverter", DAY): 3, ("inverter", DAY + 1): 1, ("second", DAY): 1}
    assert _tallies(journal) == counts
    journal.append([reading(0)])
    assert _tallies(journal) == counts
    journal.close()

    again = opened()
    counts["inverter", DAY] += 1
    assert _stored(again) == counts
    again.append([reading(0)])
    counts["inverter", DAY] += 1
    assert _tallies(again) == counts
    again.append([reading(9)])
    assert _tallies(again) == counts
    again.append([reading(9 + EVERY_US // 1_000_000)])
    counts["inverter", DAY] += 2
    assert _tallies(again) == counts


def test_many_readings_are_counted_before_ten_minutes_are_over(journal: Journal) -> None:
    for _ in range(MOST_ROWS // 1000):
        journal.append([reading(0)] * 1000)
    assert _tallies(journal) == {("inverter", DAY): MOST_ROWS}


def test_a_transaction_that_fails_counts_nothing(journal: Journal) -> None:
    def works() -> None:
        journal.append([reading(0), reading(EVERY_US)])
        raise KeyError("stop")

    journal.append([reading(0)])
    with pytest.raises(KeyError):
        journal.transact(works)
    journal.append([reading(EVERY_US // 1_000_000)])
    assert _tallies(journal) == {("inverter", DAY): 2}


def test_counts_are_written_before_readings_are_deleted(opened: Callable[..., Journal]) -> None:
    journal = opened()
    journal.append([reading(index) for index in range(7)])
    journal.settle("hub", 1, 5)
    now = reading(10**6).instant
    assert journal.prune(["hub"], now=now, keep_us=1, keep_bytes=10**9) == 5
    journal.close()
    assert _tallies(opened()) == {("inverter", DAY): 7}


WRITER = """
import sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from typing import Any
from fieldstation.journal import open_journal
from conftest import reading
journal, _ = open_journal(Path({path!r}), utc_us=lambda: 1)
for index in range(10_000):
    journal.append([reading(index * 50, instrument=name) for name in "ab"[: 1 + index % 2]])
    print(index, flush=True)
"""


@pytest.mark.slow
def test_tallies_are_exact_however_often_the_writer_is_killed(path: Path) -> None:
    chance = random.Random(os.environ.get("PYTEST_XDIST_WORKER", "0"))
    code = WRITER.format(tests=str(Path(__file__).parent), path=str(path))
    for _ in range(6):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(chance.randrange(1, 300)):
            writer.stdout.readline()
        writer.kill()
        writer.stdout.close()
        writer.wait()

        reader = Reader(path)
        rows = Counter(
            (one.reading.instrument, one.reading.instant.utc_us // DAY_US)
            for one in reader.after(0, 10**6)
        )
        assert _stored(reader) == rows
        reader.close()


def _account(journal: Reader) -> Account:
    (account,) = journal.ledger("hub", DAY, DAY)
    return account


def test_every_due_reading_is_in_the_account_of_its_day(journal: Journal) -> None:
    journal.append([reading(index) for index in range(10)])
    journal.write_hole(Hole(1, "inverter", "", "silent", BOOT, NOW_US, NOW_US + 1, 2, State.LOST))
    journal.write_hole(Hole(2, "inverter", "", "disk_full", BOOT, NOW_US, NOW_US, 1))
    journal.write_hole(Hole(3, "inverter", "", "stopped", BOOT, NOW_US, NOW_US, 1, State.RECOVERED))
    journal.settle("hub", 1, 4)
    journal.quarantine("hub", 5, 5, "refused", "")
    journal.seal("hub", 2)

    found = _account(journal)

    assert (found.due, found.taken, found.stored) == (13, 11, 10)
    assert (found.settled, found.refused, found.waiting, found.forwarded) == (4, 1, 5, 7)
    assert found.failed == {"silent": 2, "disk_full": 1}
    assert found.adds_up
    assert journal.ledger("hub", DAY + 1, DAY + 9) == []


def test_an_account_with_a_tally_that_is_wrong_does_not_add_up(journal: Journal) -> None:
    journal.append([reading(index) for index in range(4)])
    journal.count_in(BOOT, "inverter", DAY, 1)
    assert not _account(journal).adds_up
    journal.count_in(BOOT, "inverter", DAY, -2)
    assert not _account(journal).adds_up
    journal.count_in(BOOT, "inverter", DAY, 1)
    assert _account(journal).adds_up


def test_a_damaged_reading_becomes_a_hole_and_leaves_its_tally(
    opened: Callable[..., Journal],
) -> None:
    journal = opened()
    journal.append([reading(index) for index in range(8)])
    journal._db.execute("UPDATE reading SET body = '[]' WHERE sequence IN (3, 4)")
    journal._db.execute("UPDATE reading SET utc_us = 5 WHERE sequence = 6")
    journal._db.execute("UPDATE reading SET boot = 77 WHERE sequence = 8")
    for _ in range(2):
        assert len(journal.after(0, 99)) == 4
        found = _account(journal)
        assert (found.due, found.stored, found.waiting) == (8, 4, 4)
        assert found.failed == {"damaged": 4}
        assert found.adds_up
    assert [(hole.count, hole.boot) for hole in journal.holes()] == [
        (1, BOOT),
        (1, BOOT),
        (2, BOOT),
    ]
    assert journal.newest_hole == 0
    journal.close()
    assert _account(opened()) == found


def test_a_flipped_bit_in_a_layout_costs_no_reading(opened: Callable[..., Journal]) -> None:
    journal = opened()
    kept = journal.append([reading(0)])
    journal.begin(Instant(NOW_US, 0, BOOT), "kernel")
    journal._db.execute("UPDATE layout SET definition = replace(definition, 'line', 'lije')")
    journal._db.execute("UPDATE stream SET instrument = 'invertor'")
    journal._db.execute("UPDATE boot SET id = replace(id, '00', '01'), kernel = 'kernal'")
    journal.close()

    again = opened()
    assert again.after(0, 9) == kept
    assert again.kernel_of(BOOT) == "kernel"
    assert again.check().notes == (f"layout {kept[0].reading.layout.id}", "stream 1", "boot 1")
    again.begin(Instant(NOW_US, 0, BOOT), "kernel")
    assert again.check().good
    again.close()
    assert opened().after(0, 9) == kept


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["append", "fresh", "backlog", "settle", "refuse", "prune", "restart", "damage"]
        ),
        st.integers(1, 9),
    ),
    max_size=30,
)


@given(steps=STEPS)
@settings(max_examples=40, deadline=None)
def test_the_ledger_adds_up_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "journal.sqlite3"
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    offered: Counter[tuple[str, int]] = Counter()
    step_s = DAY_US // 1_000_000 // 7
    for step, size in steps:
        if step == "append":
            group = [
                reading(journal.last * step_s, instrument="ab"[index % 2]) for index in range(size)
            ]
            journal.append(group)
            offered.update((r.instrument, r.instant.utc_us // DAY_US) for r in group)
        elif step in ("fresh", "backlog"):
            journal.seal("hub", size, fresh=step == "fresh")
        elif journal.cursor("hub").last and step in ("settle", "refuse"):
            cursor = journal.cursor("hub")
            if step == "settle":
                journal.settle("hub", cursor.first, cursor.last)
            else:
                journal.quarantine("hub", cursor.first, cursor.last, "refused", "")
        elif step == "prune":
            now = Instant(NOW_US * 2, 0, BOOT, Trust.SYNCED)
            journal.prune(["hub"], now=now, keep_us=1, keep_bytes=10**9)
        elif step == "restart":
            journal.close()
            journal, _ = open_journal(path, utc_us=lambda: NOW_US)
        elif step == "damage":
            journal._db.execute("UPDATE reading SET body = '[]' WHERE sequence % 11 = ?", (size,))
            journal.after(0, 10_000)
    accounts = journal.ledger("hub", 0, 99_999)
    assert {(row.instrument, row.day): row.due for row in accounts} == offered
    assert all(row.adds_up and row.settled >= 0 for row in accounts)
    assert all(row.stored == row.settled + row.refused + row.waiting for row in accounts)
    waiting = [k for k in journal.after(0, 10_000) if _unsettled(journal, k.sequence)]
    assert sum(row.waiting for row in accounts) == len(waiting)
    journal.close()


def _unsettled(journal: Journal, sequence: int) -> bool:
    return not journal.cursor("hub").ranges.known(sequence, sequence)
