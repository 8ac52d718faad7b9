"""A delay that grows with every failed sign-in, and with every wrong PIN of a gateway; and how many
mails strangers and members may cause.

1. Three sources count, each with its own rule below: the account seen from one address, the
   address, and the account from anywhere. The strictest of the three decides
   (test_ten_thousand_guesses_from_one_address_get_a_handful_of_tries).
2. While a source is closed, attempts are refused unread and do not count; so the person with the
   right password waits no longer than the rule says (test_an_owner_is_never_locked_out_for_long).
3. An attempt counts as failed before it is looked at, and a right one is taken back: attempts side
   by side gain nothing (test_guesses_side_by_side_gain_nothing).
4. A browser in which the person has signed in before is a source of its own and the only one for
   its attempts, so nobody elsewhere can keep them out
   (test_a_known_device_gets_in_while_strangers_hammer).
5. A source that was quiet for a day starts anew. The counts are in the database: a restart of the
   hub forgives nobody (test_delay_survives_a_restart). The database keeps `MOST_SOURCES` at most;
   the ones longest unheard go first (test_a_million_sources_are_not_kept).
6. Unknown names are treated like known ones.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from fieldstation.hub.accounts.models import LoginFailures

FORGET_AFTER = timedelta(days=1)
# Some 20 MB; a hub with that many is under attack by a network of machines.
MOST_SOURCES = 100_000
# Searching for what is too much takes longer than a sign-in.
LOOK_EVERY = 256
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Rule:
    """`free` failures cost nothing; then `first_s`, doubling with every further one up to
    `longest_s`.
    """

    word: str
    free: int
    longest_s: int
    first_s: int = 1

    def delay(self, failures: int) -> timedelta:
        """How long the source is closed after its latest failure."""
        over = min(failures - self.free, 20)
        longest = min(self.first_s * 2 ** (over - 1), self.longest_s)
        return timedelta(seconds=longest if over > 0 else 0)


def a_day(word: str, most: int) -> Rule:
    """A rule that lets `most` pass and then nothing for a day; never more within any 24 hours."""
    return Rule(word, free=most - 1, longest_s=DAY_S, first_s=DAY_S)


PAIR = Rule("pair", free=4, longest_s=900)
ADDRESS = Rule("address", free=20, longest_s=900)
# Short, because strangers can drive it up: the owner must still get in.
ACCOUNT = Rule("account", free=10, longest_s=60)
DEVICE = Rule("device", free=4, longest_s=900)
# PINs of gateways: five attempts from an address, then one at a time.
PIN = Rule("pin", free=4, longest_s=900)
# From everywhere. Short like ACCOUNT; even so a hundred million PINs take thirty years.
PINS = Rule("pins", free=50, longest_s=10)

# Forms that strangers may send: sign-up, password reset, invitations. Every try counts.
FORM = Rule("form", free=10, longest_s=900)

# Mails of whatever kind to one address: some fourteen a day, so that nobody can flood it, and never
# more than four hours to wait, so that nobody can keep its owner from a new password.
LETTERS = Rule("letters", free=5, longest_s=14_400, first_s=600)
# Mails that one person, or one site, may have sent to addresses of their choice.
SENDER = a_day("sender", 30)
SITE = a_day("site", 60)

Sources = Sequence[tuple[Rule, str]]


def sources_of(name: str, address: str, device: str = "") -> Sources:
    """The sources of an attempt on account `name` from `address`; `device` is what a browser that
    is known to the account calls itself.
    """
    if device:
        return [(DEVICE, _digest("device", device))]
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


def letter_sources(to: str) -> Sources:
    """The source of a mail to this address."""
    return [(LETTERS, _digest("letters", to.strip().casefold()))]


def sender_sources(user: int, site: str = "") -> Sources:
    """The sources of a mail that this account has sent to somebody, for a site or none."""
    person = (SENDER, _digest("sender", str(user)))
    return [person, (SITE, _digest("site", site))] if site else [person]


def wait(sources: Sources, now: datetime) -> timedelta:
    """How long the next attempt has to wait; zero or less when it may be made."""
    rows = LoginFailures.objects.filter(source__in=[source for _, source in sources])
    return max((row.closed_until - now for row in rows), default=timedelta())


def failed(sources: Sources, now: datetime) -> None:
    """Count one failure for every source, and drop sources that were quiet for a day."""
    with transaction.atomic():
        drop_quiet(now)
        known = LoginFailures.objects.in_bulk([source for _, source in sources])
        for rule, source in sources:
            count = known[source].count + 1 if source in known else 1
            until = now + rule.delay(count)
            LoginFailures.objects.update_or_create(
                source=source, defaults={"count": count, "last": now, "closed_until": until}
            )
            if source not in known and int(source[:4], 16) % LOOK_EVERY == 0:
                _drop_oldest()


def admit(sources: Sources, now: datetime) -> int:
    """Whole seconds that this attempt has to wait; 0 lets it pass and counts it as failed until
    `succeeded` takes it back. Looking and counting are one.
    """
    with transaction.atomic():
        seconds = max(0, math.ceil(wait(sources, now).total_seconds()))
        if not seconds:
            failed(sources, now)
    return seconds


def succeeded(sources: Sources, now: datetime) -> None:
    """Forgive the pair or device, and take back what `admit` counted at `now` of the others. Their
    earlier failures are left to fade, else an attacker could reset them by signing in to an account
    of their own.
    """
    with transaction.atomic():
        for rule, source in sources:
            row = LoginFailures.objects.filter(source=source)
            if rule in (PAIR, DEVICE):
                row.delete()
                continue
            row.filter(count=1, last=now).delete()
            # With a failure in between, the row is no longer as `admit` left it and stays closed.
            row.filter(last=now).update(closed_until=now)
            row.filter(count__gt=1).update(count=F("count") - 1)


def drop_quiet(now: datetime) -> None:
    """Forget the sources that were quiet for a day."""
    LoginFailures.objects.filter(last__lt=now - FORGET_AFTER).delete()


def _drop_oldest() -> None:
    newest = LoginFailures.objects.order_by("-last")
    for row in newest[MOST_SOURCES : MOST_SOURCES + 1]:
        LoginFailures.objects.filter(last__lte=row.last).delete()


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    # One subscriber owns a whole /64 and could change address with every guess.
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
