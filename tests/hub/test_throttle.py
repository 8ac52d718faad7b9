"""The growing delay, in virtual time against the real database."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

START = datetime(2032, 5, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _database(hub: Any) -> None:
    """These tests need no request, only the hub's tables."""


def guess(account: str, address: str, now: datetime) -> bool:
    """One wrong attempt; True when it was looked at."""
    from fieldstation.hub.accounts import throttle

    sources = throttle.sources_of(account, address)
    if throttle.wait(sources, now) > timedelta():
        return False
    throttle.failed(sources, now)
    return True


@pytest.fixture
def somebody() -> str:
    return f"somebody-{secrets.token_hex(6)}"


def address() -> str:
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


@pytest.mark.slow
def test_ten_thousand_guesses_from_one_address_get_a_handful_of_tries(somebody: str) -> None:
    where = address()
    tried = sum(guess(somebody, where, START + timedelta(seconds=s)) for s in range(10_000))
    assert 15 <= tried <= 30


def test_many_addresses_against_one_account_are_slowed_to_one_a_minute(somebody: str) -> None:
    tried = sum(guess(somebody, address(), START + timedelta(seconds=s)) for s in range(900))
    assert tried <= 40


def test_one_address_against_many_accounts_is_slowed(somebody: str) -> None:
    where = address()
    names = (f"{somebody}{number}" for number in range(400))
    tried = [guess(one, where, START + timedelta(seconds=s)) for s, one in enumerate(names)]
    assert sum(tried) <= 32


def test_an_owner_is_never_locked_out_for_long(somebody: str) -> None:
    from fieldstation.hub.accounts import throttle

    for second in range(0, 36_000, 61):
        guess(somebody, address(), START + timedelta(seconds=second))
    now = START + timedelta(seconds=36_000)
    wait = throttle.wait(throttle.sources_of(somebody, address()), now)
    assert wait <= timedelta(seconds=throttle.ACCOUNT.longest_s)


def test_neighbours_in_one_network_count_as_one(somebody: str) -> None:
    tries = [guess(somebody, f"2001:db8:77:{1}::{n:x}", START) for n in range(1, 9)]
    assert tries.count(False) == 3


def test_a_quiet_day_forgives(somebody: str) -> None:
    where = address()
    for second in range(100):
        guess(somebody, where, START + timedelta(seconds=second))
    later = START + timedelta(days=1, seconds=200)
    assert [guess(somebody, where, later) for _ in range(4)] == [True] * 4


def test_delay_survives_a_restart(somebody: str) -> None:
    from django.db import connections

    from fieldstation.hub.accounts import throttle

    where = address()
    while guess(somebody, where, START):
        pass
    connections.close_all()
    assert throttle.wait(throttle.sources_of(somebody, where), START) == timedelta(seconds=1)


def test_signing_in_forgives_the_pair_but_not_the_address(somebody: str) -> None:
    from fieldstation.hub.accounts import throttle

    where = address()
    for number in range(30):
        guess(f"{somebody}{number}", where, START)
    sources = throttle.sources_of(f"{somebody}0", where)
    throttle.succeeded(sources)
    assert throttle.wait(sources, START) > timedelta()


def test_typed_names_are_not_kept_in_the_clear(somebody: str) -> None:
    from fieldstation.hub.accounts.models import LoginFailures

    guess(somebody, address(), START)
    rows = LoginFailures.objects.values_list("source", flat=True)
    assert not any(somebody in source for source in rows)
