"""The growing delay, in virtual time against the real database."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
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


def guesses_in(span_s: int, account: str, addresses: list[str], every_s: int = 1) -> int:
    """How many of the guesses of this time were looked at, each from the next of the addresses."""
    from fieldstation.hub.accounts import throttle

    tried = second = 0
    while second < span_s:
        where = addresses[second // every_s % len(addresses)]
        sources, now = throttle.sources_of(account, where), START + timedelta(seconds=second)
        wait_s = throttle.admit(sources, now)
        tried += not wait_s
        # Whoever guesses while closed is not counted; so nothing happens until it opens.
        second += max(every_s, wait_s if len(addresses) == 1 else every_s)
    return tried


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
    throttle.succeeded(sources, START + timedelta(milliseconds=1))
    assert throttle.wait(sources, START) > timedelta()


def test_typed_names_are_not_kept_in_the_clear(somebody: str) -> None:
    from fieldstation.hub.accounts.models import LoginFailures

    guess(somebody, address(), START)
    rows = LoginFailures.objects.values_list("source", flat=True)
    assert not any(somebody in source for source in rows)


def test_one_address_gets_a_hundred_and_fifty_guesses_a_day(somebody: str) -> None:
    assert guesses_in(86_400, somebody, [address()]) <= 150


def test_a_network_of_machines_gets_no_more_than_one_guess_a_minute(somebody: str) -> None:
    """Against one account: 1,440 a day, and some before the delay has grown."""
    assert guesses_in(3_600, somebody, [address() for _ in range(500)], every_s=31) <= 80


def test_guesses_side_by_side_gain_nothing(somebody: str) -> None:
    from django.db import connections

    from fieldstation.hub.accounts import throttle

    sources, together = throttle.sources_of(somebody, address()), threading.Barrier(12)

    def attempt(_: int) -> bool:
        together.wait()
        try:
            return throttle.admit(sources, START) == 0
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as guessers:
        assert sum(guessers.map(attempt, range(12))) == throttle.PAIR.free + 1


def test_a_right_password_takes_back_what_it_counted(somebody: str) -> None:
    from fieldstation.hub.accounts import throttle

    where = address()
    for second in range(200):
        sources, now = throttle.sources_of(somebody, where), START + timedelta(seconds=second)
        assert throttle.admit(sources, now) == 0
        throttle.succeeded(sources, now)


def test_ones_own_account_opens_no_address_that_is_closed(somebody: str) -> None:
    """Signing in to an account of one's own between the guesses buys no guess."""
    from fieldstation.hub.accounts import throttle

    where, guesses = address(), 0
    for second in range(2_000):
        now = START + timedelta(seconds=second)
        own = throttle.sources_of(f"{somebody}-own", where)
        if throttle.admit(own, now) == 0:
            throttle.succeeded(own, now)
        guesses += guess(f"{somebody}{second}", where, now)
    assert guesses <= 32


def test_a_known_device_gets_in_while_strangers_hammer(somebody: str) -> None:
    from fieldstation.hub.accounts import throttle

    for second in range(300):
        guess(somebody, address(), START + timedelta(seconds=second))
    now, device = START + timedelta(seconds=299), secrets.token_hex(8)
    assert throttle.admit(throttle.sources_of(somebody, address()), now) > 0
    own = throttle.sources_of(somebody, address(), device)
    assert throttle.admit(own, now) == 0
    throttle.succeeded(own, now)
    tries = [guess_on(device, somebody, now) for _ in range(20)]
    assert sum(tries) == throttle.DEVICE.free + 1


def guess_on(device: str, account: str, now: datetime) -> bool:
    """One wrong attempt in a browser whose cookie a thief has."""
    from fieldstation.hub.accounts import throttle

    return throttle.admit(throttle.sources_of(account, address(), device), now) == 0


def test_a_million_sources_are_not_kept(monkeypatch: pytest.MonkeyPatch, somebody: str) -> None:
    from fieldstation.hub.accounts import throttle
    from fieldstation.hub.accounts.models import LoginFailures

    already = LoginFailures.objects.count()
    monkeypatch.setattr(throttle, "MOST_SOURCES", already + 100)
    monkeypatch.setattr(throttle, "LOOK_EVERY", 4)
    later = START + timedelta(days=400)
    for number in range(120):
        throttle.failed(throttle.sources_of(f"{somebody}{number}", address()), later)
    assert LoginFailures.objects.count() <= already + 120


def test_a_name_in_another_case_is_the_same_account(somebody: str) -> None:
    from fieldstation.hub.accounts import throttle

    where = address()
    one, other = (throttle.sources_of(name, where) for name in (somebody, f" {somebody.upper()} "))
    assert one == other


def mails_of_a_day(sources: Any) -> int:
    """How many mails pass in a day when one is asked for every minute."""
    from fieldstation.hub.accounts import throttle

    minutes = (START + timedelta(minutes=minute) for minute in range(1_440))
    return sum(throttle.admit(sources, now) == 0 for now in minutes)


def test_no_address_is_flooded_with_mails(somebody: str) -> None:
    from fieldstation.hub.accounts import throttle

    assert 5 <= mails_of_a_day(throttle.letter_sources(f"{somebody}@example.org")) <= 16


def test_nobody_sends_more_than_thirty_mails_a_day_and_no_site_more_than_sixty() -> None:
    from fieldstation.hub.accounts import throttle

    site, number = secrets.token_hex(8), secrets.randbelow(1 << 40)
    assert mails_of_a_day(throttle.sender_sources(number)) == 30
    passed = [mails_of_a_day(throttle.sender_sources(number + n, site)) for n in range(1, 5)]
    assert (passed[0], sum(passed)) == (30, 60)


def test_a_mail_too_many_is_held_and_the_answer_is_the_same(
    hub: Any, anyone: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    from fieldstation.hub import runtime
    from fieldstation.hub.accounts import mail

    to = f"{name}@example.org"
    sent = [mail.send(to, "x", "test") for _ in range(12)]
    assert sent == [True] * 6 + [False] * 6
    assert "mail=held" in caplog.text
    assert to not in caplog.text
    path = "/password/forgotten"
    token = hub.token(anyone, path)
    form = {"name": name, "csrfmiddlewaretoken": token}
    assert anyone.post(path, data=form).status_code in (200, 429)
    runtime.running().outbox.settle(20)
