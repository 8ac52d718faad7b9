"""A filled order in its two forms: the picture that the server draws, and the data from which the
page draws the same.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fieldstation.export.picture import Curve, Form, Gap, Lane, Note, Picture
from fieldstation.hub import languages
from fieldstation.hub.api.arrays import bucket_columns, span_columns
from fieldstation.hub.instruments.words import (
    cause_text,
    channel_label,
    codes,
    decimals_shown,
    value_text,
)
from fieldstation.hub.ledger.models import Hole
from fieldstation.hub.plots.figures import Day, Figures
from fieldstation.hub.plots.order import Drawn, Order, Source


def picture(order: Order, form: Form) -> Picture:
    """What the drawing processes take, in a language that their font has the letters of."""
    with languages.drawn():
        return _picture(order, form)


def _picture(order: Order, form: Form) -> Picture:
    return Picture(
        order.options.look,
        *order.span,
        str(order.zone),
        curves=tuple(_curve(order, one) for one in order.drawn),
        lanes=tuple(
            Lane(label(order, source), tuple(_spans(source, spans)))
            for source, spans in order.lanes
        ),
        gaps=tuple(
            Gap(row.first_utc_us, _ended(order, row), cause_text(row.cause)) for row in order.holes
        ),
        notes=tuple(Note(note.at_us, note.text) for note in order.notes),
        form=form,
    )


def data(order: Order, *, editor: bool = False) -> dict[str, Any]:
    """What the page's script takes; times in seconds since 1970. Notes say whether they may be
    removed, which an `editor` may.
    """
    return {
        "from": order.span[0] / 1e6,
        "to": order.span[1] / 1e6,
        "zone": str(order.zone),
        "curves": [
            {
                **_facts(order, one.source, earlier=one.earlier),
                **bucket_columns(one.buckets),
                "moved_s": one.moved_us / 1e6,
                "earlier": one.earlier,
                "span_s": one.buckets.span_us / 1e6,
                "reach_s": one.reach_us / 1e6,
                "figures": _figures(order.figures(one)),
                "last_s": _last_s(one),
            }
            for one in order.drawn
        ],
        "lanes": [
            {**_facts(order, source), **span_columns(spans, source.channel.kind)}
            for source, spans in order.lanes
        ],
        "gaps": [
            {
                "cause": row.cause,
                "layout": row.layout,
                "from": row.first_utc_us / 1e6,
                "to": _ended(order, row) / 1e6,
                "open": row.state == "open",
            }
            for row in order.holes
        ],
        "notes": [
            {
                "id": note.id,
                "at": note.at_us / 1e6,
                "text": note.text,
                "who": note.who,
                "instrument": note.instrument,
                "removable": editor,
            }
            for note in order.notes
        ],
    }


def day_rows(order: Order) -> list[dict[str, Any]]:
    """Each measured channel with its days."""
    return [
        {
            **_facts(order, source),
            "days": [_day(day) for day in order.days(source)],
            "total_unit": f"{source.channel.unit}h" if source.channel.unit else "h",
        }
        for source in order.sources
        if not source.state
    ]


def label(order: Order, source: Source, *, earlier: bool = False) -> str:
    """The curve's words: its channel, its instrument where there are several."""
    words = channel_label(source.channel)
    if len(order.instruments) > 1:
        words = f"{source.instrument.called}: {words}"
    return f"{words}, {compare_word(order.options.compare)}" if earlier else words


def compare_word(compare: str) -> str:
    """The span to compare with, in words."""
    words = {
        "1d": _("the day before"),
        "7d": _("a week before"),
        "28d": _("four weeks before"),
        "365d": _("a year before"),
        "before": _("the span before"),
    }
    return words.get(compare, pgettext("no comparison", "nothing"))


def _curve(order: Order, one: Drawn) -> Curve:
    buckets = one.buckets
    return Curve(
        label(order, one.source, earlier=one.earlier), one.source.channel.unit,
        buckets.start_us + one.moved_us, buckets.minimum, buckets.mean, buckets.maximum,
        one.reach_us, one.earlier,
    )  # fmt: skip


def _spans(source: Source, spans: Any) -> list[tuple[int, int, str]]:
    words = [
        _("several") if mixed else value_text(source.channel, _plain(value))
        for value, mixed in zip(spans.value, spans.mixed, strict=True)
    ]
    starts, ends = spans.start_us.tolist(), spans.end_us.tolist()
    return list(zip(starts, ends, words, strict=True))


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else int(value)


def _ended(order: Order, row: Hole) -> int:
    """When the readings went on: one step after the last that is missing."""
    if row.count > 1:
        return row.last_utc_us + (row.last_utc_us - row.first_utc_us) // (row.count - 1)
    every = {one.name: one.entry.every_us for one in order.instruments}
    return row.last_utc_us + every.get(row.instrument, 0)


def _facts(order: Order, source: Source, *, earlier: bool = False) -> dict[str, Any]:
    channel = source.channel
    return {
        "id": str(source.name),
        "label": label(order, source, earlier=earlier),
        "kind": channel.kind,
        "unit": channel.unit,
        "decimals": decimals_shown(channel),
        "codes": codes(channel),
    }


def _figures(found: Figures) -> dict[str, Any]:
    return {
        "n": found.n,
        "min": found.minimum,
        "mean": found.mean,
        "max": found.maximum,
        "last": found.last,
        "completeness": found.completeness,
    }


def _day(day: Day) -> dict[str, Any]:
    return {
        "day": day.day.isoformat(),
        "hours": day.hours,
        "change": day.change,
        "total": day.total,
        **_figures(day.figures),
    }


def _last_s(one: Drawn) -> float | None:
    starts = one.buckets.start_us
    return float(starts[-1]) / 1e6 if len(starts) else None
