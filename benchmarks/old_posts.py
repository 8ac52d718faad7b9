"""The same load at an address of the old site: no token, one sentence as the answer."""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.posts import PER_S, Sender, measured

OWNER, PASSWORD = "grower", "a long enough word to grow"


def measure() -> list[Figure]:
    """Documents of nodes that know only a person's name and their own."""
    return measured("old posts", _senders)


def _senders(count: int) -> list[Sender]:
    from fieldstation.hub.greenhouse import house
    from fieldstation.hub.greenhouse.models import Greenhouse
    from fieldstation.hub.sensors import registration
    from fieldstation.hub.sites.home import home
    from fieldstation.hub.sites.people import settle

    owner = settle(OWNER, PASSWORD, "", operator=False, site="", role="")
    house.set_up(posts=True)
    # All nodes post from one address here, which the usual limit takes for one node gone wild.
    Greenhouse.objects.update(posts_per_minute=2 * 60 * PER_S)
    names = [f"node{number}" for number in range(count)]
    for name in names:
        registration.new_sensor(owner, home(), name, legacy_posts=True)
    return [
        Sender(number, f"/sensors/post-json/{OWNER}/{name}") for number, name in enumerate(names)
    ]
