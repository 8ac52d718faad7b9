"""The sheet as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

from benchmarks.figure import Figure

from proof.part import Part

WIDTH, MARGIN = 110, 11
SHOWN_FAILURES = 5


def head(facts: Mapping[str, Any]) -> str:
    """Which program, machine and seed the sheet is about."""
    return "\n".join(f"{name:<{MARGIN}}{value}" for name, value in facts.items()) + "\n"


def lines(name: str, part: Part, took_s: float) -> str:
    """One part: its figures, what it did not test, its first failures."""
    figures = " · ".join(map(_text, part.figures)) or "nothing was tested"
    text = [*_wrapped(name, f"{figures} · {took_s:,.0f} s")]
    text += _bulleted("not tested", part.untested)
    text += _bulleted("FAILED", part.failures[:SHOWN_FAILURES])
    return "\n".join(text)


def _text(figure: Figure) -> str:
    value = f"{figure.value:,.0f}" if float(figure.value).is_integer() else f"{figure.value:,.3g}"
    if abs(figure.value) >= 1000:
        value = f"{figure.value:,.0f}"
    said = f"{figure.name} {value}{' ' if figure.unit else ''}{figure.unit}"
    if figure.note:
        said += f" ({figure.note})"
    if figure.verdict == "MISSED":
        bound = f"≥ {figure.least:,.6g}" if figure.least is not None else f"≤ {figure.most:,.6g}"
        said += f" MISSED, {bound} is promised"
    return said


def _wrapped(name: str, text: str) -> list[str]:
    return wrap(
        f"{name:<{MARGIN}}{text}", WIDTH, subsequent_indent=" " * MARGIN, break_on_hyphens=False
    )


def _bulleted(name: str, texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in _wrapped("", f"{name}: {text}")]
