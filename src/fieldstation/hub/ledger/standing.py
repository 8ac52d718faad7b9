"""How a gateway stands: heard of or not, and what its last report said."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Count, OuterRef, Subquery

from fieldstation.batch.facts import State
from fieldstation.hub.ledger.models import Hole, Run, Standing
from fieldstation.hub.stations.models import Gateway

# A station reports every minute; two reports in a row may fail without anybody having to worry.
ONLINE_US = 180_000_000
LATE_US = 3_600_000_000


class Hearing(StrEnum):
    """When the hub last heard of a gateway."""

    ONLINE = "online"  # within three minutes
    LATE = "late"  # within an hour
    NOT_HEARD = "not_heard"
    NEVER = "never"


def heard_us(gateway: UUID, report: Standing | None) -> int:
    """When the gateway with this id last reported or sent readings; 0 for never."""
    seen = Gateway.objects.filter(id=gateway).values_list("last_seen", flat=True).first()
    return newest_us(seen, report)


def newest_us(seen: datetime | None, report: Standing | None) -> int:
    """The later of the last upload and the last report; 0 when there was none."""
    sent_us = round(seen.timestamp() * 1e6) if seen is not None else 0
    return max(sent_us, report.at_us if report is not None else 0)


def runs(gateways: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
    """For each of these gateways that reported: how many runs it had, when the newest began to
    report.
    """
    newest = Run.objects.filter(gateway=OuterRef("gateway")).order_by("-place").values("place")
    found = Run.objects.filter(gateway__in=gateways, place=Subquery(newest[:1]))
    rows = found.values_list("gateway_id", "place", "first_us")
    return {gateway: (place, first_us) for gateway, place, first_us in rows}


def open_holes(gateways: Collection[UUID]) -> dict[UUID, int]:
    """How many holes are open, for each of these gateways that has any."""
    held = Hole.objects.filter(gateway__in=gateways, state=State.OPEN)
    return dict(held.values_list("gateway_id").annotate(Count("id")).order_by())


def is_online(at_us: int, now_us: int) -> bool:
    """Whether a gateway heard at this instant is at work as far as anybody can know."""
    return hearing(at_us, now_us) is Hearing.ONLINE


def hearing(at_us: int, now_us: int) -> Hearing:
    """The word for a gateway that was heard last at this instant."""
    if not at_us:
        return Hearing.NEVER
    age_us = now_us - at_us
    if age_us > LATE_US:
        return Hearing.NOT_HEARD
    return Hearing.LATE if age_us > ONLINE_US else Hearing.ONLINE
