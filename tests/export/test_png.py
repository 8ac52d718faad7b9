"""Drawing with matplotlib: every style and marker, hostile words, nothing by chance."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldstation.export.picture import (
    MARKERS,
    OWN_STYLE,
    STYLES,
    Curve,
    Form,
    Gap,
    Lane,
    Look,
    Note,
    Picture,
)
from fieldstation.export.png import draw, palette

HUB = Path(__file__).parents[2] / "src/fieldstation/hub/static/hub"
TIMES = 1_780_000_000_000_000 + np.arange(50) * 60_000_000
WAVE = np.sin(np.arange(50) / 8) * 40
CURVE = Curve("Power", "W", TIMES, WAVE - 1, WAVE, WAVE + 1, 120_000_000)
PICTURE = Picture(
    Look(width=400, height=240), int(TIMES[0]), int(TIMES[-1]), "Europe/Berlin", (CURVE,)
)


def looking(**options: object) -> Picture:
    return replace(PICTURE, look=replace(PICTURE.look, **options))


@pytest.mark.slow
@pytest.mark.parametrize("style", list(STYLES))
def test_every_style_of_the_form_is_drawn(style: str) -> None:
    assert draw(looking(style=style)).startswith(b"\x89PNG")


def test_styles_and_markers_change_the_picture() -> None:
    options = [{"style": "ggplot"}, {"marker": "o"}, {"logarithmic_scale": True}, {"title": "t"},
               {"date_format": "%Y"}, {"tight_layout": True}, {"x_title": "x"},
               {"y_title": "y"}]  # fmt: skip
    files = {draw(looking(**option)) for option in options} | {draw(PICTURE)}
    assert len(files) == len(options) + 1
    assert len(STYLES) == 26 + 1
    assert len(MARKERS) == 8


@pytest.mark.parametrize("form", list(Form))
def test_the_same_picture_gives_the_same_bytes(form: Form) -> None:
    picture = replace(PICTURE, form=form)
    assert draw(picture) == draw(picture)


def test_a_dollar_is_no_formula() -> None:
    words = "$\\undefined{ _^ </svg><script>--> \u202e 温室"
    hostile = replace(
        looking(title=words, x_title=words, y_title=words, date_format="$%H$"),
        curves=(replace(CURVE, label=words, unit=words), replace(CURVE, label="_hidden", unit="V")),
        lanes=(Lane(words, ((int(TIMES[0]), int(TIMES[9]), words),)),),
        gaps=(Gap(int(TIMES[10]), int(TIMES[30]), words),),
        notes=(Note(int(TIMES[20]), words),),
        form=Form.SVG,
    )
    file = draw(hostile)
    assert b"<script" not in file
    assert file.count(b"</svg>") == 1


@pytest.mark.parametrize("form", list(Form))
def test_letters_that_the_font_lacks_are_no_error(form: Form) -> None:
    words = "温室电池电压 (V)"
    chinese = replace(
        looking(title=words, x_title="时间", y_title=words),
        curves=(replace(CURVE, label=words, unit="伏"),), notes=(Note(int(TIMES[20]), words),),
        form=form,
    )  # fmt: skip
    assert len(draw(chinese)) > 4000


def test_a_gap_breaks_the_line() -> None:
    kept = np.r_[0:20, 30:50]
    broken = replace(CURVE, times_us=TIMES[kept], low=WAVE[kept], mean=WAVE[kept], high=WAVE[kept])
    joined = replace(broken, reach_us=10**12)
    assert draw(replace(PICTURE, curves=(broken,))) != draw(replace(PICTURE, curves=(joined,)))


def test_a_picture_of_nothing_is_a_picture() -> None:
    none = np.empty(0)
    empty = replace(CURVE, times_us=none.astype(np.int64), low=none, mean=none, high=none)
    for curves in ((), (empty,)):
        for log in (False, True):
            picture = replace(looking(logarithmic_scale=log), curves=curves)
            assert draw(picture).startswith(b"\x89PNG")


def test_the_pages_have_the_colours_of_every_style() -> None:
    told = json.loads((HUB / "plotstyles.json").read_text(encoding="utf-8"))
    assert told == {style: palette(style) for style in STYLES if style != OWN_STYLE}
