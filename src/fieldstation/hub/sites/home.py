"""The first site: where gateways and people belong that nobody has placed elsewhere."""

from __future__ import annotations

from fieldstation.hub.sites.models import Site

SLUG, NAME = "home", "Home"


def home() -> Site:
    """The first site, made when there is none."""
    site, _ = Site.objects.get_or_create(slug=SLUG, defaults={"name": NAME})
    return site
