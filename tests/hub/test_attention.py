"""The home page says in words what needs somebody."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from fieldstation.hub.instruments.trouble import WARNING, level_of
from fieldstation.instruments import registry
from fieldstation.model import Channel, Kind, Layout, Value

CHARGER = Layout(
    "tristar_mppt",
    "status",
    (
        Channel("array_power", Kind.NUMBER, "W", "Array power", headline=True),
        Channel("faults", Kind.TEXT, label="Faults"),
        Channel("alarms", Kind.TEXT, label="Alarms"),
        Channel("protection_leakage", Kind.FLAG, label="Protection: leakage"),
    ),
)


@pytest.fixture(autouse=True)
def _no_want_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests' instruments on the same hub may need somebody as well."""
    monkeypatch.setattr("fieldstation.hub.instruments.pages.MOST_WANTS", 10_000)


def wants_of(page: str) -> str:
    return page.partition('id="wants-title"')[2].partition("</section>")[0]


def test_alarms_and_faults_stand_on_the_home_page(person: httpx.Client, station: Any) -> None:
    station.send([(1.0, "overcurrent", "<b>hot</b>", True)], layout=CHARGER, instrument="charger")
    told = wants_of(person.get("/").text)
    assert "Faults: overcurrent" in told
    assert "Alarms: &lt;b&gt;hot&lt;/b&gt;" in told
    assert told.index("Protection: leakage") < told.index("Alarms")


@pytest.mark.parametrize(
    "calm", [("", "", False), (None, None, None), ("none", "No alarms", False)]
)
def test_a_calm_instrument_is_not_mentioned(
    person: httpx.Client, station: Any, calm: tuple[Value, ...]
) -> None:
    unique = f"calm-{station.slug}"
    station.send([(1.0, *calm)], layout=CHARGER, instrument=unique)
    assert unique not in wants_of(person.get("/").text)


def test_a_silent_instrument_tells_its_silence_and_no_old_alarm(
    person: httpx.Client, station: Any
) -> None:
    start_us = time.time_ns() // 1000 - 3 * 3_600_000_000
    unique = f"silent-{station.slug}"
    station.send(
        [(1.0, "old-fault", "", False)], layout=CHARGER, instrument=unique, start_us=start_us
    )
    told = wants_of(person.get("/").text)
    assert unique in told
    assert "has not been heard of for 3 h" in told
    assert "old-fault" not in told


def test_every_channel_that_tells_of_trouble_exists() -> None:
    from fieldstation.hub.instruments.trouble import TEXTS, trouble

    layouts = [layout for kind in registry.kinds() for layout in registry.layouts(kind)]
    channels = {c.name: c for layout in layouts for c in layout.channels}
    assert set(TEXTS) <= channels.keys()
    told = [c for c in channels.values() if c.kind is Kind.FLAG and trouble(c, True)]
    assert len(told) >= 10


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("line_fail", ""),
        ("", ""),
        ("no faults", ""),
        ("line_fail,overload", WARNING),
        ("Overload, line fail", WARNING),
    ],
)
def test_a_site_without_a_grid_needs_nobody(text: str, level: str) -> None:
    assert level_of(Channel("warning_names", Kind.TEXT), text) == level
