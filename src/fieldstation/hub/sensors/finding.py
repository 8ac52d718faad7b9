"""Which sensors a person may see and change."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fieldstation.errors import NotFound
from fieldstation.hub.accounts.models import User
from fieldstation.hub.sensors.models import Sensor
from fieldstation.hub.sites import access
from fieldstation.hub.sites.models import Role


def sensors(user: User) -> QuerySet[Sensor]:
    """The sensors of the person's sites, also the deleted ones."""
    found = Sensor.objects.filter(gateway__site__in=access.sites(user))
    return found.select_related("gateway__site", "owner")


def sensor(user: User, number: int, least: Role = Role.VIEWER) -> Sensor:
    """The sensor with this number. Raises NotFound also when it is not the person's, and
    PermissionDenied when they may see it but not do this.
    """
    found = sensors(user).filter(pk=number).first() if number < 2**63 else None
    if found is None:
        raise NotFound(_("There is no sensor %(number)s of yours.") % {"number": number})
    access.need(user, least, found.site)
    return found
