"""A delay that grows with every failed sign-in, and with every wrong PIN of a gateway.

1. Three sources count, each with its own rule below: the account seen from one address, the
   address, and the account from anywhere. The strictest of the three decides
   (test_ten_thousand_guesses_from_one_address_get_a_handful_of_tries).
2. While a source is closed, attempts are refused unread and do not count; so the person with the
   right password waits no longer than the rule says (test_an_owner_is_never_locked_out_for_long).
3. A source that was quiet for a day starts anew. The counts are in the database: a restart of the
   hub forgives nobody (test_delay_survives_a_restart).
4. Unknown names are treated like known ones.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from fieldstation.hub.accounts.models import LoginFailures

FORGET_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """`free` failures cost nothing; then 1 s, doubling with every further one up to `longest_s`."""

    word: str
    free: int
    longest_s: int

    def delay(self, failures: int) -> timedelta:
        """How long the source is closed after its latest failure."""
        over = min(failures - self.free, 20)
        return timedelta(seconds=min(2 ** (over - 1), self.longest_s) if over > 0 else 0)


PAIR = Rule("pair", free=4, longest_s=900)
ADDRESS = Rule("address", free=20, longest_s=900)
# Short, because strangers can drive it up: the owner must still get in.
ACCOUNT = Rule("account", free=10, longest_s=60)
# PINs of gateways: five attempts from an address, then one at a time.
PIN = Rule("pin", free=4, longest_s=900)
# From everywhere. Short like ACCOUNT; even so a hundred million PINs take thirty years.
PINS = Rule("pins", free=50, longest_s=10)

# Forms that strangers may send: sign-up, password reset, invitations. Every try counts.
FORM = Rule("form", free=10, longest_s=900)

Sources = Sequence[tuple[Rule, str]]


def sources_of(name: str, address: str) -> Sources:
    """The three sources of an attempt on account `name` from `address`."""
    name, network = name.strip().casefold(), _network(address)
    return [
        (PAIR, _digest("pair", name, network)),
        (ADDRESS, _digest("address", network)),
        (ACCOUNT, _digest("account", name)),
    ]


def pin_sources(address: str) -> Sources:
    """The two sources of an attempt with the PIN of a gateway from `address`."""
    return [(PIN, _digest("pin", _network(address))), (PINS, _digest("pins"))]


def form_sources(form: str, address: str) -> Sources:
    """The source of an attempt with a form for strangers from `address`."""
    return [(FORM, _digest("form", form, _network(address)))]


def wait(sources: Sources, now: datetime) -> timedelta:
    """How long the next attempt has to wait; zero or less when it may be made."""
    rows = LoginFailures.objects.filter(source__in=[source for _, source in sources])
    return max((row.closed_until - now for row in rows), default=timedelta())


def failed(sources: Sources, now: datetime) -> None:
    """Count one failure for every source, and drop sources that were quiet for a day."""
    with transaction.atomic():
        LoginFailures.objects.filter(last__lt=now - FORGET_AFTER).delete()
        known = LoginFailures.objects.in_bulk([source for _, source in sources])
        for rule, source in sources:
            count = known[source].count + 1 if source in known else 1
            until = now + rule.delay(count)
            LoginFailures.objects.update_or_create(
                source=source, defaults={"count": count, "last": now, "closed_until": until}
            )


def succeeded(sources: Sources) -> None:
    """Forgive the pair. Address and account are left to fade, else an attacker could reset them by
    signing in to an account of their own.
    """
    pair = [source for rule, source in sources if rule is PAIR]
    LoginFailures.objects.filter(source__in=pair).delete()


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    # One subscriber owns a whole /64 and could change address with every guess.
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
