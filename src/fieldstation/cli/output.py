"""How commands print: tables for people, one JSON document (or one line a row) for programs. Words
from instruments and the hub never steer the terminal (test_words_from_elsewhere_steer_no_terminal).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from fieldstation.model import Channel, Kind, Value
from fieldstation.model.plain import plain

# JSON writes the other control characters as codes by itself.
_STEERING = re.compile("[\x7f-\x9f]")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def json_line(data: Any) -> str:
    """One JSON document on one line, its end included."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def emit_json(data: Any) -> None:
    """Print one JSON document on one line."""
    print(json_line(data), end="")


def emit_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns padded to their widest cell."""
    lines = [list(header), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def value_text(channel: Channel, value: Value) -> str:
    """A value as a person reads it, with its unit, or its label where it is a code."""
    if value is None:
        return "-"
    if channel.kind is Kind.FLAG:
        return "yes" if value else "no"
    if channel.kind is Kind.ENUM:
        return f"{channel.label_of(value)} ({value})"
    if isinstance(value, float):
        return f"{value:.{channel.decimals}f} {channel.unit}".rstrip()
    return plain(f"{value} {channel.unit}".rstrip())


def time_text(utc_us: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(utc_us / 1e6, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Progress:
    """A progress bar on standard error; silent where standard error is no terminal."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._shown = what, max(total, 1), -1
        self._live = sys.stderr.isatty()
        if not self._live:
            print(f"{what} …", file=sys.stderr)

    def advance_to(self, done: int) -> None:
        """Show `done` of the total."""
        share = min(100, done * 100 // self._total)
        if not self._live or share == self._shown:
            return
        self._shown = share
        bar = "█" * (share * 30 // 100)
        end = "\n" if share == 100 else ""
        print(f"\r{self._what} {bar:<30} {share:3d} %", end=end, file=sys.stderr, flush=True)
