"""The door to the TriStar MPPT's bytes for everything that is no driver: captures, vectors, the
conformance kit.

Frames are RTU replies; their name is that of a layout, or the RTU request in hexadecimal. Words
that come without scaling terms are scaled with the usual 180 V and 80 A. A battery behind the name
(`settings@24`) also gives the charge settings as they act on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.tristar_mppt import channels, reply
from fieldstation.instruments.tristar_mppt.forms import USUAL
from fieldstation.instruments.tristar_mppt.registers import encode_words, step_of
from fieldstation.instruments.tristar_mppt.scaling import scaled
from fieldstation.instruments.tristar_mppt.values import MASK, kept, named, registered
from fieldstation.instruments.tristar_mppt.vectors import decode_vector, vector_frame
from fieldstation.model import Channel, Kind, Layout, Value
from fieldstation.model.talk import FrameEnd
from fieldstation.protocol.modbus import Rtu

__all__ = [
    "CHECKED", "FRAMES", "FRAME_LIMIT", "STEPS", "decode_frame", "decode_vector", "encode_frame",
    "frame_end", "read_frame", "vector_frame",
]  # fmt: skip

FRAME_LIMIT = Rtu.limit
CHECKED = True

UNIT = 1
LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in channels.LAYOUTS}


def _carried(layout: Layout) -> tuple[Channel, ...]:
    """Channels that have words of their own; names of bits follow from the mask."""
    return tuple(
        channel for channel in layout.channels if f"{channel.name}{MASK}" not in layout.names
    )


FRAMES = tuple((layout.name, _carried(layout)) for layout in channels.READ)
"""Frames by name and the channels that each carries."""

STEPS: dict[str, float] = {
    channel.name: step_of(channel.name)
    for _name, carried in FRAMES
    for channel in carried
    if channel.kind is Kind.NUMBER
}
"""What one count of each scaled channel is worth with the usual terms."""


def frame_end(name: str) -> FrameEnd:
    """Where the reply to the request called `name` ends in a stream of anything. Raises CodecError
    `unknown_command`.
    """
    rtu = Rtu()
    return rtu.checked(rtu.reply_end(UNIT, reply.request_named(name)))


def decode_frame(name: str, data: bytes) -> dict[str, Any]:
    """All that an RTU reply holds, by channel name; numbers are not rounded. An empty name is
    guessed by size. Raises CodecError, InstrumentRefused.
    """
    return named(_values(name, data))


def read_frame(name: str, data: bytes) -> dict[str, Value]:
    """The values of the layout `name` in the reply to its request, as they are kept; for another
    name those of all layouts. Raises as `decode_frame`.
    """
    values, base = _values(name, data), name.partition(reply.ON)[0]
    layouts = [LAYOUTS[base]] if base in LAYOUTS else channels.LAYOUTS
    return {key: value for layout in layouts for key, value in kept(values, layout).items()}


def _values(name: str, data: bytes) -> dict[str, Any]:
    request = reply.request_named(name) if name else reply.guess(data)
    _unit, _number, pdu = Rtu().unseal(data)
    values = reply.reply_values(request, pdu)
    return values | scaled(values, reply.system_named(name))


def encode_frame(name: str, values: Mapping[str, Value]) -> bytes:
    """The RTU reply of unit 1 that brings `values`, all other words 0. Raises CodecError
    `unknown_command`, and `field_count` for a channel that the reply does not hold.
    """
    request = reply.REQUESTS.get(name)
    if request is None:
        raise CodecError("unknown_command", f"no reply is called {name!r}")
    scale = {"v_pu": USUAL.v_pu, "i_pu": USUAL.i_pu} if request.start == 0 else {}
    words = encode_words(scale | registered(values), USUAL)
    block = range(request.start, request.start + request.count)
    if not words.keys() <= set(block):
        raise CodecError("field_count", f"no reply to {request} holds {', '.join(values)}")
    pdu = request.encode_reply([words.get(address, 0) for address in block])
    return Rtu().seal(UNIT, pdu)
