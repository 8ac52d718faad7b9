"""Which sensor a post is for, and whether its sender may post: asked anew for every post.

1. With the sensor's token a post is taken, whatever the switch says.
2. Without it the sensor's switch for legacy posts decides, and the networks it is limited to; what
   comes in that way is marked.
3. A wrong token is refused also while the switch is on: its sender believes to be known.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from fieldstation.errors import FieldstationError, KeyRejected
from fieldstation.hub.accounts.models import User
from fieldstation.hub.sensors.models import Sensor
from fieldstation.hub.sensors.posts import NotOpen, Post, UnknownOwner, UnknownSensor
from fieldstation.hub.sensors.tokens import token_hash

Claim = tuple[Sensor, bool] | FieldstationError
"""The sensor and whether its rows are marked, or why not."""


def claims(posts: Sequence[Post]) -> list[Claim]:
    """What each post claims, in its place."""
    ids = {post.sensor for post in posts if post.sensor is not None}
    names = {(post.owner, post.name) for post in posts if post.sensor is None}
    known = Sensor.objects.filter(deleted_at=None)
    by_id = {each.pk: each for each in known.filter(pk__in=ids)} if ids else {}
    by_name: dict[tuple[str, str], Sensor] = {}
    if names:
        found = known.filter(
            owner__username__in={owner for owner, _ in names}, name__in={name for _, name in names}
        ).select_related("owner")
        by_name = {(each.owner.username, each.name): each for each in found if each.owner}
    return [
        _claim(
            post,
            by_id.get(post.sensor)
            if post.sensor is not None
            else by_name.get((post.owner, post.name)),
        )
        for post in posts
    ]


def takes_from(sensor: Sensor, address: str) -> bool:
    """Whether the sensor takes a post without its token from this address."""
    if not sensor.legacy_posts:
        return False
    networks = sensor.legacy_networks.split()
    if not networks:
        return True
    try:
        source = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(source, "ipv4_mapped", None) or source
    return any(mapped in ip_network(network, strict=False) for network in networks)


def _claim(post: Post, sensor: Sensor | None) -> Claim:
    if sensor is None:
        return _unknown(post)
    if post.trusted:
        return sensor, post.marked
    if post.token:
        kept = bytes(sensor.token_hash or b"")
        if hmac.compare_digest(token_hash(post.token), kept):
            return sensor, False
        return KeyRejected("This token is not the sensor's; make a new one on the sensor's page.")
    if takes_from(sensor, post.address):
        return sensor, True
    return NotOpen("This sensor takes no posts without its token; its page has both.")


def _unknown(post: Post) -> FieldstationError:
    if post.sensor is not None:
        # Whoever has no token learns nothing about which numbers are in use.
        if post.trusted:
            return UnknownSensor("There is no such sensor.")
        return KeyRejected("This token is not the sensor's; make a new one on the sensor's page.")
    if not User.objects.filter(username=post.owner).exists():
        return UnknownOwner("There is no account of this name.")
    return UnknownSensor("There is no sensor of this name.")
