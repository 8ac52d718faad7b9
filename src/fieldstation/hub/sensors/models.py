"""A sensor, the documents that it posted, and what was deleted of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from fieldstation.hub.sensors.limits import LIMITS
from fieldstation.hub.sites.models import Site


class Sensor(models.Model):
    """One sensor: the instrument `instrument` of the hidden gateway of its site. `name` may change,
    `instrument` never does: series are filed under it. Of the token only the SHA-256 is kept.

    `units` gives the unit of a value by its path in the document or by its channel. Posts without
    the token are taken while `legacy_posts` is on, from the networks in `legacy_networks` (CIDR,
    one per line; empty: from anywhere).
    """

    gateway = models.ForeignKey(
        "stations.Gateway", on_delete=models.PROTECT, related_name="sensors"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="sensors"
    )
    name = models.CharField(max_length=80)
    instrument = models.CharField(max_length=63, editable=False)
    kind = models.CharField(max_length=80, blank=True)
    protocol = models.CharField(max_length=80, blank=True)
    description = models.CharField(max_length=1000, blank=True)
    units = models.JSONField(default=dict, blank=True)
    token_hash = models.BinaryField(max_length=32, unique=True, null=True)
    token_made = models.DateTimeField(null=True, blank=True)
    legacy_posts = models.BooleanField(default=False)
    legacy_networks = models.CharField(max_length=1000, blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=models.Q(deleted_at=None),
                name="one_sensor_per_owner_and_name",
            ),
            models.UniqueConstraint(
                fields=["gateway", "instrument"], name="one_sensor_per_instrument"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def site(self) -> Site:
        """The site that it belongs to."""
        return self.gateway.site

    @property
    def undo_until(self) -> datetime | None:
        """Until when its deletion can be undone; None when it is not deleted."""
        return self.deleted_at and self.deleted_at + timedelta(days=LIMITS.undo_days)


class SensorChannel(models.Model):
    """A leaf of the sensor's documents that became a channel. `place` is its order of first sight,
    `path` where it stands in the document (steps joined with dots), `shape` the number of layouts
    up to the one that brought it.
    """

    sensor = models.ForeignKey(Sensor, on_delete=models.CASCADE, related_name="channels")
    place = models.PositiveSmallIntegerField()
    shape = models.PositiveSmallIntegerField()
    path = models.CharField(max_length=LIMITS.path)
    name = models.CharField(max_length=63)
    kind = models.CharField(max_length=8)
    unit = models.CharField(max_length=LIMITS.unit, blank=True)

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["sensor", "name"], name="one_channel_per_name"),
            models.UniqueConstraint(fields=["sensor", "path"], name="one_channel_per_path"),
        ]

    def __str__(self) -> str:
        return self.name


class Sample(models.Model):
    """A document of the sensor that others of the same shape are compressed against."""

    sensor = models.ForeignKey(Sensor, on_delete=models.CASCADE, related_name="samples")
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.sensor_id}: {len(self.body)} bytes"


class Run(models.Model):
    """A run of the hub, as the series store knows it."""

    boot = models.BinaryField(max_length=16, unique=True)
    started = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return bytes(self.boot).hex()


class Document(models.Model):
    """One document as posted, compressed. (gateway, run, sequence) is its reading in the series
    store; sequence 0: it holds nothing that becomes one. `marked`: it came without a token.
    """

    sensor = models.ForeignKey(
        Sensor, on_delete=models.CASCADE, related_name="documents", db_index=False
    )
    at_us = models.BigIntegerField()
    received_us = models.BigIntegerField()
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="+", db_index=False)
    sequence = models.BigIntegerField()
    sample = models.ForeignKey(
        Sample, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    marked = models.BooleanField(default=False)
    body = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["sensor", "at_us"], name="document_by_time")]

    def __str__(self) -> str:
        return f"{self.sensor_id} at {self.at_us}"


class PostKey(models.Model):
    """An Idempotency-Key that was used, the digest of its body, and the answer that it got."""

    sensor = models.ForeignKey(Sensor, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=LIMITS.key)
    digest = models.BinaryField(max_length=16)
    answer = models.JSONField()
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sensor", "key"], name="one_post_per_key")]

    def __str__(self) -> str:
        return f"{self.sensor_id}: {self.key}"


class Erasure(models.Model):
    """A span of a sensor's readings that is deleted: hidden at once, its documents gone for good
    after the days of undo (`final`). Half open, UTC microseconds.
    """

    sensor = models.ForeignKey(Sensor, on_delete=models.CASCADE, related_name="erasures")
    start_us = models.BigIntegerField()
    end_us = models.BigIntegerField()
    made = models.DateTimeField(default=timezone.now, editable=False)
    final = models.BooleanField(default=False)

    class Meta:
        ordering = ["-made"]

    def __str__(self) -> str:
        return f"{self.sensor_id}: {self.start_us} to {self.end_us}"

    @property
    def undo_until(self) -> datetime:
        """Until when it can be undone."""
        return self.made + timedelta(days=LIMITS.undo_days)
