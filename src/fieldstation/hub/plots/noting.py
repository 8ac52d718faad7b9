"""Words on the time axis of an instrument, left and taken away by editors of its site."""

from __future__ import annotations

import time
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub import runtime
from fieldstation.hub.accounts.models import User
from fieldstation.hub.plots.models import Annotation
from fieldstation.hub.plots.moments import moment_us
from fieldstation.hub.plots.options import LONGEST_TEXT
from fieldstation.hub.plots.order import instrument_of
from fieldstation.hub.sites import access, audit
from fieldstation.hub.sites.models import Role

MOST_OF_ONE = 5000


def leave(user: User, gateway: str, instrument: str, at: str, text: str) -> Annotation:
    """Leave words at an instant. Raises NotFound, PermissionDenied, BadRequest."""
    one = instrument_of(user, runtime.running().store, gateway, instrument)
    access.need(user, Role.EDITOR, one.gateway.site)
    text = " ".join(text.split())
    if not 0 < len(text) <= LONGEST_TEXT:
        raise BadRequest(
            _("Write something, in at most %(longest)s characters.") % {"longest": LONGEST_TEXT}
        )
    at_us = moment_us("at", at, ZoneInfo(one.gateway.site.time_zone), time.time_ns() // 1000)
    if Annotation.objects.filter(gateway=one.gateway, instrument=one.name).count() >= MOST_OF_ONE:
        raise BadRequest(_("This instrument has too many notes; remove some first."))
    note = Annotation.objects.create(
        gateway=one.gateway, instrument=one.name, at_us=at_us, text=text, user=user,
        who=user.username,
    )  # fmt: skip
    audit.note(user, "note.added", f"{gateway}/{one.name}", site=one.gateway.site, detail=text)
    return note


def take_away(user: User, note: int) -> Annotation:
    """Take the words away; the audit log keeps them. Raises NotFound, PermissionDenied."""
    own = Annotation.objects.filter(gateway__in=access.gateways(user))
    found = own.select_related("gateway__site").filter(id=note).first() if note < 2**63 else None
    if found is None:
        raise NotFound(_("There is no such note of yours."))
    access.need(user, Role.EDITOR, found.gateway.site)
    found.delete()
    thing = f"{found.gateway.slug}/{found.instrument}"
    audit.note(user, "note.removed", thing, site=found.gateway.site, detail=found.text)
    return found
