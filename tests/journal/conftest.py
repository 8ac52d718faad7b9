"""A small instrument, its readings, and journals on the real disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fieldstation.journal import Journal, open_journal
from fieldstation.model import Channel, Instant, Kind, Layout, Reading, Trust, Value

NOW_US = 1_700_000_000_000_000
BOOT = bytes(range(16))
LAYOUT = Layout(
    "axpert",
    "status",
    (
        Channel("voltage", Kind.NUMBER, "V"),
        Channel("count", Kind.INTEGER),
        Channel("charging", Kind.FLAG),
        Channel("mode", Kind.ENUM, codes={"L": "line", "B": "battery"}),
        Channel("note", Kind.TEXT),
    ),
)
VALUES: tuple[Value, ...] = (231.5, 7, True, "L", 'it\'s "quoted" \N{SNOWMAN}')


def reading(
    index: int = 0,
    *,
    boot: bytes = BOOT,
    trust: Trust = Trust.SYNCED,
    values: tuple[Value, ...] = VALUES,
    instrument: str = "inverter",
    layout: Layout = LAYOUT,
) -> Reading:
    """The reading taken `index` seconds after the start of the tests' time."""
    moment = Instant(NOW_US + index * 1_000_000, index * 1_000_000, boot, trust)
    return Reading(instrument, layout, moment, values)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Journal]]:
    """Opens the journal of this test; all are closed at the end."""
    journals: list[Journal] = []

    def open_again(**options: int) -> Journal:
        journal, _ = open_journal(path, utc_us=lambda: NOW_US, **options)
        journals.append(journal)
        return journal

    yield open_again
    for journal in journals:
        journal.close()


@pytest.fixture
def journal(opened: Callable[..., Journal]) -> Journal:
    return opened()
