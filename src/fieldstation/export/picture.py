"""What a picture of curves is made of: how it shall look, and what it shows. No drawing here.

Instants are UTC microseconds since 1970. A picture can be sent to another process as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

OWN_STYLE = "fieldstation"
_SEABORN = (
    "bright", "colorblind", "dark-palette", "dark", "darkgrid", "deep", "muted", "notebook",
    "paper", "pastel", "poster", "talk", "ticks", "white", "whitegrid",
)  # fmt: skip
# Name in a form or an address, and matplotlib's name for it today (its 3.6 renamed seaborn's).
STYLES: dict[str, str] = {
    OWN_STYLE: "default",
    **{
        name: name
        for name in ("bmh", "classic", "dark_background", "fast", "fivethirtyeight", "ggplot")
    },
    "grayscale": "grayscale",
    **{f"seaborn-{name}": f"seaborn-v0_8-{name}" for name in _SEABORN},
    "seaborn": "seaborn-v0_8",
    "Solarize_Light2": "Solarize_Light2",
    "tableau-colorblind10": "tableau-colorblind10",
    "_classic_test": "_classic_test_patch",
}
MARKERS: dict[str, str] = {
    "None": "none",
    ".": "point",
    ",": "pixel",
    "o": "circle",
    "v": "triangle down",
    "^": "triangle up",
    "<": "triangle left",
    ">": "triangle right",
}


class Form(StrEnum):
    """The file formats of a picture."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks. Sizes in pixels at 100 per inch; `date_format` is a strftime pattern,
    empty for one that fits; `y_title` empty for the units of the curves.
    """

    title: str = ""
    x_title: str = ""
    y_title: str = ""
    date_format: str = ""
    style: str = OWN_STYLE
    tight_layout: bool = False
    logarithmic_scale: bool = False
    marker: str = "None"
    width: int = 1000
    height: int = 500


@dataclass(frozen=True, slots=True)
class Curve:
    """One measured channel as buckets of equal length; a bucket without values is left out. Of
    neighbours further apart than `reach_us` nothing is said in between. `earlier`: of the span to
    compare with, its times moved onto the other.
    """

    label: str
    unit: str
    times_us: NDArray[np.int64]
    low: NDArray[np.float64]
    mean: NDArray[np.float64]
    high: NDArray[np.float64]
    reach_us: int
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """One state over time: spans with the words for their value."""

    label: str
    spans: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing readings, and why."""

    first_us: int
    last_us: int
    cause: str


@dataclass(frozen=True, slots=True)
class Note:
    """Words at an instant."""

    at_us: int
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is drawn over `start_us` to `end_us`; times are written in `zone` (IANA name)."""

    look: Look
    start_us: int
    end_us: int
    zone: str
    curves: tuple[Curve, ...] = ()
    lanes: tuple[Lane, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[Note, ...] = ()
    form: Form = field(default=Form.PNG)
