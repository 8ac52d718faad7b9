"""Somebody new needs no site before the first sensor or gateway, and finds it under its name."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Person = Callable[..., httpx.Client]


def roles(client: httpx.Client) -> list[str]:
    """What the person is, at which sites."""
    from fieldstation.hub.sites.models import Membership, Role

    rows = Membership.objects.filter(user__username=client.headers["X-Name"])
    return [Role(row.role).name for row in rows]


def send(hub: Any, client: httpx.Client, path: str, name: str) -> httpx.Response:
    """The form with no more than a name."""
    token = hub.token(client, "/account")
    return client.post(path, data={"name": name, "csrfmiddlewaretoken": token})


@pytest.mark.parametrize("path", ["/sensors/register", "/add-gateway"])
def test_who_is_alone_gets_a_site_with_the_first_thing(
    hub: Any, new_person: Person, path: str
) -> None:
    alone = new_person()
    assert "new site of yours" in alone.get(path).text
    assert send(hub, alone, path, f"shed {secrets.token_hex(4)}").status_code == 200
    assert roles(alone) == ["OWNER"]
    assert "new site of yours" not in alone.get(path).text
    assert send(hub, alone, path, f"barn {secrets.token_hex(4)}").status_code == 200
    assert roles(alone) == ["OWNER"]


@pytest.mark.parametrize(("path", "status"), [("/sensors/register", 400), ("/add-gateway", 403)])
def test_a_viewer_of_a_site_gets_none_by_accident(
    hub: Any, new_person: Person, path: str, status: int
) -> None:
    viewer = new_person("viewer")
    assert send(hub, viewer, path, f"shed {secrets.token_hex(4)}").status_code == status
    assert roles(viewer) == ["VIEWER"]


def test_a_sensor_is_called_as_people_named_it_and_leads_back_to_the_sensors(
    hub: Any, new_person: Person
) -> None:
    from fieldstation.hub.sensors.intake import accept_blocking
    from fieldstation.hub.sensors.models import Sensor

    alone = new_person()
    send(hub, alone, "/sensors/register", "Old well, north")
    sensor = Sensor.objects.get(owner__username=alone.headers["X-Name"])
    accept_blocking(sensor, {"level": 1.5}, marked=False)
    page = alone.get(f"/instruments/{sensor.gateway.slug}/{sensor.instrument}")
    assert page.status_code == 200
    assert "<h1><bdi>Old well, north</bdi></h1>" in page.text
    assert 'href="/gateways/' not in page.text
    assert "<bdi>Old well, north</bdi>" in alone.get("/").text
