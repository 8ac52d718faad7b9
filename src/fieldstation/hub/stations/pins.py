"""PINs: how a station without a key gets one. A person takes a PIN at the hub and types it at the
station.

1. A PIN has 8 random digits, is good for 10 minutes and for one use; a gateway has one at a time.
   Only a digest of it is kept, keyed with the hub's secret.
2. A PIN that is wrong, used or expired gets the same answer, so nothing can be learnt by trying
   (test_wrong_used_and_expired_pins_read_the_same).
3. Failures are counted per address and in all; both have a delay that grows, and an attempt inside
   it is not looked at (test_the_sixth_wrong_pin_from_one_address_is_not_looked_at). Counting and
   looking are one transaction, so attempts side by side gain nothing.
"""

from __future__ import annotations

import math
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from fieldstation.errors import FieldstationError
from fieldstation.hub.accounts import throttle
from fieldstation.hub.stations.models import Gateway, Pin

DIGITS = 8
VALID_FOR = timedelta(minutes=10)


class PinRejected(FieldstationError):
    """The PIN opens nothing."""

    def __init__(self) -> None:
        super().__init__(
            "This PIN is not valid: mistyped, used already, or older than"
            f" {VALID_FOR.seconds // 60} minutes. Take a new one on the gateway's page of the hub."
        )


class TooManyAttempts(FieldstationError):
    """PINs are not looked at for `wait_s` seconds."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Too many wrong PINs came in. Try again in {wait_s} s.")
        self.wait_s = wait_s


def make_pin(gateway: Gateway) -> tuple[str, datetime]:
    """A PIN for this gateway and until when it is good. The one before it is void."""
    now = timezone.now()
    drop_over(now)
    pin = _digits()
    while Pin.objects.filter(digest=_digest(pin)).exists():
        pin = _digits()
    fields = {"digest": _digest(pin), "valid_until": now + VALID_FOR}
    Pin.objects.update_or_create(gateway=gateway, defaults=fields)
    return pin, now + VALID_FOR


def drop_over(now: datetime) -> None:
    """Forget the PINs whose time is over."""
    Pin.objects.filter(valid_until__lte=now).delete()


def redeem(pin: str, source: str) -> Gateway:
    """The gateway that this PIN was made for; the PIN is void afterwards. `source` is the caller's
    address. Raises PinRejected, TooManyAttempts.
    """
    sources = throttle.pin_sources(source)
    with transaction.atomic():
        # Within the transaction, so that the attempts of a moment see times in their own order.
        now = timezone.now()
        seconds = math.ceil(throttle.wait(sources, now).total_seconds())
        found = None if seconds > 0 else _take(pin, now)
        if seconds <= 0 and found is None:
            throttle.failed(sources, now)
    if seconds > 0:
        raise TooManyAttempts(seconds)
    if found is None:
        raise PinRejected
    return found


def _take(pin: str, now: datetime) -> Gateway | None:
    digits = "".join(pin.split()).replace("-", "")
    kept = Pin.objects.filter(digest=_digest(digits), valid_until__gt=now)
    found = kept.select_related("gateway").first()
    if found is None:
        return None
    gateway = found.gateway
    found.delete()
    return gateway


def _digits() -> str:
    return "".join(secrets.choice("0123456789") for _ in range(DIGITS))


def _digest(pin: str) -> str:
    return salted_hmac("fieldstation.hub.stations.pins", pin, algorithm="sha256").hexdigest()
