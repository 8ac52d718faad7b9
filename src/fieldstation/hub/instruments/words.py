"""Values and channels in people's words."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from django.utils.translation import gettext as _

from fieldstation.model import Channel, Kind, Value, unit

# This many digits are enough to look at.
DIGITS = 6


def value_text(channel: Channel, value: Value) -> str:
    """The value without its unit; a dash for none or no text. The pages' script writes it alike."""
    if value is None or value == "":
        return "–"
    if channel.kind is Kind.ENUM:
        return channel.label_of(value).replace("_", " ")
    if channel.kind is Kind.FLAG:
        return _("on") if value else _("off")
    if channel.kind is Kind.NUMBER and isinstance(value, int | float):
        whole = len(str(abs(int(value))))
        decimals = min(channel.decimals, max(0, DIGITS - whole))
        return f"{value:.{decimals}f}" if channel.decimals else f"{value:.{DIGITS}g}"
    return str(value)


def channel_label(channel: Channel) -> str:
    """Its label, else its name with spaces."""
    return channel.label or channel.name.replace("_", " ").capitalize()


def quantity(channel: Channel) -> str:
    """The heading under which the channel is listed."""
    if channel.kind in (Kind.FLAG, Kind.ENUM):
        return _("States")
    if channel.kind is Kind.TEXT:
        return _("Texts")
    known = unit(channel.unit)
    return known.quantity.capitalize() if channel.unit else _("Numbers")


def plottable(channel: Channel) -> bool:
    """True when it can be drawn over time: everything but texts."""
    return channel.kind is not Kind.TEXT


def averaged(channel: Channel) -> bool:
    """True when the store keeps buckets of it: whatever is no text and has no text codes."""
    if channel.kind is Kind.ENUM:
        return not any(isinstance(code, str) for code in channel.codes)
    return channel.kind is not Kind.TEXT


def by_quantity(channels: Iterable[Channel]) -> list[tuple[str, list[Channel]]]:
    """Channels under their headings, measured quantities in alphabetical order first."""
    last = {_("Numbers"): 1, _("States"): 2, _("Texts"): 3}

    def place(channel: Channel) -> tuple[int, str]:
        heading = quantity(channel)
        return last.get(heading, 0), heading

    ordered = sorted(channels, key=place)
    return [(heading, list(group)) for heading, group in groupby(ordered, quantity)]
