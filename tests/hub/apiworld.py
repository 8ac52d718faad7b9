"""One person of the API's tests with everything that addresses name, and clients for programs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from .conftest import Hub, Station, make_account

CURVE = "battery_voltage"


@dataclass
class Person:
    """An account that owns a site of its own, and what it has there."""

    hub: Hub
    name: str
    site: str
    station: Station
    clients: ExitStack

    def program(self, scope: str = "manage") -> httpx.Client:
        """A client with a personal token of this scope."""
        from fieldstation.hub.accounts import tokens

        client = self.clients.enter_context(self.hub.client())
        token, _row = tokens.make(self.user, "a program", scope, 7)
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    @property
    def user(self) -> Any:
        """The account as the hub keeps it."""
        from fieldstation.hub.accounts.models import User

        return User.objects.get(username=self.name)

    @property
    def query(self) -> str:
        """The query of a picture of the station's inverter."""
        curve = f"curve={self.station.slug}%2Finverter%3A{CURVE}"
        return f"{curve}&start=2026-05-01T00%3A00%3A00Z&end=2026-05-02T00%3A00%3A00Z"


@contextmanager
def settled(hub: Hub, station: Station) -> Iterator[Person]:
    """A person with a site, and the station at it."""
    from fieldstation.hub.sites.models import Site
    from fieldstation.hub.stations.models import Gateway

    slug = f"site-{secrets.token_hex(4)}"
    site = Site.objects.create(name=f"Site {slug}", slug=slug, time_zone="Europe/Berlin")
    Gateway.objects.filter(slug=station.slug).update(site=site)
    with ExitStack() as clients:
        yield Person(hub, make_account("owner", slug), slug, station, clients)
