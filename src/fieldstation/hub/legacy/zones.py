"""The time zone of a gateway's wall clock, set by a person."""

from __future__ import annotations

from datetime import UTC, tzinfo

from fieldstation.hub.legacy.models import OldGateway
from fieldstation.hub.legacy.stamps import zone_of
from fieldstation.hub.stations import keys


def set_zone(name: str, zone: str) -> None:
    """Read the wall times of the gateway's rows that come from now on in `zone`; what is stored
    stays as it is. Raises NotFound, BadRequest.
    """
    zone_of(zone)
    OldGateway.objects.update_or_create(gateway=keys.called(name), defaults={"zone": zone})


def zone_for(gateway: str) -> tzinfo:
    """The zone of the gateway with this id. Raises BadRequest when the system has lost it."""
    own = OldGateway.objects.filter(gateway_id=gateway).first()
    return zone_of(own.zone) if own else UTC
