"""What a hub knows and does, for Python programs: instruments and their readings, gateways,
sensors, plots and dashboards, sites and their people, the own account.

    from fieldstation.client import Hub

    with Hub("https://hub.example") as hub:
        print(hub.instrument("roof", "inverter").latest().values)

Needs numpy; pandas only for `.pandas()`. The how-to has examples.
"""

from __future__ import annotations

from fieldstation.client.account import Account, Operator, Session, Token
from fieldstation.client.boards import Dashboard, Tile
from fieldstation.client.facts import Channel, Hole, Latest
from fieldstation.client.gateways import Event, Gateway, Pin
from fieldstation.client.hub import Hub
from fieldstation.client.instrument import Instrument
from fieldstation.client.kept import Note, Plots, Share
from fieldstation.client.plots import Drawing, Plot, query_of
from fieldstation.client.sensors import Document, Sensor, Span
from fieldstation.client.sites import Act, Invitation, Member, Site
from fieldstation.client.tables import Buckets, Calendar, Days, Readings
from fieldstation.client.wire import ChangedMeanwhile

__all__ = [
    "Account", "Act", "Buckets", "Calendar", "ChangedMeanwhile", "Channel", "Dashboard", "Days",
    "Document", "Drawing", "Event", "Gateway", "Hole", "Hub", "Instrument", "Invitation", "Latest",
    "Member", "Note", "Operator", "Pin", "Plot", "Plots", "Readings", "Sensor", "Session", "Share",
    "Site", "Span", "Tile", "Token", "query_of",
]  # fmt: skip
