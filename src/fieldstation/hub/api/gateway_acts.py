"""The API's routes that change gateways; they belong to the same addresses as the questions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from fieldstation.hub.api import schemas
from fieldstation.hub.api.arrays import moment
from fieldstation.hub.api.gateways import ONE, one_gateway, router
from fieldstation.hub.api.principal import person
from fieldstation.hub.api.versions import answer
from fieldstation.hub.sites import access
from fieldstation.hub.sites import acts as sites
from fieldstation.hub.sites.models import Role
from fieldstation.hub.stations import acts, pins
from fieldstation.hub.stations.models import Gateway

__all__ = ["router"]


@router.post("/gateways", response=schemas.GatewayPin, summary="Add a gateway")
def add(request: HttpRequest, wanted: schemas.NewGateway) -> HttpResponse:
    """A new gateway with the PIN for its station. Takes the role editor."""
    user = person(request)
    made = acts.add(user, sites.place(user, wanted.site), wanted.name)
    return answer(_pin(made, *pins.make_pin(made)))


@router.patch(ONE, response=schemas.GatewayDetail, summary="Change a gateway")
def change(request: HttpRequest, gateway: str, wanted: schemas.GatewayChange) -> HttpResponse:
    """Another name, or another site with all its instruments; its name in addresses, its key and
    its readings stay. Takes the role editor, at both sites.
    """
    user = person(request)
    found = access.station_named(user, gateway, Role.EDITOR)
    site = None if wanted.site is None else access.site_named(user, wanted.site, Role.EDITOR)
    acts.change(user, found, name=wanted.name, site=site)
    return one_gateway(request, gateway)


@router.delete(ONE, response={204: None}, summary="Remove a gateway")
def remove(request: HttpRequest, gateway: str) -> HttpResponse:
    """Forget a gateway that never had a key. Takes the role editor."""
    user = person(request)
    acts.remove(user, access.station_named(user, gateway, Role.EDITOR))
    return HttpResponse(status=204)


@router.post(ONE + "/pin", response=schemas.GatewayPin, summary="Make a PIN")
def new_pin(request: HttpRequest, gateway: str) -> HttpResponse:
    """A PIN for the station's first key, or for another one. Takes the role editor."""
    user = person(request)
    found = access.station_named(user, gateway, Role.EDITOR)
    return answer(_pin(found, *acts.make_pin(user, found)))


@router.post(ONE + "/revoke", response=schemas.GatewayDetail, summary="Revoke the key")
def revoke(request: HttpRequest, gateway: str) -> HttpResponse:
    """Refuse the gateway's key from its next upload on. Takes the role editor."""
    user = person(request)
    acts.revoke(user, access.station_named(user, gateway, Role.EDITOR))
    return one_gateway(request, gateway)


@router.post(ONE + "/restore", response=schemas.GatewayDetail, summary="Undo the revoking")
def restore(request: HttpRequest, gateway: str) -> HttpResponse:
    """Let the gateway in again, until `undo_until`. Takes the role editor."""
    user = person(request)
    acts.restore(user, access.station_named(user, gateway, Role.EDITOR))
    return one_gateway(request, gateway)


@router.post(ONE + "/one-machine", response=schemas.GatewayDetail, summary="End the alarm")
def one_machine(request: HttpRequest, gateway: str) -> HttpResponse:
    """Take it that one station alone uses the key again; a second one that reports raises the alarm
    anew. Takes the role editor.
    """
    user = person(request)
    acts.end_alarm(user, access.station_named(user, gateway, Role.EDITOR))
    return one_gateway(request, gateway)


def _pin(gateway: Gateway, pin: str, until: datetime) -> dict[str, Any]:
    return {"gateway": gateway.slug, "pin": pin, "valid_until": moment(until)}
