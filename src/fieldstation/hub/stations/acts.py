"""What people do with gateways, for pages and API alike. Who may is asked before, by `access`."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub.accounts.models import User
from fieldstation.hub.ledger import reports
from fieldstation.hub.sites import audit
from fieldstation.hub.sites.models import Site
from fieldstation.hub.stations import keys, pins
from fieldstation.hub.stations.models import Gateway


def add(user: User, site: Site, name: str) -> Gateway:
    """A gateway that has no key yet. Raises BadRequest."""
    made = keys.new_gateway(name, site)
    audit.note(user, "gateway.added", made.name, site=made.site)
    return made


def make_pin(user: User, gateway: Gateway) -> tuple[str, datetime]:
    """A PIN for the gateway and until when it is good: how it gets its first key, or another."""
    audit.note(user, "gateway.pin-made", gateway.name, site=gateway.site)
    return pins.make_pin(gateway)


def change(
    user: User, gateway: Gateway, *, name: str | None = None, site: Site | None = None
) -> None:
    """Another name, another site; its address, key and readings stay. Raises BadRequest."""
    before = gateway.site
    if name is not None:
        keys.rename(gateway, name)
    if site is not None and site != before:
        keys.move(gateway, site)
        audit.note(user, "gateway.moved-away", gateway.name, site=before, detail=site.name)
    audit.note(user, "gateway.changed", gateway.name, site=gateway.site)


def revoke(user: User, gateway: Gateway) -> None:
    """Refuse the gateway's key from now on; its readings stay."""
    keys.shut_out(gateway)
    audit.note(user, "gateway.revoked", gateway.name, site=gateway.site)


def restore(user: User, gateway: Gateway) -> None:
    """Undo a revoking. Raises BadRequest when it is too late."""
    keys.undo_revoke(gateway)
    audit.note(user, "gateway.restored", gateway.name, site=gateway.site)


def end_alarm(user: User, gateway: Gateway) -> None:
    """Take it that one station alone uses the gateway's key again; a second one that reports raises
    the alarm anew, so this needs no undo.
    """
    if reports.end_alarm(gateway.id):
        audit.note(user, "gateway.alarm-ended", gateway.name, site=gateway.site)


def remove(user: User, gateway: Gateway) -> None:
    """Forget a gateway that never had a key, and so has no readings. Raises BadRequest for any
    other.
    """
    gone, _rows = Gateway.objects.filter(id=gateway.id, key_hash=None, last_seen=None).delete()
    if not gone:
        raise BadRequest(_("This gateway had a key and may have readings; revoke its key instead."))
    audit.note(user, "gateway.removed", gateway.name, site=gateway.site)
