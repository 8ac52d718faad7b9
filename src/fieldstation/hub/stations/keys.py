"""Keys of gateways: made once, shown once, checked on every upload.

1. A key is `fsk_` and 256 random bits; the prefix lets scanners of leaked secrets find it.
2. A revoked key is refused on its next request, because nothing about keys is remembered between
   requests (test_revoked_key_is_refused_on_the_next_request). Revoking can be undone for a day.
3. A new key does not cut off a station that has not got it yet: the one before stays good until the
   new one is used, but no longer than a day (test_the_old_key_ends_when_the_new_one_is_used). A
   second new key replaces one that was never used, not the one in use.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as words

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.nearest import nearest
from fieldstation.hub.sites.home import home
from fieldstation.hub.sites.models import Site
from fieldstation.hub.stations.models import Gateway

PREFIX = "fsk_"
LONGEST_NAME = 80
OLD_KEY_FOR = timedelta(hours=24)
UNDO_FOR = timedelta(hours=24)
VALID = """
    SELECT key_hash, id, old_key_hash IS NOT NULL FROM stations_gateway
     WHERE key_hash IN ({0}) AND revoked_at IS NULL
    UNION ALL
    SELECT old_key_hash, id, 0 FROM stations_gateway
     WHERE old_key_hash IN ({0}) AND revoked_at IS NULL AND old_key_until > %s
"""


def key_hash(key: str) -> bytes:
    """What the hub keeps of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def new_gateway(name: str, site: Site | None = None) -> Gateway:
    """A gateway of the site (None: the first one) that has no key yet. Raises BadRequest for an
    empty, overlong or taken name.
    """
    name = _checked(name)
    try:
        with transaction.atomic():
            return Gateway.objects.create(name=name, slug=_free_slug(name), site=site or home())
    except IntegrityError as error:
        raise BadRequest(
            words("There is a gateway %(name)r already; choose another name.") % {"name": name}
        ) from error


def rename(gateway: Gateway, name: str) -> None:
    """Another name; the one in addresses stays. Raises BadRequest as for a new gateway."""
    gateway.name = _checked(name)
    _place(gateway)


def move(gateway: Gateway, site: Site) -> None:
    """Another site. Raises BadRequest where one of its gateways has this name."""
    gateway.site = site
    _place(gateway)


def add_gateway(name: str) -> str:
    """Register a station; its key is returned here and never again. Raises BadRequest."""
    return renew(new_gateway(name))


def renew(gateway: Gateway) -> str:
    """A new key, returned here and never again. A revoked gateway is let in again with it, and with
    it alone.
    """
    now, key = timezone.now(), PREFIX + secrets.token_urlsafe(32)
    if gateway.revoked_at is not None:
        gateway.old_key_hash = gateway.old_key_until = None
    elif gateway.key_hash is not None:
        if gateway.old_key_hash is None or (gateway.old_key_until or now) <= now:
            gateway.old_key_hash = gateway.key_hash
        gateway.old_key_until = now + OLD_KEY_FOR
    gateway.key_hash, gateway.keyed_at, gateway.revoked_at = key_hash(key), now, None
    gateway.save()
    return key


def revoke(name: str) -> Gateway:
    """Refuse this gateway's keys from now on; its readings stay. Raises NotFound, BadRequest."""
    gateway = called(name)
    shut_out(gateway)
    return gateway


def called(name: str) -> Gateway:
    """The gateway with this address or name, of whatever site. Raises NotFound, and BadRequest when
    several have it.
    """
    found = list(Gateway.objects.filter(Q(slug=name) | Q(name=name)))
    if not found:
        names = Gateway.objects.values_list("name", flat=True)
        raise NotFound(
            words("There is no gateway %(name)r.") % {"name": name} + nearest(name, names)
        )
    by_slug = [one for one in found if one.slug == name]
    if len(found) > 1 and not by_slug:
        slugs = ", ".join(sorted(one.slug for one in found))
        text = words("Several gateways are called %(name)r; name one by its address: %(slugs)s.")
        raise BadRequest(text % {"name": name, "slugs": slugs})
    return (by_slug or found)[0]


def shut_out(gateway: Gateway) -> None:
    """Refuse the gateway's keys from now on; its readings stay."""
    if gateway.revoked_at is None:
        gateway.revoked_at = timezone.now()
        gateway.save(update_fields=["revoked_at"])


def undo_until(gateway: Gateway) -> datetime | None:
    """Until when the revoking of this gateway can be undone; None when it cannot."""
    if gateway.revoked_at is None or gateway.revoked_at + UNDO_FOR <= timezone.now():
        return None
    return gateway.revoked_at + UNDO_FOR


def undo_revoke(gateway: Gateway) -> None:
    """Let the gateway in again with the key that it has. Raises BadRequest when it is too late."""
    if gateway.revoked_at is not None and undo_until(gateway) is None:
        raise BadRequest(
            words("The key was revoked more than a day ago; give the station a new one.")
        )
    gateway.revoked_at = None
    gateway.save(update_fields=["revoked_at"])


def holders(hashes: Collection[bytes]) -> dict[bytes, str]:
    """The gateway id for each of these key hashes that is valid at this moment. Where one of them
    is a new key, the key before it is over.
    """
    # Bare SQL: on the way of every upload, making the query with the ORM costs 300 us, asking 20.
    places, wanted = ", ".join(["%s"] * len(hashes)), list(hashes)
    with connection.cursor() as cursor:
        cursor.execute(VALID.format(places), [*wanted, *wanted, timezone.now()])
        rows = [(bytes(digest), str(one), renewed) for digest, one, renewed in cursor.fetchall()]
    if arrived := [digest for digest, _, renewed in rows if renewed]:
        Gateway.objects.filter(key_hash__in=arrived).update(old_key_hash=None, old_key_until=None)
    return {digest: gateway.replace("-", "") for digest, gateway, _ in rows}


def seen(ids: Collection[str], now: datetime) -> None:
    """Note that these gateways were heard of."""
    Gateway.objects.filter(id__in=ids).update(last_seen=now)


def _free_slug(name: str) -> str:
    base = slugify(name)[:56] or "gateway"
    taken = set(Gateway.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(slug for slug in numbered if slug not in taken)


def _place(gateway: Gateway) -> None:
    try:
        with transaction.atomic():
            gateway.save(update_fields=["name", "site"])
    except IntegrityError as error:
        raise BadRequest(
            words("There is a gateway %(name)r already; choose another name.")
            % {"name": gateway.name}
        ) from error


def _checked(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadRequest(
            words("A gateway's name has 1 to %(longest_name)s printable characters.")
            % {"longest_name": LONGEST_NAME}
        )
    return name
