"""The words of the program: unit, channel, layout, reading, talk. Standard library only, no clock,
no I/O.
"""

from fieldstation.model.channel import Channel, Kind, Value
from fieldstation.model.hearing import (
    Heard,
    Listened,
    Listener,
    Message,
    Remark,
    Speaker,
)
from fieldstation.model.layout import Layout
from fieldstation.model.option import Option, OptionValue, chosen
from fieldstation.model.reading import Instant, Kept, Reading, Trust
from fieldstation.model.talk import (
    Conversation,
    Driver,
    Exchange,
    HidLine,
    I2cLine,
    Identity,
    Line,
    MqttLine,
    Outgoing,
    Poll,
    SerialLine,
    SpiLine,
    Twin,
    acquainted,
    ask,
    configured,
    explored,
    farewell,
    paced,
    speaks_every_s,
)
from fieldstation.model.unit import UNITS, Unit, unit

__all__ = [
    "UNITS", "Channel", "Conversation", "Driver", "Exchange", "Heard", "HidLine", "I2cLine",
    "Identity", "Instant", "Kept", "Kind", "Layout", "Line", "Listened", "Listener", "Message",
    "MqttLine", "Option", "OptionValue", "Outgoing", "Poll", "Reading", "Remark", "SerialLine",
    "Speaker", "SpiLine", "Trust", "Twin", "Unit", "Value", "acquainted", "ask", "chosen",
    "configured", "explored", "farewell", "paced", "speaks_every_s", "unit",
]  # fmt: skip
