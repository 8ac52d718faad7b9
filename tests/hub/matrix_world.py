"""The people and things of the authorization matrix: two sites, ten callers, one of everything."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from .conftest import PASSWORD, Hub, Station, make_account

PEOPLE = ("viewer", "editor", "owner", "stranger", "operator")
CALLERS = ("anonymous", *PEOPLE, "read-token", "write-token", "gateway-key", "share-link")


@dataclass
class World:
    """A farm with its people, a stranger who owns another site, and everything they could touch.

    The tokens act for the owner of the farm; so do the plots, links and sessions belong to them.
    """

    hub: Hub
    farm: Any
    station: Station
    users: dict[str, Any] = field(default_factory=dict)
    clients: dict[str, httpx.Client] = field(default_factory=dict)

    def sign_in_again(self) -> None:
        """New sessions for everybody who has none any more."""
        for word in PEOPLE:
            client = self.clients[word]
            if client.get("/account").status_code == 200:
                continue
            answer = self.hub.sign_in(client, self.users[word].username, PASSWORD)
            assert answer.status_code == 302
            client.headers["X-CSRFToken"] = self.hub.token(client, "/account")

    def restore(self) -> None:
        """Everybody in their role again, and nobody else."""
        from fieldstation.hub.sites.models import Membership, Role

        rows = Membership.objects.filter(site=self.farm)
        rows.filter(user__in=[self.users["stranger"], self.users["operator"]]).delete()
        for word, role in (("viewer", Role.VIEWER), ("editor", Role.EDITOR), ("owner", Role.OWNER)):
            kept = {"site": self.farm, "user": self.users[word]}
            Membership.objects.update_or_create(**kept, defaults={"role": role})

    def things(self, template: str) -> dict[str, Any]:
        """Whatever the address names, made anew; all of it is the farm's or its owner's."""
        names = re.findall(r"{(\w+)}", template)
        return {name: getattr(self, f"_{name}")() for name in dict.fromkeys(names)}

    def _site(self) -> str:
        return str(self.farm.slug)

    def _old(self) -> str:
        """An instant as the old site writes it."""
        return "2026-01-01 00:00:00"

    def _roof(self) -> str:
        return self.station.slug

    def _query(self) -> str:
        return str(self.options().query())

    def _gateway(self) -> str:
        from fieldstation.hub.stations import keys
        from fieldstation.hub.stations.models import Gateway

        made = keys.new_gateway(f"gate-{secrets.token_hex(6)}")
        Gateway.objects.filter(pk=made.pk).update(site=self.farm)
        return made.slug

    def _new_sensor(self) -> Any:
        from fieldstation.hub.sensors.registration import new_sensor

        # Those of earlier cells would run into the limit of one account.
        self.users["owner"].sensors.update(owner=None)
        return new_sensor(self.users["owner"], self.farm, f"sensor-{secrets.token_hex(6)}")

    def _sensor(self) -> str:
        return str(self._new_sensor().pk)

    def _gone(self) -> str:
        from fieldstation.hub.sensors import erasing

        sensor = self._new_sensor()
        erasing.delete_sensor(sensor)
        return str(sensor.pk)

    def _erased(self) -> str:
        """Number of a sensor and of a span that was deleted from it, as addresses join them."""
        from fieldstation.hub.sensors import erasing

        sensor = self._new_sensor()
        return f"{sensor.pk}/spans/{erasing.delete_span(sensor, 0, 1000).pk}"

    def _plot(self) -> str:
        from fieldstation.hub.plots.models import SavedPlot

        made = SavedPlot.objects.create(user=self.users["owner"], name="p", query=self._query())
        return str(made.pk)

    def _board(self) -> str:
        from fieldstation.hub.plots.models import Dashboard

        return str(Dashboard.objects.create(user=self.users["owner"], name="b").pk)

    def _away(self) -> str:
        """A dashboard that was removed."""
        from django.utils import timezone

        from fieldstation.hub.plots.models import Dashboard

        made = Dashboard.objects.create(
            user=self.users["owner"], name="b", removed_at=timezone.now()
        )
        return str(made.pk)

    def _new_share(self) -> tuple[Any, str]:
        from fieldstation.hub.plots import shares

        self.users["owner"].shares.filter(name="cell").delete()
        return shares.make(self.users["owner"], self.options("cell"), 7)

    def _share(self) -> str:
        return str(self._new_share()[0].pk)

    def _shared(self) -> str:
        return self._new_share()[1]

    def _note(self) -> str:
        from fieldstation.hub.plots.models import Annotation
        from fieldstation.hub.stations.models import Gateway

        roof, owner = Gateway.objects.get(slug=self.station.slug), self.users["owner"]
        words = {"at_us": 1, "text": "x", "user": owner, "who": owner.username}
        return str(Annotation.objects.create(gateway=roof, instrument="inverter", **words).pk)

    def _secret(self) -> str:
        from fieldstation.hub.sites import invitations
        from fieldstation.hub.sites.models import Role

        return invitations.invite(self.users["owner"], self.farm, Role.VIEWER)

    def _invitation(self) -> str:
        from fieldstation.hub.sites.models import Invitation

        self._secret()
        return str(Invitation.objects.filter(site=self.farm).latest("pk").pk)

    def _member(self) -> str:
        from fieldstation.hub.accounts.models import User
        from fieldstation.hub.sites import people
        from fieldstation.hub.sites.models import Role

        somebody = User.objects.create_user(f"cell-{secrets.token_hex(6)}", None)
        return str(people.join(somebody, self.farm, Role.VIEWER).pk)

    def _session(self) -> str:
        from fieldstation.hub.accounts.models import SignedIn

        made = SignedIn.objects.create(user=self.users["owner"], session=secrets.token_hex(12))
        return str(made.pk)

    def _token(self) -> str:
        from fieldstation.hub.accounts import tokens

        self.users["owner"].tokens.filter(name="cell").delete()
        return str(tokens.make(self.users["owner"], "cell", "read", 7)[1].pk)

    def _reset(self) -> str:
        from django.contrib.auth.tokens import default_token_generator
        from django.utils.http import urlsafe_base64_encode

        user = self.users["viewer"]
        place = urlsafe_base64_encode(str(user.pk).encode())
        return f"{place}/{default_token_generator.make_token(user)}"

    def options(self, title: str = "") -> Any:
        """The options of a picture of the farm's inverter."""
        from fieldstation.hub.plots.options import options_of

        curve = f"{self.station.slug}/inverter:battery_voltage"
        return options_of({"curve": [curve], "title": [title]})


def settle(hub: Hub, farm: Any, station: Station) -> World:
    """The callers of the matrix, signed in."""
    from fieldstation.hub.accounts import tokens
    from fieldstation.hub.accounts.models import User
    from fieldstation.hub.plots import shares
    from fieldstation.hub.sites import people
    from fieldstation.hub.sites.models import Role, Site

    world = World(hub, farm, station)
    for word in CALLERS:
        world.clients[word] = hub.client()
    for word in PEOPLE:
        role = word if word in ("viewer", "editor", "owner") else ""
        world.users[word] = User.objects.get(username=make_account(role, farm.slug))
    User.objects.filter(pk=world.users["operator"].pk).update(is_operator=True)
    elsewhere = Site.objects.create(name="Elsewhere", slug=f"else-{secrets.token_hex(4)}")
    people.join(world.users["stranger"], elsewhere, Role.OWNER)
    # So that the owner may leave, and tests of it are about rights alone.
    people.join(User.objects.get(username=make_account()), farm, Role.OWNER)
    owner, week = world.users["owner"], timedelta(days=7).days
    keys = {
        "read-token": tokens.make(owner, "reads", "read", week)[0],
        "write-token": tokens.make(owner, "writes", "write", week)[0],
        "gateway-key": station.key,
        "share-link": shares.make(owner, world.options(), week)[1],
    }
    for word, key in keys.items():
        world.clients[word].headers["Authorization"] = f"Bearer {key}"
    for word in CALLERS:
        if word not in PEOPLE:
            world.clients[word].headers["X-CSRFToken"] = hub.token(world.clients[word])
    world.sign_in_again()
    return world
