"""What the hub keeps about old gateways: their settings, their slots, and which rows of their
tables it has.
"""

from __future__ import annotations

from django.db import models

from fieldstation.hub.stations.models import Gateway


class OldGateway(models.Model):
    """What is particular to a gateway of the old kind. `zone` is the time zone of its wall clock,
    which its batches do not tell.
    """

    gateway = models.OneToOneField(Gateway, on_delete=models.CASCADE, primary_key=True)
    zone = models.CharField(max_length=64, default="UTC")

    def __str__(self) -> str:
        return f"{self.gateway} in {self.zone}"


class State(models.TextChoices):
    """How far a batch is; the words are those of the old clients."""

    REQUESTED = "Requested"  # nothing has arrived
    UNPROCESSED = "Unprocessed"  # the file is complete and opens
    PROCESSED = "Processed"  # its rows are stored
    REJECTED = "Rejected"  # it can never be stored


class Slot(models.Model):
    """A place for one batch, good until `expires`. `digest_md5` is what the client announced, empty
    when it announced nothing. The counts are of rows: new, known before, known with other values,
    not understood.
    """

    id = models.CharField(primary_key=True, max_length=32)
    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE)
    source_ref = models.CharField(max_length=128)
    gadget = models.CharField(max_length=100, blank=True)
    digest_md5 = models.CharField(max_length=32, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.REQUESTED)
    reason = models.CharField(max_length=300, blank=True)
    expires = models.DateTimeField()
    arrived = models.DateTimeField(null=True)
    stored = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    differing = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["gateway", "source_ref"], name="legacy_slot_ref"),
            models.Index(fields=["state", "arrived"], name="legacy_slot_state"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class Table(models.Model):
    """One life of a gadget's table of readings: numbers begin again when a gateway's database was
    made anew, and then the next `life` begins.
    """

    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE)
    gadget = models.CharField(max_length=63)
    life = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "gadget", "life"], name="legacy_table_life")
        ]

    def __str__(self) -> str:
        return f"{self.gadget} {self.life}"


class Marks(models.Model):
    """Which rows of a table are stored: a compressed mark for each number of one block."""

    table = models.ForeignKey(Table, on_delete=models.CASCADE)
    block = models.PositiveBigIntegerField()
    marks = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["table", "block"], name="legacy_marks_block")
        ]

    def __str__(self) -> str:
        return f"{self.table} block {self.block}"
