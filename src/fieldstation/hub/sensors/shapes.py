"""What is known of each sensor's documents, in memory: its channels, and the sample that they are
compressed against.

It is read from the database at first sight and saved with the documents that changed it; after a
fault it is read again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from fieldstation.hub.sensors.leaves import Table
from fieldstation.hub.sensors.models import Sample, Sensor, SensorChannel
from fieldstation.model import Channel, Kind

# zlib's window; more of a sample would never be looked at.
LONGEST_SAMPLE = 32_768
# More sensors than post in a while.
MOST_HELD = 20_000


@dataclass(slots=True)
class Shape:
    """One sensor's channels and sample; `saved` channels are in the database."""

    sensor: int
    table: Table
    sample: Sample | None
    text: bytes
    saved: int
    pictured: int

    def illustrate(self, text: bytes) -> None:
        """Take this document as the sample when the shape has changed since the last one."""
        if self.sample is None or self.pictured != self.table.shapes:
            self.pictured = self.table.shapes
            self.text = text[:LONGEST_SAMPLE]
            self.sample = Sample(sensor_id=self.sensor, body=self.text)


class Shapes:
    """The shapes of all sensors that have posted."""

    def __init__(self) -> None:
        self._held: dict[int, Shape] = {}

    def clear(self) -> None:
        """Forget all."""
        self._held.clear()

    def forget(self, sensor: int) -> None:
        """Forget one."""
        self._held.pop(sensor, None)

    def of(self, sensor: int) -> Shape:
        """The shape of a sensor."""
        if sensor not in self._held:
            if len(self._held) >= MOST_HELD:
                self._held.clear()
            self._held[sensor] = _load(sensor)
        return self._held[sensor]

    def save(self, sensors: Collection[int], samples: Collection[Sample]) -> None:
        """Save what documents of these sensors changed, and the samples that they are compressed
        against; before they are saved themselves.
        """
        for sample in samples:
            if sample._state.adding:
                sample.save()
        rows: list[SensorChannel] = []
        for sensor in sensors:
            rows += _unsaved(self._held[sensor])
        if rows:
            SensorChannel.objects.bulk_create(rows)


def _unsaved(shape: Shape) -> list[SensorChannel]:
    if shape.saved == len(shape.table.channels):
        return []
    paths = list(shape.table.paths)
    rows = [
        SensorChannel(
            sensor_id=shape.sensor, place=place, path=paths[place], name=channel.name,
            kind=channel.kind.value, unit=channel.unit, shape=shape.table.shapes,
        )
        for place, channel in enumerate(shape.table.channels)
        if place >= shape.saved
    ]  # fmt: skip
    shape.saved = len(paths)
    return rows


def _load(sensor: int) -> Shape:
    table = Table(dict(Sensor.objects.values_list("units", flat=True).get(pk=sensor)))
    for row in SensorChannel.objects.filter(sensor_id=sensor).order_by("place"):
        table.add(row.path, Channel(row.name, Kind(row.kind), row.unit, row.path))
        table.shapes = row.shape
    table.seal()
    sample = Sample.objects.filter(sensor_id=sensor).order_by("-pk").first()
    text = bytes(sample.body) if sample is not None else b""
    return Shape(sensor, table, sample, text, len(table.channels), table.shapes)
