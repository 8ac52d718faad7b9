"""Tokens of sensors: made once, shown once, of which only a digest is kept."""

from __future__ import annotations

import hashlib
import secrets

from django.utils import timezone

from fieldstation.hub.sensors.models import Sensor

PREFIX = "fsn_"


def token_hash(token: str) -> bytes:
    """What the hub keeps of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def renew(sensor: Sensor) -> str:
    """A new token, returned here and never again; the one before is refused from now on."""
    token = PREFIX + secrets.token_urlsafe(32)
    sensor.token_hash, sensor.token_made = token_hash(token), timezone.now()
    sensor.save(update_fields=["token_hash", "token_made"])
    return token


def revoke(sensor: Sensor) -> None:
    """Refuse the sensor's token from its next post on."""
    sensor.token_hash = sensor.token_made = None
    sensor.save(update_fields=["token_hash", "token_made"])
