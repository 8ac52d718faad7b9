"""One measured figure, and how figures are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in `unit`; `most` or `least` is the bound that the project set itself, if any."""

    name: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, or nothing where no bound was set."""
        if self.least is None and self.most is None:
            return ""
        low = self.least is not None and self.value < self.least
        high = self.most is not None and self.value > self.most
        return "MISSED" if low or high else "ok"

    def as_json(self) -> dict[str, Any]:
        """The figure as plain data."""
        return asdict(self) | {"verdict": self.verdict}


def table(figures: Iterable[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| figure | measured | bound | |", "| --- | ---: | ---: | --- |"]
    for figure in figures:
        bound = f"≥ {_text(figure.least)}" if figure.least is not None else ""
        bound = f"≤ {_text(figure.most)}" if figure.most is not None else bound
        unit = f" {figure.unit}" if figure.unit else ""
        verdict = " ".join(filter(None, (figure.verdict, figure.note)))
        lines.append(f"| {figure.name} | {_text(figure.value)}{unit} | {bound} | {verdict} |")
    return "\n".join(lines)


def _text(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
