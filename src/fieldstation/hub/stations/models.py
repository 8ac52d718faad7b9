"""A gateway: a station as the hub knows it."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone


class Gateway(models.Model):
    """One station. Its series are filed under `id`; `slug` is its name in addresses. Of its key
    only the SHA-256 is kept: 256 random bits need no slow hash.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=64, unique=True)
    key_hash = models.BinaryField(max_length=32, unique=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_seen = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
