"""Numbers as the pages' script writes them: like the server, so that a live value does not jump."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fieldstation.hub.instruments.words import decimals_shown, number_text
from fieldstation.model import Channel, Kind

pytestmark = pytest.mark.slow

RANGES = ((None, None), (0, 5), (-10, 79.9), (0, 180), (-200, 1372), (0, 140_000))
# Ties between two roundings, and what rounds to nothing.
PICKED = (0.0, 0.125, 20.25, -20.25, 2.5, 0.0005, -0.0005, 9.9996, 99.95, 999999.5, 1e20)


def test_the_browser_writes_numbers_as_the_server_does(visit: Any) -> None:
    chance = random.Random(1)
    channels = [
        Channel("a", Kind.NUMBER, "V", "", low, high, decimals)
        for low, high in RANGES
        for decimals in range(7)
    ]
    drawn = [chance.choice((-1, 1)) * 10 ** chance.uniform(-4, 7) for _ in range(60)]
    rows = [
        (
            {"kind": "number", "decimals": decimals_shown(channel)},
            value,
            number_text(channel, value),
        )
        for channel in channels
        for value in (*PICKED, *drawn)
        # Without decimals both write the shortest form of six digits, each in its own way.
        if channel.decimals
    ]
    visit.open()
    written = visit.page.evaluate(
        """async (rows) => {
          const loaded = performance.getEntriesByType("resource").map((one) => one.name);
          const { valueText } = await import(loaded.find((name) => name.includes("/hub/format")));
          return rows.map(([form, value]) => valueText(form, value));
        }""",
        [row[:2] for row in rows],
    )
    for (form, value, text), found in zip(rows, written, strict=True):
        assert found == text, (form, value)
