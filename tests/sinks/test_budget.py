"""A day's bytes: counted, spread, and kept for what is new."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.batch.facts import DAY_US
from fieldstation.sinks.budget import Budget

NOON = 20_000 * DAY_US + DAY_US // 2
HALF_DAY_S = DAY_US / 2e6


@dataclass
class Hand:
    """A clock that a test moves."""

    utc_us: int = NOON

    def __call__(self) -> int:
        return self.utc_us


def _learnt(per_day: int, hand: Hand, upload: int = 1000, per_reading: float = 10.0) -> Budget:
    budget = Budget(per_day, hand)
    for _ in range(50):
        budget.uploaded(upload, 1, backlog=False)
        budget.uploaded(int(per_reading * 100), 100, backlog=True)
    return budget


def test_without_a_limit_everything_goes_at_once() -> None:
    budget = Budget(0, Hand())
    budget.spend(10**12)
    assert budget.waits_s == 0
    assert budget.pace_s(10) == 10
    assert budget.report_every_s(60) == 60
    assert budget.backlog_most(10, 5000) == 5000
    assert budget.today == 10**12


def test_a_backlog_takes_only_what_new_readings_will_not_need() -> None:
    # Half a day of uploads of 1000 bytes every 10 s: 4.32 MB, and half of a tenth for reports.
    budget = _learnt(10_000_000, Hand())
    budget.spend(10_000_000 - 4_320_000 - 500_000 - 20_000)
    assert budget.backlog_most(10, 5000) == pytest.approx(2000, abs=2)
    budget.spend(19_500)
    assert budget.backlog_most(10, 5000) == 0
    assert budget.pace_s(10) == pytest.approx(10, rel=0.01)


def test_uploads_become_rarer_before_the_budget_ends() -> None:
    budget = _learnt(1_000_000, Hand())
    # Half of a tenth stays for reports; 450 uploads of 1000 bytes in half a day.
    budget.spend(500_000)
    assert budget.pace_s(10) == pytest.approx(HALF_DAY_S / 450)
    budget.spend(300_000)
    assert budget.pace_s(10) == pytest.approx(HALF_DAY_S / 150)


def test_when_nothing_is_left_it_goes_on_with_the_next_day() -> None:
    hand = Hand()
    budget = _learnt(100_000, hand)
    budget.spend(99_500)
    assert budget.waits_s == pytest.approx(HALF_DAY_S)
    assert budget.goes_on_utc_us == 20_001 * DAY_US
    hand.utc_us = 20_001 * DAY_US
    assert budget.waits_s == 0
    assert budget.goes_on_utc_us == 0
    assert budget.today == 0


def test_reports_become_rarer_under_a_budget() -> None:
    budget = Budget(1_000_000, Hand())
    for _ in range(50):
        budget.reported(800)
    # A tenth of the budget holds 125 reports.
    assert budget.report_every_s(60) == pytest.approx(86_400 / 125, rel=0.01)


def test_what_the_journal_knows_of_the_day_counts() -> None:
    budget = Budget(100_000, Hand())
    budget.spend(10)
    budget.known(20_000, 60_000)
    assert budget.today == 60_010
    budget.known(19_999, 90_000)
    assert budget.today == 60_010
    assert budget.unwritten() == (20_000, 10)
    assert budget.unwritten() == (20_000, 0)


@given(
    per_day=st.integers(20_000, 10**8),
    uploads=st.lists(st.integers(300, 5000), min_size=1, max_size=200),
    every_s=st.floats(1, 600),
)
def test_a_day_never_takes_much_more_than_its_budget(
    per_day: int, uploads: list[int], every_s: float
) -> None:
    """Whatever uploads cost, at most the last one goes over."""
    hand = Hand(20_000 * DAY_US)
    budget = Budget(per_day, hand)
    spent, place = 0, 0
    while not budget.waits_s and hand.utc_us < 20_001 * DAY_US and place < 2000:
        cost = uploads[place % len(uploads)]
        budget.spend(cost)
        budget.uploaded(cost, 10, backlog=False)
        spent += cost
        place += 1
        hand.utc_us += int(budget.pace_s(every_s) * 1e6)
    assert spent <= per_day + max(uploads)
