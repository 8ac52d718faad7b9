"""A picture as it was ordered: the query of its address, read and written.

1. Page, data and picture files read the same query, so an address shows the same wherever it is
   opened (test_page_data_and_picture_take_the_same_options).
2. The names are those of the old site's form; `units` of one parameter gave way to `curve`, which
   may stand several times, each `gateway/instrument:channel`.
3. What stands at its default is left out of a written query
   (test_a_query_written_and_read_again_is_the_same).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from urllib.parse import urlencode

from django.utils.translation import gettext as words

from fieldstation.errors import BadRequest
from fieldstation.export.picture import MARKERS, STYLES, Look

MOST_CURVES = 16
LONGEST_TEXT, LONGEST_QUERY = 200, 8000
WIDTHS, HEIGHTS = (200, 4000), (150, 3000)
MOST_MINUTES = 10 * 366 * 1440
# How far back the span to compare with lies; `before`: by its own length.
COMPARE = ("", "1d", "7d", "28d", "365d", "before")
_TRUE, _FALSE = ("1", "on", "true", "y", "yes"), ("", "0", "off", "false", "n", "no")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class CurveName:
    """A channel of an instrument of a gateway, as addresses write it."""

    gateway: str
    instrument: str
    channel: str

    def __str__(self) -> str:
        return f"{self.gateway}/{self.instrument}:{self.channel}"


@dataclass(frozen=True, slots=True)
class PlotOptions:
    """What a picture shows and how. `start` and `end` are kept as written (see `moments`);
    `interval` in minutes, 0 for as fine as the picture can show.
    """

    curves: tuple[CurveName, ...] = ()
    start: str = "-24h"
    end: str = "now"
    interval: int = 0
    compare: str = ""
    look: Look = field(default_factory=Look)

    def query(self) -> str:
        """The query of the picture's address."""
        pairs = [("curve", str(curve)) for curve in self.curves]
        usual = PlotOptions()
        for name in ("start", "end", "interval", "compare"):
            if getattr(self, name) != getattr(usual, name):
                pairs.append((name, str(getattr(self, name))))
        for each in fields(Look):
            value = getattr(self.look, each.name)
            if value != getattr(usual.look, each.name):
                written = "1" if value is True else str(value)
                pairs.append((NAMES.get(each.name, each.name), written))
        return urlencode(pairs)


# Names in addresses that differ from those of the fields: the old form's.
NAMES = {"x_title": "xlabel", "y_title": "ylabel"}


def options_of(query: Mapping[str, Sequence[str]]) -> PlotOptions:
    """The options of a query, each name with its values. Raises BadRequest with a sentence that
    names the field.
    """
    return PlotOptions(
        curves=_curves(query.get("curve", ())),
        start=_text(query, "start_date", 40) or _text(query, "start", 40) or "-24h",
        end=_text(query, "end_date", 40) or _text(query, "end", 40) or "now",
        interval=_number(query, "interval", 0, (0, MOST_MINUTES)),
        compare=_choice(query, "compare", COMPARE, ""),
        look=_look(query),
    )


def _look(query: Mapping[str, Sequence[str]]) -> Look:
    usual = Look()
    return Look(
        title=_text(query, "title"),
        x_title=_text(query, "xlabel"),
        y_title=_text(query, "ylabel"),
        date_format=_text(query, "date_format", 60),
        style=_choice(query, "style", STYLES, usual.style),
        tight_layout=_flag(query, "tight_layout"),
        logarithmic_scale=_flag(query, "logarithmic_scale"),
        marker=_choice(query, "marker", MARKERS, usual.marker),
        width=_number(query, "width", usual.width, WIDTHS),
        height=_number(query, "height", usual.height, HEIGHTS),
    )


def _curves(texts: Sequence[str]) -> tuple[CurveName, ...]:
    found = tuple(dict.fromkeys(_curve(text) for text in texts if text))
    if len(found) > MOST_CURVES:
        raise BadRequest(
            words("A picture has room for %(most_curves)s curves; choose fewer.")
            % {"most_curves": MOST_CURVES}
        )
    return found


def _curve(text: str) -> CurveName:
    place, _, channel = text.rpartition(":")
    gateway, _, instrument = place.partition("/")
    if not (gateway and instrument and channel):
        raise BadRequest(
            words("curve %(text)r names no channel; write gateway/instrument:channel.")
            % {"text": text[:80]}
        )
    return CurveName(gateway, instrument, channel)


def _text(query: Mapping[str, Sequence[str]], name: str, longest: int = LONGEST_TEXT) -> str:
    text = _CONTROL.sub(" ", _last(query, name)).strip()
    if len(text) > longest:
        raise BadRequest(
            words("%(name)s is longer than %(longest)s characters; shorten it.")
            % {"name": name, "longest": longest}
        )
    return text


def _choice(
    query: Mapping[str, Sequence[str]],
    name: str,
    choices: Sequence[str] | Mapping[str, str],
    usual: str,
) -> str:
    text = _last(query, name) or usual
    if text not in choices:
        raise BadRequest(
            words("%(name)s %(text)r is none of %(known)s.")
            % {"name": name, "text": text[:40], "known": ", ".join(filter(None, choices))}
        )
    return text


def _flag(query: Mapping[str, Sequence[str]], name: str) -> bool:
    text = _last(query, name).lower()
    if text not in (*_TRUE, *_FALSE):
        raise BadRequest(
            words("%(name)s %(text)r is neither 1 nor 0.") % {"name": name, "text": text[:40]}
        )
    return text in _TRUE


def _number(
    query: Mapping[str, Sequence[str]], name: str, usual: int, bounds: tuple[int, int]
) -> int:
    text = _last(query, name)
    if not text:
        return usual
    low, high = bounds
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise BadRequest(
            words("%(name)s %(text)r is no whole number from %(low)s to %(high)s.")
            % {"name": name, "text": text[:40], "low": low, "high": high}
        )
    return int(text)


def _last(query: Mapping[str, Sequence[str]], name: str) -> str:
    values = query.get(name, ())
    return values[-1] if values else ""
