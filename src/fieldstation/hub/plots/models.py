"""What people keep of their pictures. Options are kept as the query of their address."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from fieldstation.hub.plots.options import LONGEST_QUERY
from fieldstation.hub.stations.models import Gateway

LONGEST_NAME = 80
UNDO_FOR = timedelta(days=1)


class Removable(models.Model):
    """What its person can remove and bring back, see `removing`."""

    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def undo_until(self) -> datetime | None:
        """Until when its removal can be undone; None when it is not removed."""
        return self.removed_at and self.removed_at + UNDO_FOR


class SavedPlot(Removable):
    """A picture that one person keeps."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="plots")
    name = models.CharField(max_length=LONGEST_NAME)
    query = models.TextField(max_length=LONGEST_QUERY)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "created"]

    def __str__(self) -> str:
        return self.name


class Dashboard(Removable):
    """Pictures of one person side by side. `tiles` lists {plot, wide, tall}, in columns (1 to 4)
    and rows (1 to 3); `earlier` holds the arrangements before, the newest last. `is_default` of a
    removed one: it was the default.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="dashboards")
    name = models.CharField(max_length=LONGEST_NAME)
    tiles = models.JSONField(default=list)
    earlier = models.JSONField(default=list)
    is_default = models.BooleanField(default=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "created"]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(is_default=True, removed_at=None),
                name="one_default_dashboard_per_person",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Share(models.Model):
    """A link that shows one picture to whoever has it, as its maker could see it. Of its token only
    the SHA-256 is kept; what is shown cannot be changed afterwards.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="shares")
    token_hash = models.BinaryField(max_length=32, unique=True)
    name = models.CharField(max_length=LONGEST_NAME)
    query = models.TextField(max_length=LONGEST_QUERY)
    created = models.DateTimeField(default=timezone.now, editable=False)
    valid_until = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} until {self.valid_until:%Y-%m-%d %H:%M}"

    @property
    def is_valid(self) -> bool:
        """Whether it shows anything now."""
        return self.revoked_at is None and self.valid_until > timezone.now()


class Annotation(models.Model):
    """Words on the time axis of an instrument. `who` outlives the account."""

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="annotations")
    instrument = models.CharField(max_length=255)
    at_us = models.BigIntegerField()
    text = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    who = models.CharField(max_length=64)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["gateway", "instrument", "at_us"], name="plots_annotation_at")
        ]

    def __str__(self) -> str:
        return self.text
