"""Values and channels in people's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import groupby

from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later
from django.utils.translation import pgettext

from fieldstation.batch.facts import Cause
from fieldstation.model import Channel, Kind, Value, unit

# This many digits are enough to look at; of a number with a place after the point, so many.
DIGITS, TELLING = 6, 4
# A channel of so many steps (light, dust) is read by its first digits, whatever its range.
WIDE_STEPS = 5_000_000
# Rounds as browsers do, with room for the longest number there is.
_EXACT = Context(prec=330, rounding=ROUND_HALF_UP)
CAUSES: Mapping[str, object] = {
    Cause.UNPLUGGED: later("unplugged"),
    Cause.BUSY: later("busy"),
    Cause.DENIED: later("denied"),
    Cause.SILENT: later("silent"),
    Cause.GARBLED: later("garbled"),
    Cause.REFUSED: later("refused"),
    Cause.WRONG_UNIT: later("wrong unit"),
    Cause.OVERRUN: later("overrun"),
    Cause.STORE: later("store"),
    Cause.DISK_FULL: later("disk full"),
    Cause.DAMAGED: later("damaged"),
    Cause.CLOCK: later("clock"),
    Cause.OVERWRITTEN: later("overwritten"),
    Cause.STOPPED: later("stopped"),
    Cause.DEFECT: later("defect"),
}


def value_text(channel: Channel, value: Value) -> str:
    """The value without its unit; a dash for none or no text. The pages' script writes it alike."""
    if value is None or value == "":
        return "–"
    if channel.kind is Kind.ENUM:
        return state_named(channel.label_of(value)).replace("_", " ")
    if channel.kind is Kind.FLAG:
        return _("on") if value else _("off")
    if channel.kind is Kind.NUMBER and isinstance(value, int | float):
        return decimal(number_text(channel, value))
    return str(value)


def decimals_shown(channel: Channel) -> int:
    """How many decimals of a channel a person looks at: those of its table, but hundredths where
    its range goes to tens, and tenths where it goes to hundreds or further.
    """
    reach = max(abs(channel.low or 0), abs(channel.high or 0))
    if reach * 10**channel.decimals >= WIDE_STEPS:
        return channel.decimals
    return min(channel.decimals, _telling(reach)) if reach else channel.decimals


def _telling(value: float) -> int:
    """Decimals that leave a number TELLING digits, at least one."""
    return max(1, TELLING - _whole(value))


def _whole(value: float) -> int:
    return len(str(abs(int(value))))


def number_text(channel: Channel, value: float) -> str:
    """A number with the decimals that a person looks at, with a point. Zero has two of them at
    most, and no sign.
    """
    if not channel.decimals:
        return f"{value:.{DIGITS}g}"
    most = _telling(value) if value else TELLING - 2
    decimals = min(decimals_shown(channel), most, max(0, DIGITS - _whole(value)))
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
    return f"{_EXACT.add(rounded, 0):f}"


def decimal(text: str) -> str:
    """A number written with a point, with the decimal mark of the reader's language."""
    return text.replace(".", str(get_format("DECIMAL_SEPARATOR")))


def cause_text(cause: str) -> str:
    """Why readings are missing, in one or two words; that of a newer station as it is told."""
    return str(CAUSES.get(cause) or cause.replace("_", " "))


def plain_label(channel: Channel) -> str:
    """Its label as its table has it, else its name with spaces."""
    return channel.label or channel.name.replace("_", " ").capitalize()


def channel_label(channel: Channel) -> str:
    """Its label in the reader's language, where a catalogue knows it."""
    return named(plain_label(channel))


def named(label: str) -> str:
    """A label, a heading made of labels or a kind of instrument, in the reader's language."""
    return pgettext("channel", label) if label else ""


def state_named(label: str) -> str:
    """The label of a code, in the reader's language."""
    return pgettext("state", label) if label else ""


def codes(channel: Channel) -> dict[str, str]:
    """What the page's script says for the codes of an enumeration."""
    return {str(code): state_named(label) for code, label in channel.codes.items()}


def quantity(channel: Channel) -> str:
    """The heading under which the channel is listed."""
    if channel.kind in (Kind.FLAG, Kind.ENUM):
        return _("States")
    if channel.kind is Kind.TEXT:
        return _("Texts")
    known = unit(channel.unit)
    if known.quantity == channel.unit != "":
        return channel.unit  # one that the table lacks; capitals make it another
    return _(known.quantity.capitalize()) if channel.unit else _("Numbers")


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
