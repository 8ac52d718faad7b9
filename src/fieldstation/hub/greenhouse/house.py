"""The old site on this hub: made when it is first wanted, its stores and who may read them."""

from __future__ import annotations

import secrets

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub.accounts.models import User
from fieldstation.hub.greenhouse.models import Greenhouse, Kind, OldSensor, Store
from fieldstation.hub.sensors.models import Sensor
from fieldstation.hub.sensors.registration import new_sensor
from fieldstation.hub.sensors.tokens import token_hash
from fieldstation.hub.sites import access, audit
from fieldstation.hub.sites.models import Membership, Role, Site

SLUG, NAME = "greenhouse", "Greenhouse"
USUAL_POSTS_PER_MINUTE = 6_000
MOST_PER_MINUTE = 1_000_000
_WORDS = {Kind.BMS: "BMS", Kind.TRISTAR: "Tristar", Kind.DAILY: "Tristar daily"}


def house() -> Greenhouse | None:
    """The old site, None where nobody has set it up."""
    return Greenhouse.objects.select_related("site").first()


def set_up(*, posts: bool = False) -> Greenhouse:
    """The old site with its three stores, made where they are missing; `posts` is the switch of
    the routes that are made now.
    """
    with transaction.atomic():
        found = house()
        if found is None:
            site, _made = Site.objects.get_or_create(slug=SLUG, defaults={"name": NAME})
            found = Greenhouse.objects.create(site=site)
        for kind in Kind:
            if not Store.objects.filter(kind=kind).exists():
                sensor = new_sensor(None, found.site, _WORDS[kind], legacy_posts=posts)
                Store.objects.create(kind=kind, sensor=sensor)
    return found


def need_owner(user: User) -> Greenhouse | None:
    """The old site for somebody who owns it; for the operator None where nobody has set it up.
    Raises NotFound, PermissionDenied.
    """
    found = house()
    if found is not None:
        access.need(user, Role.OWNER, found.site)
    elif not user.is_operator:
        raise PermissionDenied
    return found


def switch(
    user: User,
    found: Greenhouse,
    *,
    open_reads: bool | None = None,
    posts_per_minute: int | None = None,
) -> None:
    """Change who may read, and how many posts without a token are taken from one address in a
    minute; what is None stays. Raises BadRequest.
    """
    if posts_per_minute is not None and not 1 <= posts_per_minute <= MOST_PER_MINUTE:
        raise BadRequest(_("Posts per minute is a whole number of 1 or more."))
    if open_reads is not None:
        found.open_reads = open_reads
    if posts_per_minute is not None:
        found.posts_per_minute = posts_per_minute
    found.save()
    audit.note(user, "old-site.changed", str(found.site), site=found.site)


def store_of(kind: Kind) -> Sensor | None:
    """The sensor that keeps the documents of a kind."""
    found = Store.objects.select_related("sensor__gateway").filter(kind=kind).first()
    return found.sensor if found else None


def own_site(user: User) -> Site:
    """A site where the person may add sensors; one of their own, made when there is none."""
    found = (
        access.sites(user, Role.EDITOR).order_by("created").first()
        if not user.is_operator
        else None
    )
    if found is not None:
        return found
    slug = f"sensors-of-{slugify(user.username)[:40] or 'somebody'}"
    if Site.objects.filter(slug=slug).exclude(memberships__user=user).exists():
        slug = f"{slug}-{secrets.token_hex(4)}"
    with transaction.atomic():
        site, made = Site.objects.get_or_create(
            slug=slug, defaults={"name": f"Sensors of {user.username}"[:80]}
        )
        if made:
            Membership.objects.create(site=site, user=user, role=Role.OWNER)
    return site


def stores() -> dict[Kind, int]:
    """The number of the sensor that keeps each kind."""
    return {Kind(row.kind): row.sensor_id for row in Store.objects.filter(sensor__deleted_at=None)}


def may_read_stores(user: User | AnonymousUser) -> bool:
    """Whether this visitor may read the three stores. Without an old site nothing is hidden."""
    found = house()
    if found is None or found.open_reads:
        return True
    return isinstance(user, User) and access.may(user, Role.VIEWER, found.site)


def sensor_numbered(number: int) -> Sensor | None:
    """The sensor that old scripts know by this number: one of the old site first, then the hub's
    own numbers.
    """
    if number >= 2**63:
        return None
    known = Sensor.objects.filter(deleted_at=None).select_related("gateway__site", "owner", "old")
    found = known.filter(old__number=number).first()
    return found or known.filter(pk=number, old__number=None).first()


def number_of(sensor: Sensor) -> int:
    """The number of a sensor in old addresses."""
    old = OldSensor.objects.filter(sensor=sensor).first()
    return old.number if old and old.number is not None else sensor.pk


def is_public(sensor: Sensor) -> bool:
    """Whether anybody may read the sensor."""
    return OldSensor.objects.filter(sensor=sensor, public_reading=True).exists()


def make_public(user: User, sensor: Sensor, *, public: bool) -> None:
    """Let anybody read the sensor, or only those whose it is."""
    OldSensor.objects.update_or_create(sensor=sensor, defaults={"public_reading": public})
    what = "sensor.public" if public else "sensor.private"
    audit.note(user, what, sensor.name, site=sensor.site)


def may_read(sensor: Sensor, user: User | AnonymousUser, token: str = "") -> bool:
    """Whether a visitor may read the sensor: its owner, the people of its site, the bearer of its
    token, anybody where the owner has said so.
    """
    if token and sensor.token_hash and token_hash(token) == bytes(sensor.token_hash):
        return True
    if is_public(sensor):
        return True
    if not isinstance(user, User):
        return False
    return sensor.owner_id == user.pk or access.may(user, Role.VIEWER, sensor.site)


def may_change(sensor: Sensor, user: User | AnonymousUser) -> bool:
    """Whether a visitor may say who reads the sensor."""
    if not isinstance(user, User):
        return False
    return sensor.owner_id == user.pk or access.may(user, Role.EDITOR, sensor.site)
