"""Which sensor a post is for, and whether its sender may post: asked anew for every post.

1. With the sensor's token a post is taken, whatever the switch says.
2. Without it the sensor's switch for legacy posts decides, and the networks it is limited to; what
   comes in that way is marked.
3. A wrong token is refused also while the switch is on: its sender believes to be known.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from django.db import connection

from fieldstation.errors import FieldstationError, KeyRejected
from fieldstation.hub.accounts.models import User
from fieldstation.hub.sensors.posts import NotOpen, Post, UnknownOwner, UnknownSensor
from fieldstation.hub.sensors.tokens import token_hash

# Bare SQL: for every group of posts, making objects of the rows costs ten times as much as asking.
_ROW = "sensor.id, gateway_id, instrument, token_hash, legacy_posts, legacy_networks"
_BY_ID = f"""
    SELECT {_ROW} FROM sensors_sensor sensor WHERE deleted_at IS NULL AND sensor.id IN ({{}})
"""  # noqa: S608
_BY_NAME = f"""
    SELECT {_ROW}, username, sensor.name
      FROM sensors_sensor sensor JOIN accounts_user person ON person.id = owner_id
     WHERE deleted_at IS NULL AND username IN ({{}}) AND sensor.name IN ({{}})
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Registered:
    """What is known of a sensor when a post comes: its number, the gateway and instrument that its
    rows are filed under, and who may post.
    """

    number: int
    gateway: str
    instrument: str
    token_hash: bytes
    legacy_posts: bool
    legacy_networks: str


Claim = tuple[Registered, bool] | FieldstationError
"""The sensor and whether its rows are marked, or why not."""


def claims(posts: Sequence[Post]) -> list[Claim]:
    """What each post claims, in its place."""
    by_id = _by_id({post.sensor for post in posts if post.sensor is not None})
    by_name = _by_name({(post.owner, post.name) for post in posts if post.sensor is None})
    return [
        _claim(
            post,
            by_id.get(post.sensor)
            if post.sensor is not None
            else by_name.get((post.owner, post.name)),
        )
        for post in posts
    ]


def _by_id(ids: Collection[int]) -> dict[int, Registered]:
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_BY_ID.format(_places(ids)), [*ids])
        return {row[0]: _registered(*row) for row in cursor.fetchall()}


def _by_name(names: Collection[tuple[str, str]]) -> dict[tuple[str, str], Registered]:
    """By owner and name, letter for letter."""
    if not names:
        return {}
    owners, own = {owner for owner, _ in names}, {name for _, name in names}
    with connection.cursor() as cursor:
        cursor.execute(_BY_NAME.format(_places(owners), _places(own)), [*owners, *own])
        return {(row[-2], row[-1]): _registered(*row[:-2]) for row in cursor.fetchall()}


def _places(values: Collection[object]) -> str:
    return ", ".join(["%s"] * len(values))


def _registered(
    number: int, gateway: object, instrument: str, token: bytes | None, legacy: object, nets: str
) -> Registered:
    return Registered(
        number, str(gateway).replace("-", ""), instrument, bytes(token or b""), bool(legacy), nets
    )


def takes_from(sensor: Registered, address: str) -> bool:
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


def _claim(post: Post, sensor: Registered | None) -> Claim:
    if sensor is None:
        return _unknown(post)
    if post.trusted:
        return sensor, post.marked
    if post.token:
        if hmac.compare_digest(token_hash(post.token), sensor.token_hash):
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
