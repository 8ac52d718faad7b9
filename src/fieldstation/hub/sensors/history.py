"""What a sensor has posted, as it posted it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from fieldstation.hub.sensors.documents import unpacked
from fieldstation.hub.sensors.models import Document, Sensor


@dataclass(frozen=True, slots=True)
class Kept:
    """One document with the times of its values and of its arrival."""

    at_us: int
    received_us: int
    marked: bool
    text: bytes


def documents(
    sensor: Sensor, start_us: int, end_us: int, most: int, skip: int = 0, *, newest: bool = False
) -> list[Kept]:
    """At most `most` documents of the half-open range after the first `skip` ones, in the order of
    their times or, with `newest`, from the newest back. What was deleted is left out.
    """
    rows = visible(sensor).filter(at_us__gte=start_us, at_us__lt=end_us)
    order = ("-at_us", "-pk") if newest else ("at_us", "pk")
    return _kept(rows.select_related("sample").order_by(*order)[skip : skip + most])


def latest(sensor: Sensor) -> Kept | None:
    """The document with the newest time."""
    return next(iter(documents(sensor, 0, 2**63 - 1, 1, newest=True)), None)


def visible(sensor: Sensor) -> QuerySet[Document]:
    """The sensor's documents without those that were deleted."""
    deleted = Q()
    for erasure in sensor.erasures.all():
        received_us = int(erasure.made.timestamp() * 1_000_000)
        deleted |= Q(
            at_us__gte=erasure.start_us, at_us__lt=erasure.end_us, received_us__lte=received_us
        )
    found = Document.objects.filter(sensor=sensor)
    return found.exclude(deleted) if deleted else found


def newest_of(sensors: Sequence[Sensor]) -> dict[int, Kept]:
    """The newest document of each of these sensors that has one."""
    found = ((sensor.pk, latest(sensor)) for sensor in sensors)
    return {number: kept for number, kept in found if kept is not None}


def _kept(rows: Iterable[Document]) -> list[Kept]:
    return [
        Kept(
            row.at_us,
            row.received_us,
            row.marked,
            unpacked(bytes(row.body), bytes(row.sample.body) if row.sample else b""),
        )
        for row in rows
    ]
