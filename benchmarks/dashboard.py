"""The dashboard of fifty instruments in a real browser: from the click on "Sign in" to the values,
and all that goes over the line for it.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, percentile
from benchmarks.hubhost import hub_host
from benchmarks.load import post_all
from benchmarks.reference_data import LAYOUT, station
from fieldstation.batch import Announcement, Batch, encode
from fieldstation.model import Instant, Kept, Reading, Trust

STATIONS, INSTRUMENTS, MINUTES = 5, 10, 1440
VISITS, LIVE_EVERY_S, QUIET_S = 5, 0.1, 1.5
SYNCED = Trust.SYNCED
NAME, PASSWORD = "bench", "a bench needs no secret"

# Notes when the first value was painted, and when one changed for the first time after that.
WATCH = """
new MutationObserver((changes) => {
  if (!window.shownAt && document.querySelector("#cards [data-channel]")) {
    window.shownAt = -1;
    requestAnimationFrame(() => requestAnimationFrame(() => { window.shownAt = Date.now(); }));
  } else if (window.shownAt > 0 && !window.liveAt) {
    const near = (node) => node.nodeType === 1 ? node : node.parentElement;
    if (changes.some((change) => near(change.target)?.closest("#cards [data-channel]"))) {
      window.liveAt = Date.now();
    }
  }
}).observe(document, { childList: true, characterData: true, subtree: true });
"""


def measure() -> list[Figure]:
    """Every visit with an empty cache, over loopback, while readings come in."""
    from fieldstation.hub import run

    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="var") as folder:
        data = Path(folder)
        run.add_user(data, NAME, PASSWORD)
        feeds = [Feed(run.add_gateway(data, f"station {n}"), n) for n in range(STATIONS)]
        with hub_host(data) as hub:
            asyncio.run(_send(hub.address, [feed.day() for feed in feeds]))
            with _fed(hub.address, feeds[0]):
                visits = _visits(hub.address)
    shown, live = [visit.shown_s for visit in visits], [visit.live_s for visit in visits]
    title = f"dashboard of {STATIONS * INSTRUMENTS} instruments"
    return [
        Figure(f"{title}: from the click to the values", percentile(shown, 0.5), "s", most=1),
        Figure(f"{title}: to the first live change", percentile(live, 0.5), "s", most=1),
        Figure(f"{title}: slowest of {VISITS}", max(live), "s"),
        Figure(
            f"{title}: over the line", max(visit.size for visit in visits) / 1e3, "kB", most=150,
            note=f"{visits[0].requests} requests, sign-in included",
        ),
    ]  # fmt: skip


@dataclass
class Feed:
    """A station with ten instruments: a day of readings, then one more whenever it is asked."""

    key: str
    number: int
    boot: bytes = b""
    sequence: int = 0
    batches: int = 0
    rows: list[list[float]] = field(default_factory=list)

    def day(self) -> Iterator[tuple[str, bytes]]:
        """The day up to now, one batch for each instrument."""
        self.boot = (self.number + 1).to_bytes(16, "big")
        now_us = time.time_ns() // 1000
        for place in range(INSTRUMENTS):
            _, values = station(self.number * INSTRUMENTS + place, 0, MINUTES)
            self.rows = values.T.tolist()
            times = [now_us - (MINUTES - at) * 60_000_000 for at in range(MINUTES)]
            yield self._upload(f"inverter-{place}", times, self.rows, announced=True)

    def live(self) -> Iterator[tuple[str, bytes]]:
        """The newest readings of all instruments, one upload for each; every value is another."""
        row = self.rows[self.batches % MINUTES]
        for place in range(INSTRUMENTS):
            yield self._upload(f"inverter-{place}", [time.time_ns() // 1000], [row])

    def _upload(
        self, name: str, times_us: list[int], rows: list[list[float]], *, announced: bool = False
    ) -> tuple[str, bytes]:
        first = self.sequence + 1
        kept = tuple(
            Kept(
                number, Reading(name, LAYOUT, Instant(at, at, self.boot, Trust.SYNCED), tuple(row))
            )
            for number, at, row in zip(range(first, first + len(rows)), times_us, rows, strict=True)
        )
        self.sequence += len(rows)
        self.batches += 1
        told = (Announcement(name, LAYOUT, 60_000_000),) if announced else ()
        batch = Batch(self.boot, self.batches, first, self.sequence, kept, told)
        return self.key, encode(batch)


async def _send(address: str, streams: list[Iterator[tuple[str, bytes]]]) -> None:
    await post_all(address, "/api/v1/ingest", streams)


@contextmanager
def _fed(address: str, feed: Feed) -> Iterator[None]:
    """Readings keep coming in until the block ends."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(LIVE_EVERY_S):
            asyncio.run(_send(address, [feed.live()]))

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass
class Visit:
    """One visit: seconds from the click to the first value and to the first live change, bytes and
    requests over the line from the first page on.
    """

    shown_s: float
    live_s: float
    size: int
    requests: int


def _visits(address: str) -> list[Visit]:
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("the program chromium is not installed")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        visits = [_visit(browser, address) for _ in range(VISITS)]
        browser.close()
    return visits


def _visit(browser: Any, address: str) -> Visit:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    line = Line(context.new_cdp_session(page))
    page.goto(f"{address}/login")
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    clicked_s = time.time()
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_function("() => window.liveAt > 0")
    shown_ms, live_ms = page.evaluate("[window.shownAt, window.liveAt]")
    line.wait(page)
    context.close()
    return Visit(
        shown_ms / 1e3 - clicked_s, live_ms / 1e3 - clicked_s,
        sum(line.sizes.values()), len(line.sizes),
    )  # fmt: skip


class Line:
    """What goes over the line to the browser: bytes by request, heads included, as compressed."""

    def __init__(self, session: Any) -> None:
        self.sizes: dict[str, int] = {}
        self._last_s = time.monotonic()
        session.on("Network.responseReceived", self._began)
        session.on("Network.dataReceived", self._came)
        session.on("Network.loadingFinished", self._ended)
        session.send("Network.enable")

    def wait(self, page: Any) -> None:
        """Until nothing has ended for a while; the stream of live values never ends."""
        while time.monotonic() - self._last_s < QUIET_S:
            page.wait_for_timeout(100)

    def _began(self, event: dict[str, Any]) -> None:
        self.sizes[event["requestId"]] = int(event["response"]["encodedDataLength"])
        self._last_s = time.monotonic()

    def _came(self, event: dict[str, Any]) -> None:
        size = int(event["encodedDataLength"])
        self.sizes[event["requestId"]] = self.sizes.get(event["requestId"], 0) + size

    def _ended(self, event: dict[str, Any]) -> None:
        self.sizes[event["requestId"]] = int(event["encodedDataLength"])
        self._last_s = time.monotonic()
