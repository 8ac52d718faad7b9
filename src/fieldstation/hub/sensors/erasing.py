"""Deleting a sensor or a span of its readings, and taking that back.

1. What is deleted is hidden at once and can be brought back for 30 days
   (test_a_deleted_sensor_comes_back); after that its documents are gone for good and its readings
   stay hidden.
2. A deleted sensor's token is refused; its name is free again.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub import runtime
from fieldstation.hub.sensors.models import Erasure, Sensor

MOST_SPANS = 200


def delete_sensor(sensor: Sensor) -> None:
    """Hide the sensor and all it ever posted."""
    sensor.deleted_at = timezone.now()
    sensor.save(update_fields=["deleted_at"])
    _hide(sensor)


def restore_sensor(sensor: Sensor) -> None:
    """Bring a deleted sensor back. Raises BadRequest when it is too late or its name was taken."""
    until = sensor.undo_until
    if until is None or until <= timezone.now():
        raise BadRequest(_("This sensor can no longer be brought back."))
    sensor.deleted_at = None
    try:
        with transaction.atomic():
            sensor.save(update_fields=["deleted_at"])
    except IntegrityError as error:
        raise BadRequest(
            _("There is another sensor %(name)r now; rename that one first.")
            % {"name": sensor.name}
        ) from error
    _hide(sensor)


def delete_span(sensor: Sensor, start_us: int, end_us: int) -> Erasure:
    """Hide what the sensor has of a half-open span. Raises BadRequest."""
    if not 0 <= start_us < end_us:
        raise BadRequest(_("The span is empty: its start has to lie before its end."))
    if sensor.erasures.count() >= MOST_SPANS:
        raise BadRequest(
            _("A sensor has at most %(most_spans)s deleted spans.") % {"most_spans": MOST_SPANS}
        )
    made = Erasure.objects.create(sensor=sensor, start_us=start_us, end_us=end_us)
    _hide(sensor)
    return made


def restore_span(erasure: Erasure) -> None:
    """Bring a deleted span back. Raises BadRequest when it is too late."""
    if erasure.final or erasure.undo_until <= timezone.now():
        raise BadRequest(_("This span can no longer be brought back."))
    sensor = erasure.sensor
    erasure.delete()
    _hide(sensor)


def _hide(sensor: Sensor) -> None:
    """Let everybody who asks the store see what is left, and only that."""
    parts = runtime.running()
    parts.store.look()
    name = (sensor.gateway_id.hex, sensor.instrument)
    parts.posts.loop.call_soon_threadsafe(parts.live.forget, name)
