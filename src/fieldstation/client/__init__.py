"""What a hub knows, for Python programs: instruments, newest values, readings, buckets, holes.

    from fieldstation.client import Hub

    with Hub("https://hub.example") as hub:
        print(hub.instrument("roof", "inverter").latest().values)

Needs numpy; pandas only for `.pandas()`. The how-to has examples.
"""

from __future__ import annotations

from fieldstation.client.facts import Channel, Hole, Latest
from fieldstation.client.hub import Hub
from fieldstation.client.instrument import Instrument
from fieldstation.client.tables import Buckets, Readings

__all__ = ["Buckets", "Channel", "Hole", "Hub", "Instrument", "Latest", "Readings"]
