"""What the hub keeps about the old site: its switches, its three stores, its sensors' numbers."""

from __future__ import annotations

from django.db import models

from fieldstation.hub.sensors.models import Sensor
from fieldstation.hub.sites.models import Site


class Kind(models.TextChoices):
    """The three kinds of documents that have a route of their own."""

    BMS = "bms", "BMS"
    TRISTAR = "tristar", "TriStar"
    DAILY = "tristar_daily", "TriStar daily"


class Greenhouse(models.Model):
    """The one old site that a hub stands in for. With `open_reads` anybody may read the three
    stores. `posts_per_minute` bounds what one source address posts without a token.
    """

    site = models.OneToOneField(Site, on_delete=models.PROTECT, primary_key=True)
    open_reads = models.BooleanField(default=True)
    posts_per_minute = models.PositiveIntegerField(default=6_000)

    def __str__(self) -> str:
        return str(self.site)


class Store(models.Model):
    """Where the documents of one kind are kept: a sensor without owner, whose switch for posts
    without a token is that of the route.
    """

    kind = models.CharField(max_length=16, choices=Kind, primary_key=True)
    sensor = models.OneToOneField(Sensor, on_delete=models.PROTECT, related_name="greenhouse")

    def __str__(self) -> str:
        return self.kind


class OldSensor(models.Model):
    """What the old addresses need of a sensor: the `number` that scripts know it by, and whether
    anybody may read it.
    """

    sensor = models.OneToOneField(
        Sensor, on_delete=models.CASCADE, primary_key=True, related_name="old"
    )
    number = models.PositiveBigIntegerField(unique=True, null=True)
    public_reading = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.sensor} as {self.number}"


class DoubtfulTime(models.Model):
    """An instant under which the old site filed several rows of a sensor: the start of its process,
    not the moment of arrival.
    """

    sensor = models.ForeignKey(Sensor, on_delete=models.CASCADE, related_name="+")
    at_us = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sensor", "at_us"], name="one_doubt_per_instant")
        ]

    def __str__(self) -> str:
        return f"{self.sensor_id} at {self.at_us}"
