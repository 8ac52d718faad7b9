"""Keys of gateways: made once, shown once, checked on every upload.

1. A key is `fsk_` and 256 random bits; the prefix lets scanners of leaked secrets find it.
2. A revoked key is refused on its next request, because nothing about keys is remembered between
   requests (test_revoked_key_is_refused_on_the_next_request).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, connection
from django.utils import timezone
from django.utils.text import slugify

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.nearest import nearest
from fieldstation.hub.stations.models import Gateway

PREFIX = "fsk_"
LONGEST_NAME = 80
VALID = "SELECT key_hash, id FROM stations_gateway WHERE key_hash IN ({}) AND revoked_at IS NULL"


def key_hash(key: str) -> bytes:
    """What the hub keeps of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def add_gateway(name: str) -> str:
    """Register a station; its key is returned here and never again. Raises BadRequest for an empty,
    overlong or taken name.
    """
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadRequest(f"A gateway's name has 1 to {LONGEST_NAME} printable characters.")
    key = PREFIX + secrets.token_urlsafe(32)
    try:
        Gateway.objects.create(name=name, slug=_free_slug(name), key_hash=key_hash(key))
    except IntegrityError as error:
        raise BadRequest(f"There is a gateway {name!r} already; choose another name.") from error
    return key


def revoke(name: str) -> None:
    """Refuse this gateway's key from now on; its readings stay. Raises NotFound."""
    gateway = Gateway.objects.filter(name=name).first() or Gateway.objects.filter(slug=name).first()
    if gateway is None:
        names = Gateway.objects.values_list("name", flat=True)
        raise NotFound(f"There is no gateway {name!r}.{nearest(name, names)}")
    if gateway.revoked_at is None:
        gateway.revoked_at = timezone.now()
        gateway.save(update_fields=["revoked_at"])


def holders(hashes: Collection[bytes]) -> dict[bytes, str]:
    """The gateway id for each of these key hashes that is valid at this moment."""
    # Bare SQL: on the way of every upload, making the query with the ORM costs 300 us, asking 20.
    places = ", ".join(["%s"] * len(hashes))
    with connection.cursor() as cursor:
        cursor.execute(VALID.format(places), list(hashes))
        rows = cursor.fetchall()
    return {bytes(digest): str(gateway).replace("-", "") for digest, gateway in rows}


def seen(ids: Collection[str], now: datetime) -> None:
    """Note that these gateways were heard of."""
    Gateway.objects.filter(id__in=ids).update(last_seen=now)


def _free_slug(name: str) -> str:
    base = slugify(name)[:56] or "gateway"
    taken = set(Gateway.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    numbered = (f"{base}-{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(slug for slug in numbered if slug not in taken)
