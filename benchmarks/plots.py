"""Plots from the API over a year of one station: 3.15 million readings of 17 channels."""

from __future__ import annotations

import http.client
import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from benchmarks.figure import Figure, percentile
from benchmarks.fleet import uploads
from benchmarks.hubhost import hub_host
from benchmarks.reference_data import LAYOUT, YEAR_READINGS, YEAR_START_MS

PASSWORD = "a bench needs no secret"  # of an account that lives for a minute
ROUNDS, DAY_MS = 300, 86_400_000
CHANNEL, POINTS = "pv1_w", 2048


def measure() -> list[Figure]:
    """Requests as the pages make them, over one kept connection with a session."""
    from fieldstation.hub import run

    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="var") as folder:
        data = Path(folder)
        key = run.add_gateway(data, "year")
        run.add_user(data, "bench", PASSWORD)
        _fill(data, key)
        size = sum(file.stat().st_size for file in data.glob("series.sqlite3*"))
        with hub_host(data) as hub:
            ask = _Asker(hub.address)
            year = [_buckets(ask, 0, 365) for _ in range(ROUNDS)]
            day = [_buckets(ask, number % 365, 1) for number in range(ROUNDS)]
    return [
        Figure("year plot, 2,048 buckets, first", year[0] * 1e3, "ms"),
        Figure("year plot, 2,048 buckets, p50", percentile(year, 0.5) * 1e3, "ms", most=10),
        Figure("year plot, 2,048 buckets, p99", percentile(year, 0.99) * 1e3, "ms"),
        Figure("day plot, 2,048 buckets, p50", percentile(day, 0.5) * 1e3, "ms", most=8),
        Figure("day plot, 2,048 buckets, p99", percentile(day, 0.99) * 1e3, "ms"),
        Figure(
            "a year of one station at rest",
            size / (YEAR_READINGS * len(LAYOUT.channels)),
            "B/value",
            most=0.5,
        ),
    ]


def _fill(data: Path, key: str, days: int = 365) -> None:
    from fieldstation.hub.stations import keys
    from fieldstation.series.api import Upload
    from fieldstation.series.embedded import EmbeddedStore

    digest = keys.key_hash(key)
    station = keys.holders([digest])[digest]
    store = EmbeddedStore(data / "series.sqlite3", background=False)
    for number, body in enumerate(uploads(7, YEAR_START_MS, days, per_upload=600)):
        (answer,) = store.apply([Upload(station, body)])
        if isinstance(answer, Exception):
            raise answer
        if number % 60 == 59:
            store.seal_now()
    store.seal_now()
    store.close()


def _buckets(ask: _Asker, first_day: int, days: int) -> float:
    start_ms = YEAR_START_MS + first_day * DAY_MS
    query = {
        "channels": CHANNEL,
        "start": _time(start_ms),
        "end": _time(start_ms + days * DAY_MS),
        "points": POINTS,
    }
    begun = time.perf_counter()
    answer = ask.get(f"/api/v1/instruments/year/inverter/buckets?{urlencode(query)}")
    took = time.perf_counter() - begun
    if not 500 < len(next(_lists(json.loads(answer)))) <= POINTS:
        raise SystemExit(f"the plot came out wrong: {answer[:300]!r}")
    return took


def _lists(data: object) -> Iterator[list[object]]:
    """Every list of more than a few members in the answer."""
    if isinstance(data, list) and len(data) > 3:
        yield data
    members = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for member in members:
        yield from _lists(member)


def _time(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms // 1000))


class _Asker:
    """One kept connection with the session of a person who signed in."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        page = self._ask("GET", "/login")
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page[1].decode())
        cookies = [value.partition(";")[0] for value in page[0].get_all("Set-Cookie", [])]
        form = {
            "name": "bench",
            "password": PASSWORD,
            "csrfmiddlewaretoken": token[1] if token else "",
        }
        headers = {
            "Cookie": "; ".join(cookies),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = self._ask("POST", "/login", urlencode(form), headers)
        cookies = [value.partition(";")[0] for value in answer[0].get_all("Set-Cookie", [])]
        self._headers = {"Cookie": "; ".join(cookies)}

    def get(self, path: str) -> bytes:
        return self._ask("GET", path, None, self._headers)[1]

    def _ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPMessage, bytes]:
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        return answer.headers, answer.read()
