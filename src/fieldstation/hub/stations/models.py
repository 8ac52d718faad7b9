"""A gateway: a station as the hub knows it; and the PIN with which a station becomes one."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone


class Gateway(models.Model):
    """One station. Its series are filed under `id`; `slug` is its name in addresses. Of a key only
    the SHA-256 is kept: 256 random bits need no slow hash.

    `key_hash` is that of the newest key, None before a station has registered; `old_key_hash` that
    of the key before it, good until `old_key_until` or until the newest one is used. `device` and
    `program` are what the station called itself when it registered.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="gateways")
    hidden = models.BooleanField(default=False, editable=False)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=64, unique=True)
    key_hash = models.BinaryField(max_length=32, unique=True, null=True)
    keyed_at = models.DateTimeField(null=True, blank=True)
    old_key_hash = models.BinaryField(max_length=32, unique=True, null=True)
    old_key_until = models.DateTimeField(null=True, blank=True)
    device = models.CharField(max_length=80, blank=True)
    program = models.CharField(max_length=80, blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_seen = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        # Not of the whole hub: a name that is taken would tell of other people's gateways.
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="one_gateway_per_name_and_site")
        ]

    def __str__(self) -> str:
        return self.name


class Pin(models.Model):
    """The one PIN of a gateway that may be used now; gone once it was. Kept as a keyed digest:
    eight digits alone could be tried out in a moment.
    """

    gateway = models.OneToOneField(Gateway, on_delete=models.CASCADE, primary_key=True)
    digest = models.CharField(max_length=64, unique=True)
    valid_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.gateway} until {self.valid_until:%Y-%m-%d %H:%M}"
