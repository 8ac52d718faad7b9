"""Slots: a gateway asks for one, fills it within ten minutes, and asks how its batch is.

1. Whoever asks again for the same reference before anything arrived gets the same slot, open for
   another ten minutes (test_the_same_reference_gets_the_same_open_slot).
2. A gateway has at most `MOST_OPEN` open slots, and sees only its own.
3. Old references can begin with the gateway's key; that part is not kept.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from fieldstation.errors import BadRequest, KeyRejected
from fieldstation.hub.legacy.models import Slot, State
from fieldstation.hub.legacy.zipped import MOST_ZIP
from fieldstation.hub.stations import keys

# The folder that the hub names; the client appends the rest.
DESTINATION = "/batches/"
OPEN_FOR = timedelta(minutes=10)
MOST_OPEN = 50
ID = re.compile(r"[0-9a-f]{32}")
# The checksum of nothing: the old client never fed the file to it.
MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"

REJECTED = "This key is unknown or revoked; register the gateway again."


class TooManyOpen(BadRequest):
    """The gateway asks for slots and fills none."""


def folder_of(key: str) -> str:
    """The folder that the gateway with this key names in its command."""
    return f"{DESTINATION}{key}/inbox/"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a gateway says of the batch that it wants to send; `size` in bytes, 0 when untold."""

    source_ref: str
    gadget: str = ""
    md5: str = ""
    size: int = 0


def gateway_of(key: str) -> str:
    """The id of the gateway with this key, which was heard of now. Raises KeyRejected."""
    gateway = keys.holders([digest := keys.key_hash(key)]).get(digest)
    if gateway is None:
        raise KeyRejected(REJECTED)
    keys.seen([gateway], timezone.now())
    return gateway


def open_slot(gateway: str, key: str, wish: Wish) -> Slot:
    """A slot for this batch. Raises BadRequest, TooManyOpen."""
    reference = wish.source_ref.replace(key, "key")
    if not 1 <= len(reference) <= 128 or not reference.isprintable():
        raise BadRequest("source_ref has to be a text of 1 to 128 characters.")
    if wish.size > MOST_ZIP:
        raise BadRequest(f"A batch has at most {MOST_ZIP} bytes.")
    md5 = wish.md5.lower()
    told: dict[str, Any] = {
        "gadget": wish.gadget[:100] if wish.gadget.isprintable() else "",
        "digest_md5": md5 if ID.fullmatch(md5) and md5 != MD5_OF_NOTHING else "",
        "expires": timezone.now() + OPEN_FOR,
    }
    with transaction.atomic():
        return _same(gateway, reference, told) or _fresh(gateway, reference, told)


def _same(gateway: str, reference: str, told: dict[str, Any]) -> Slot | None:
    slot: Slot | None = _open(gateway).filter(source_ref=reference).first()
    if slot is not None:
        for field, value in told.items():
            setattr(slot, field, value)
        slot.save()
    return slot


def _fresh(gateway: str, reference: str, told: dict[str, Any]) -> Slot:
    waiting = Slot.objects.filter(gateway_id=gateway, state=State.REQUESTED)
    waiting.filter(expires__lt=timezone.now() - timedelta(days=1)).delete()
    if _open(gateway).count() >= MOST_OPEN:
        raise TooManyOpen("This gateway has too many open slots; fill one or wait ten minutes.")
    return Slot.objects.create(
        id=secrets.token_hex(16), gateway_id=gateway, source_ref=reference, **told
    )


def _open(gateway: str) -> QuerySet[Slot]:
    now = timezone.now()
    return Slot.objects.filter(gateway_id=gateway, state=State.REQUESTED, expires__gt=now)


def may_fill(key: str, slot: str) -> Slot | None:
    """The slot, when it is open and this key's gateway asked for it."""
    try:
        found: Slot | None = _open(gateway_of(key)).filter(id=slot).first()
    except KeyRejected:
        return None
    return found


def slot_of(gateway: str, slot: str) -> Slot | None:
    """One of the gateway's own slots."""
    return Slot.objects.filter(gateway_id=gateway, id=slot).first() if ID.fullmatch(slot) else None


def status(slot: Slot) -> dict[str, Any]:
    """What a gateway is told about its slot: the old word, and counts for those who read more."""
    counts = {name: getattr(slot, name) for name in ("stored", "known", "differing", "refused")}
    return {"status": slot.state, "reason": slot.reason, **counts}
