"""Pictures that the server draws: a day of a station, 2,048 points of one channel, over HTTP."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.figure import Figure, percentile
from benchmarks.hubhost import hub_host
from benchmarks.plots import CHANNEL, DAY_MS, PASSWORD, _Asker, _fill, _time
from benchmarks.reference_data import YEAR_START_MS

DAYS, LATER_S = 40, 6


def measure() -> list[Figure]:
    """One picture after the other, each of another day, by a person who signed in."""
    from fieldstation.hub import run

    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="var") as folder:
        data = Path(folder)
        key = run.add_gateway(data, "year")
        run.add_user(data, "bench", PASSWORD)
        _fill(data, key, DAYS)
        with hub_host(data) as hub:
            ask = _Asker(hub.address)
            # So long it takes a person to sign in and choose what to draw.
            time.sleep(LATER_S)
            first = _picture(ask, 0)
            took = [_picture(ask, day) for day in range(1, DAYS)]
    return [
        Figure(
            "server picture, 2,048 points, first", first * 1e3, "ms", most=300,
            note=f"{LATER_S} s after the start",
        ),
        Figure("server picture, 2,048 points, p50", percentile(took, 0.5) * 1e3, "ms", most=300),
        Figure("server picture, 2,048 points, p99", percentile(took, 0.99) * 1e3, "ms", most=300),
        Figure("server picture, 2,048 points, slowest", max(took) * 1e3, "ms", most=300),
    ]  # fmt: skip


def _picture(ask: _Asker, day: int) -> float:
    start_ms = YEAR_START_MS + day * DAY_MS
    query = {
        "curve": f"year/inverter:{CHANNEL}",
        "start": _time(start_ms),
        "end": _time(start_ms + DAY_MS),
    }
    begun = time.perf_counter()
    answer = ask.get(f"/plots/picture.png?{urlencode(query)}")
    took = time.perf_counter() - begun
    if not answer.startswith(b"\x89PNG"):
        raise SystemExit(f"the picture came out wrong: {answer[:300]!r}")
    return took
