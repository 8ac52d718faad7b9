"""A gateway's name is its site's own: nobody learns what others call theirs."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from fieldstation.errors import BadRequest
from fieldstation.hub import run

from .conftest import Hub


@pytest.fixture
def sites(hub: Hub) -> list[Any]:
    from fieldstation.hub.sites.models import Site

    slugs = [f"names-{secrets.token_hex(4)}" for _ in range(2)]
    return [Site.objects.create(name=slug, slug=slug) for slug in slugs]


def test_two_sites_may_have_a_gateway_of_the_same_name(hub: Hub, sites: list[Any]) -> None:
    from fieldstation.hub.stations import keys

    name = f"Roof {secrets.token_hex(4)}"
    one, other = (keys.new_gateway(name, site) for site in sites)
    assert (one.name, other.name) == (name, name)
    assert one.slug != other.slug
    with pytest.raises(BadRequest, match="already"):
        keys.new_gateway(name, sites[0])
    with pytest.raises(BadRequest, match="already"):
        keys.move(other, sites[0])
    other.refresh_from_db()
    with pytest.raises(BadRequest, match=f"{one.slug}, {other.slug}"):
        run.revoke_gateway(hub.data, name)
    run.revoke_gateway(hub.data, other.slug)
    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.revoked_at is None, other.revoked_at is None) == (True, False)


def test_the_tables_move_no_gateway_to_where_its_name_is_taken(hub: Hub, sites: list[Any]) -> None:
    from django.forms import modelform_factory

    from fieldstation.hub.sites.tables import Gateways
    from fieldstation.hub.stations import keys
    from fieldstation.hub.stations.models import Gateway

    name = f"Roof {secrets.token_hex(4)}"
    one, other = (keys.new_gateway(name, site) for site in sites)
    made = modelform_factory(Gateway, form=Gateways.form, fields=("site",))
    refused = made({"site": one.site_id}, instance=Gateway.objects.get(pk=other.pk))
    assert "of that name" in str(refused.errors)
    assert made({"site": other.site_id}, instance=Gateway.objects.get(pk=other.pk)).is_valid()
