"""What stations reported, as rows. Instants are UTC microseconds since 1970, ids are hex.

1. A fact has the natural key that it has at the station, below its gateway. `journal` and
   `revision` say which word of the station the row holds (see `facts`).
2. Of the state of a station only the last report is kept (`Standing`); of its runs, all.
"""

from __future__ import annotations

from django.db import models

from fieldstation.hub.stations.models import Gateway


class Journal(models.Model):
    """A journal that a gateway reported from, and how far its facts are here. `disputed`: two
    stations number their facts in it, so each run counts for itself.
    """

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="+")
    identity = models.CharField(max_length=16)
    through = models.BigIntegerField(default=0)
    disputed = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "identity"], name="ledger_journal_key")
        ]


class Run(models.Model):
    """One run of the station program; `place` counts a gateway's runs in the order in which they
    first reported. `late` counts what a run said after another had followed it.
    """

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="+")
    boot = models.CharField(max_length=32)
    place = models.BigIntegerField()
    kernel = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    first_us = models.BigIntegerField()
    last_us = models.BigIntegerField()
    mono_us = models.BigIntegerField()
    through = models.BigIntegerField(default=0)
    late = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "boot"], name="ledger_run_key"),
            models.UniqueConstraint(fields=["gateway", "place"], name="ledger_run_place"),
        ]


class Standing(models.Model):
    """A gateway's last report, taken at `at_us` by the hub's clock. `pace` is by how many readings
    a second its backlog shrank before.
    """

    gateway = models.OneToOneField(Gateway, models.CASCADE, primary_key=True, related_name="+")
    at_us = models.BigIntegerField()
    boot = models.CharField(max_length=32)
    kernel = models.CharField(max_length=64)
    journal = models.CharField(max_length=16)
    version = models.CharField(max_length=64)
    offset_us = models.BigIntegerField()
    trust = models.BigIntegerField()
    backlog = models.BigIntegerField()
    oldest_us = models.BigIntegerField()
    pace = models.FloatField(default=0.0)
    journal_bytes = models.BigIntegerField()
    disk_free_bytes = models.BigIntegerField()
    alarm = models.CharField(max_length=16, default="", blank=True)
    alarm_text = models.CharField(max_length=1000, default="", blank=True)
    alarm_us = models.BigIntegerField(default=0)


class Fact(models.Model):
    """What all facts have."""

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="+")
    boot = models.CharField(max_length=32)
    journal = models.CharField(max_length=16)
    revision = models.BigIntegerField()

    class Meta:
        abstract = True


class Hole(Fact):
    """See `fieldstation.batch.facts.Hole`."""

    number = models.BigIntegerField()
    instrument = models.CharField(max_length=1000)
    layout = models.CharField(max_length=1000, blank=True)
    cause = models.CharField(max_length=1000)
    first_utc_us = models.BigIntegerField()
    last_utc_us = models.BigIntegerField()
    count = models.BigIntegerField()
    state = models.CharField(max_length=16)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "boot", "number"], name="ledger_hole_key")
        ]
        indexes = [
            models.Index(fields=["gateway", "first_utc_us"], name="ledger_hole_first"),
            models.Index(fields=["gateway", "last_utc_us"], name="ledger_hole_last"),
        ]


class Tally(Fact):
    """See `fieldstation.batch.facts.Tally`."""

    instrument = models.CharField(max_length=255)
    day = models.BigIntegerField()
    stored = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "day", "instrument", "boot"], name="ledger_tally_key"
            )
        ]


class Clock(Fact):
    """See `fieldstation.batch.facts.ClockFact`."""

    number = models.BigIntegerField()
    kernel = models.CharField(max_length=1000)
    mono_us = models.BigIntegerField()
    utc_us = models.BigIntegerField()
    error_us = models.BigIntegerField()
    source = models.CharField(max_length=16)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "boot", "number"], name="ledger_clock_key")
        ]


class Event(Fact):
    """See `fieldstation.batch.facts.Event`. `origin` is empty for the station's own; the hub's own
    have their word there, so that there is one of a kind for each run. `at_us` is `utc_us` where
    that can be, else when the hub learnt of it.
    """

    origin = models.CharField(max_length=16, default="", blank=True)
    number = models.BigIntegerField()
    at_us = models.BigIntegerField()
    utc_us = models.BigIntegerField()
    mono_us = models.BigIntegerField()
    what = models.CharField(max_length=1000)
    text = models.CharField(max_length=1000)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "origin", "boot", "number"], name="ledger_event_key"
            )
        ]
        indexes = [models.Index(fields=["gateway", "at_us"], name="ledger_event_at")]


class Refusal(models.Model):
    """A reading that came alone in a batch and was refused; the station sets it aside. `day` as
    the station dated it.
    """

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="+")
    boot = models.CharField(max_length=32)
    sequence = models.BigIntegerField()
    instrument = models.CharField(max_length=63)
    day = models.BigIntegerField()
    code = models.CharField(max_length=64)
    at_us = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "boot", "sequence"], name="ledger_refusal_key"
            )
        ]
        indexes = [models.Index(fields=["gateway", "day"], name="ledger_refusal_day")]
