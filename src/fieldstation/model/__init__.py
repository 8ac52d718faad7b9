"""The words of the program: unit, channel, layout, reading, talk. Standard library only, no clock,
no I/O.
"""

from fieldstation.model.channel import Channel, Kind, Value
from fieldstation.model.layout import Layout
from fieldstation.model.reading import Instant, Kept, Reading, Trust
from fieldstation.model.talk import (
    Conversation,
    Driver,
    Exchange,
    Identity,
    Outgoing,
    Poll,
    SerialLine,
    Twin,
    ask,
)
from fieldstation.model.unit import UNITS, Unit, unit

__all__ = [
    "UNITS", "Channel", "Conversation", "Driver", "Exchange", "Identity", "Instant", "Kept",
    "Kind", "Layout", "Outgoing", "Poll", "Reading", "SerialLine", "Trust", "Twin", "Unit",
    "Value", "ask", "unit",
]  # fmt: skip
