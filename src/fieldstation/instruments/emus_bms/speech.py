"""Lines as the unit says them: for the twin, and for whoever checks the codec. Nothing in here is
ever sent to a unit; what may be asked of one is in `requests`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fieldstation.errors import BadRequest
from fieldstation.instruments.emus_bms.channels import LAYOUTS
from fieldstation.instruments.emus_bms.grammar import crc8
from fieldstation.instruments.emus_bms.sentences import SENTENCES
from fieldstation.model import Channel, Value


def seal(text: str) -> bytes:
    """A line as the unit sends it; `text` is all before the last comma."""
    body = text.encode("ascii") + b","
    return b"\r\n%s%02X\r\n" % (body, crc8(body))


def encode_sentence(name: str, values: Mapping[str, Value]) -> bytes:
    """The line that says `values`, all else at zero. Raises BadRequest for a sentence whose fields
    have no fixed places.
    """
    if name not in SENTENCES:
        raise BadRequest(f"{name!r} is no sentence with fixed fields: {', '.join(SENTENCES)}")
    shape = SENTENCES[name]
    said = dict.fromkeys(shape.channels, 0) | {shape.available: True} | dict(values)
    return seal(",".join([name, *shape.encode(said)]))


def _exact(channel: Channel) -> bool:
    """Whether a line can say every value of the channel's range: not those that stand for the same
    digits as another, nor a rate, which has 255 steps.
    """
    return not (
        channel.name.endswith(("_raw", "_available", "_coulombs"))
        or channel.name.startswith("balancing_rate")
    )


_CHANNELS = {channel.name: channel for layout in LAYOUTS for channel in layout.channels}


def _said(name: str) -> tuple[Channel, ...]:
    found = (_CHANNELS[word] for word in SENTENCES[name].channels if word in _CHANNELS)
    return tuple(_stepped(channel) for channel in found if _exact(channel))


def _stepped(channel: Channel) -> Channel:
    # Coulombs are whole: a tenth of an ampere hour is the finest step that they all can show.
    return replace(channel, decimals=2) if channel.unit == "Ah" else channel


FRAMES = tuple((name, _said(name)) for name in SENTENCES)
"""Sentences that `encode_sentence` can say, each with the channels that it tells exactly."""
