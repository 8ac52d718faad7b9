"""Curves drawn with matplotlib: PNG, SVG or PDF as bytes. A pure function of the picture.

1. matplotlib keeps its style in globals, so one process draws one picture at a time; the hub gives
   this work to processes of their own.
2. Words of people are never taken for formulas: `$` is a dollar (test_a_dollar_is_no_formula).
3. The same picture gives the same bytes: no date, no chance in the file
   (test_the_same_picture_gives_the_same_bytes).
4. At most two units have axes of their own, left and right; further ones share the right one and
   every curve names its unit in the legend.
5. Nothing is reckoned twice that cannot change: the ticks of time are settled before the layout
   looks at them a dozen times, and a PNG is laid out and drawn in one go.
"""

from __future__ import annotations

import io
import warnings
import zlib
from contextlib import suppress
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
from cycler import cycler
from matplotlib import rc_context, rcParams
from matplotlib import style as styles
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator
from numpy.typing import NDArray

from fieldstation.export.fonts import further_families
from fieldstation.export.picture import OWN_STYLE, STYLES, Curve, Form, Lane, Picture

DPI = 100
DAY_US = 86_400_000_000
_SAFE: dict[str, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "svg.hashsalt": "fieldstation",
}
# Told apart with any kind of colour vision; the same as on the pages.
_COLOURS = ("#12695b", "#b3541e", "#2f5fb3", "#8a3b80", "#6b6a00", "#a02c4c", "#3f7484", "#6a5acd")
_OWN: dict[str, Any] = {
    "axes.edgecolor": "#b9c3bc",
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e3e8e4",
    "font.size": 10.5,
    "lines.linewidth": 1.4,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
}
_GAP_COLOUR, _NOTE_COLOUR = "#a1262b", "#56635d"
_LANE_HEIGHT = 34  # pixels
_NO_DATE: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def draw(picture: Picture) -> bytes:
    """The file of the picture in its form."""
    with rc_context(), warnings.catch_warnings():
        # A letter that no font has is drawn as a box, which says enough.
        warnings.simplefilter("ignore")
        _choose_style(picture.look.style)
        rcParams["font.family"] = rcParams["font.family"] + further_families(picture)
        return _file(_figure(picture), picture)


def _choose_style(name: str) -> None:
    styles.use(STYLES.get(name, "default"))
    if name == OWN_STYLE:
        styles.use(_OWN | {"axes.prop_cycle": cycler(color=_COLOURS)})
    styles.use(_SAFE)


def _file(figure: Figure, picture: Picture) -> bytes:
    out = io.BytesIO()
    options: dict[str, Any] = {}
    engine = figure.get_layout_engine()
    if picture.form is Form.PNG and engine is not None:
        # matplotlib draws a picture that has no layout yet twice. The other forms are measured
        # by their own means and must be laid out while they are written.
        with suppress(ValueError):
            # As matplotlib does: what is too small for a layout is drawn without.
            engine.execute(figure)
        figure.set_layout_engine(None)
        # Looking for runs of one colour only: 7 % more bytes in two thirds of the time.
        options["pil_kwargs"] = {"compress_type": zlib.Z_RLE}
    figure.savefig(
        out, format=picture.form.value, dpi=DPI, metadata=_NO_DATE[picture.form.value], **options
    )
    return out.getvalue()


def _figure(picture: Picture) -> Figure:
    look = picture.look
    tight: Literal["tight", "constrained"] = "tight" if look.tight_layout else "constrained"
    figure = Figure((look.width / DPI, look.height / DPI), dpi=DPI, layout=tight)
    below = look.height - _LANE_HEIGHT * len(picture.lanes)
    heights = [_LANE_HEIGHT * len(picture.lanes) or 1, max(60, below)]
    if picture.lanes and picture.curves:
        top, axes = figure.subplots(2, 1, sharex=True, height_ratios=heights)
        _draw_lanes(top, picture.lanes)
        top.tick_params(labelbottom=False)
    elif picture.lanes:
        axes = figure.subplots()
        _draw_lanes(axes, picture.lanes)
    else:
        axes = figure.subplots()
    if picture.curves or not picture.lanes:
        _draw_curves(axes, picture)
    _time_axis(axes, picture)
    if look.title and picture.lanes:
        # Above the words of the lanes.
        figure.suptitle(_shown(look.title), x=0.02, ha="left", parse_math=False)
    elif look.title:
        axes.set_title(_shown(look.title), parse_math=False)
    if look.x_title:
        axes.set_xlabel(_shown(look.x_title), parse_math=False)
    return figure


def _draw_curves(axes: Axes, picture: Picture) -> None:
    look, handles = picture.look, []
    units = list(dict.fromkeys(curve.unit for curve in picture.curves))
    right = axes.twinx() if len(units) > 1 else None
    if right is not None:
        right.grid(False)
        right.spines["right"].set_visible(True)
    colours = _cycle()
    for place, curve in enumerate(_by_colour(picture.curves)):
        home = axes if right is None or curve.unit == units[0] else right
        handles += _draw_curve(home, curve, colours[place % len(colours)], look.marker)
    for each in (axes, right):
        if each is not None and look.logarithmic_scale:
            each.set_yscale("log", nonpositive="mask")
    axes.set_ylabel(_shown(look.y_title or _units(units[:1])), parse_math=False)
    if right is not None:
        right.set_ylabel(_shown(_units(units[1:])), parse_math=False)
    if handles:
        labels = [_legend(curve) for curve in _by_colour(picture.curves)]
        axes.legend(handles, labels, loc="upper left", fontsize="small")
    _shade(axes, picture)


def _by_colour(curves: tuple[Curve, ...]) -> list[Curve]:
    return sorted(curves, key=lambda curve: curve.earlier)


def _draw_curve(axes: Axes, curve: Curve, colour: str, marker: str) -> list[Any]:
    times, low, mean, high = _with_gaps(curve)
    kind: dict[str, Any] = {"color": colour, "linestyle": "--" if curve.earlier else "-"}
    if marker != "None":
        kind |= {"marker": marker, "markersize": 4}
    elif len(curve.times_us) == 1:
        kind["marker"] = "."
    if not curve.earlier and bool(np.any(low < high)):
        axes.fill_between(times, low, high, color=colour, alpha=0.22, linewidth=0)
    return list(axes.plot(times, mean, **kind))


def _with_gaps(curve: Curve) -> tuple[NDArray[Any], ...]:
    """Times in days and the three columns, with NaN inside each gap."""
    times = curve.times_us
    behind = np.flatnonzero(np.diff(times) > curve.reach_us) + 1
    middle = (times[behind] + times[behind - 1]) // 2 if len(behind) else behind
    columns = [np.insert(one, behind, np.nan) for one in (curve.low, curve.mean, curve.high)]
    return np.insert(times, behind, middle) / DAY_US, *columns


def _draw_lanes(axes: Axes, lanes: tuple[Lane, ...]) -> None:
    words = list(dict.fromkeys(text for lane in lanes for _, _, text in lane.spans))
    colours = _cycle()
    shades = {text: colours[place % len(colours)] for place, text in enumerate(words)}
    for row, lane in enumerate(lanes):
        for text in dict.fromkeys(text for _, _, text in lane.spans):
            bars = [(a / DAY_US, (b - a) / DAY_US) for a, b, t in lane.spans if t == text]
            axes.broken_barh(bars, (-row - 0.4, 0.8), facecolors=shades[text], label=_plain(text))
    axes.set_yticks([-row for row in range(len(lanes))])
    axes.set_yticklabels([_shown(lane.label) for lane in lanes], parse_math=False)
    axes.set_ylim(-len(lanes) + 0.4, 0.6)
    axes.grid(False)
    handles, labels = axes.get_legend_handles_labels()
    shown = dict(zip(labels, handles, strict=True))
    if shown:
        axes.legend(
            shown.values(), shown.keys(), ncols=8, fontsize="small", frameon=False,
            loc="lower left", bbox_to_anchor=(0, 1), borderpad=0,
        )  # fmt: skip


def _shade(axes: Axes, picture: Picture) -> None:
    for gap in picture.gaps:
        first, last = max(gap.first_us, picture.start_us), min(gap.last_us, picture.end_us)
        axes.axvspan(
            first / DAY_US, last / DAY_US, facecolor=_GAP_COLOUR, alpha=0.12, hatch="///",
            edgecolor=_GAP_COLOUR, linewidth=0,
        )  # fmt: skip
        if last - first > (picture.end_us - picture.start_us) // 12:
            axes.text(
                (first + last) / 2 / DAY_US, 0.02, _shown(gap.cause),
                transform=axes.get_xaxis_transform(), ha="center", va="bottom",
                fontsize="small", color=_GAP_COLOUR, parse_math=False, clip_on=True,
            )  # fmt: skip
    for note in picture.notes:
        axes.axvline(note.at_us / DAY_US, color=_NOTE_COLOUR, linewidth=1, linestyle=":")
        axes.text(
            note.at_us / DAY_US, 0.98, f" {_shown(note.text)}",
            transform=axes.get_xaxis_transform(), va="top", fontsize="small",
            color=_NOTE_COLOUR, parse_math=False, clip_on=True,
        )  # fmt: skip


def _time_axis(axes: Axes, picture: Picture) -> None:
    zone = ZoneInfo(picture.zone)
    axes.xaxis_date(zone)
    axes.set_xlim(picture.start_us / DAY_US, picture.end_us / DAY_US)
    # matplotlib leaves these three without types.
    locator: Any = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    pattern = picture.look.date_format
    form: Any
    if pattern:
        form = DateFormatter(pattern, tz=zone)  # type: ignore[no-untyped-call]
        axes.tick_params(axis="x", labelrotation=20)
    else:
        form = ConciseDateFormatter(locator, tz=zone)  # type: ignore[no-untyped-call]
    places = locator()
    words: Any = FixedFormatter(form.format_ticks(places))
    words.set_offset_string(form.get_offset())
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(words)


def _cycle() -> list[str]:
    return list(rcParams["axes.prop_cycle"].by_key().get("color", _COLOURS))


def _units(units: list[str]) -> str:
    return ", ".join(unit for unit in units if unit)


def _legend(curve: Curve) -> str:
    return _plain(f"{curve.label} ({curve.unit})" if curve.unit else curve.label)


def _plain(text: str) -> str:
    """Words for a legend: matplotlib leaves out what begins with an underscore."""
    text = _shown(text)
    return f" {text}" if text.startswith("_") else text


def _shown(text: str) -> str:
    """The text without what has no shape: matplotlib stumbles over some of it in a PDF."""
    return "".join(filter(str.isprintable, text))


def palette(style: str) -> dict[str, Any]:
    """The colours of a style, for those who draw without matplotlib: curves, ground, grid (None
    where there is none) and text.
    """
    with rc_context():
        _choose_style(style)
        grid = to_hex(rcParams["grid.color"]) if rcParams["axes.grid"] else None
        return {
            "colours": [to_hex(colour) for colour in _cycle()],
            "ground": to_hex(rcParams["axes.facecolor"]),
            "grid": grid,
            "text": to_hex(rcParams["axes.labelcolor"]),
        }
