"""Chinese, Japanese, Korean words in pictures: letters where a font has them, boxes where not."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace

import numpy as np
import pytest

from fieldstation.export import fonts, png
from fieldstation.export.picture import (
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
from fieldstation.export.png import draw

TIMES = np.arange(2) * 1_000_000
VALUES = np.array([0.0, 1.0])
CURVE = Curve("P", "W", TIMES, VALUES, VALUES, VALUES, 2_000_000)
PICTURE = Picture(Look(width=300, height=200), 0, 1_000_000, "UTC", (CURVE,))
needs_a_font = pytest.mark.skipif(
    not fonts.installed(), reason="no font for Chinese is installed: fonts-wqy-microhei"
)


def titled(title: str, style: str = OWN_STYLE, form: Form = Form.PNG) -> Picture:
    return replace(PICTURE, look=replace(PICTURE.look, title=title, style=style), form=form)


@pytest.fixture
def no_font(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with none of the fonts."""
    monkeypatch.setattr(fonts, "installed", lambda: ())


@needs_a_font
@pytest.mark.parametrize("pair", ["温室", "ひカ", "온도"])
def test_two_letters_of_the_far_east_are_two_shapes(pair: str) -> None:
    assert draw(titled(pair[0])) != draw(titled(pair[1]))


@needs_a_font
@pytest.mark.slow
@pytest.mark.parametrize("style", list(STYLES))
def test_every_style_has_chinese_letters(style: str) -> None:
    assert draw(titled("温", style)) != draw(titled("室", style))


@needs_a_font
@pytest.mark.parametrize("form", [Form.SVG, Form.PDF])
def test_vectors_hold_the_letters_of_the_further_font(form: Form) -> None:
    name = fonts.installed()[0].replace(" ", "").encode()
    assert name in draw(titled("温", form=form))
    assert name not in draw(titled("Battery", form=form))


@needs_a_font
def test_no_letter_is_reported_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(warnings, "simplefilter", lambda *_: None)
    with caplog.at_level(logging.WARNING):
        draw(titled("温室 ひカ 온도 Battery µ°", "ggplot"))
    assert not caplog.records


@pytest.mark.usefixtures("no_font")
def test_without_such_a_font_there_are_boxes() -> None:
    assert draw(titled("温")) == draw(titled("室"))


def test_only_far_letters_cost_a_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: ("Further",))
    assert fonts.further_families(titled("Größe in µm – „warm“ …")) == []
    for picture in (
        titled("温"),
        replace(PICTURE, look=replace(PICTURE.look, date_format="%m月")),
        replace(PICTURE, curves=(CURVE, replace(CURVE, unit="伏"))),
        replace(PICTURE, lanes=(Lane("mode", ((0, 1, "온"),)),)),
        replace(PICTURE, gaps=(Gap(0, 1, "ひ"),)),
        replace(PICTURE, notes=(Note(0, "室"),)),
    ):
        assert fonts.further_families(picture) == ["Further"]


@needs_a_font
def test_the_font_of_the_style_stays_first() -> None:
    assert png.draw(titled("Battery")) == _drawn_with_far_fonts("Battery")


def _drawn_with_far_fonts(title: str) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "further_families", lambda _picture: list(fonts.installed()))
        return draw(titled(title))
