"""A real hub in a process of its own, filled with three weeks of a plausible inverter, and a real
browser.
"""

from __future__ import annotations

import math
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fieldstation.batch import Announcement, Batch, encode
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust, Value

NAME, PASSWORD = "ada", "a long way to the sea"
DAYS, STEP_S = 21, 60
GAP_DAYS = (DAYS - 4.5, DAYS - 4.2)  # from the first reading on
BATCH = 2000

BEGIN = """
import sys
from pathlib import Path
from fieldstation.hub import run
data = Path(sys.argv[1])
"""
FURNISH = f"""
run.add_user(data, {NAME!r}, {PASSWORD!r})
print(run.add_gateway(data, "Greenhouse roof"), flush=True)
"""
SERVE = "run.serve(data, port=0, ready=lambda url: print(url, flush=True))"

NUMBER, INTEGER, ENUM, FLAG, TEXT = Kind.NUMBER, Kind.INTEGER, Kind.ENUM, Kind.FLAG, Kind.TEXT
STATUS = Layout(
    "axpert",
    "status",
    (
        Channel("pv_power", NUMBER, "W", "Solar power", headline=True),
        Channel("pv_voltage", NUMBER, "V", "Solar voltage", decimals=1),
        Channel("pv_current", NUMBER, "A", "Solar current", decimals=1),
        Channel("load_power", INTEGER, "W", "Load", headline=True),
        Channel("load_apparent_power", INTEGER, "VA", "Apparent load"),
        Channel("load_ratio", INTEGER, "%", "Load in percent of nominal"),
        Channel("battery_voltage", NUMBER, "V", "Battery voltage", decimals=2, headline=True),
        Channel("battery_current", NUMBER, "A", "Battery current", decimals=1),
        Channel("battery_charge", INTEGER, "%", "Battery charge", headline=True),
        Channel("output_voltage", NUMBER, "V", "Output voltage", decimals=1),
        Channel("output_frequency", NUMBER, "Hz", "Output frequency", decimals=2),
        Channel("grid_voltage", NUMBER, "V", "Grid voltage", decimals=1),
        Channel("grid_frequency", NUMBER, "Hz", "Grid frequency", decimals=2),
        Channel("heat_sink_temperature", NUMBER, "°C", "Heat sink temperature", decimals=1),
        Channel("bus_voltage", INTEGER, "V", "Bus voltage"),
        Channel(
            "mode", ENUM, label="Operating mode", headline=True,
            codes={1: "Line", 2: "Battery", 3: "Standby", 4: "Fault"},
        ),
        Channel("charging", FLAG, label="Charging"),
        Channel("load_on", FLAG, label="Load switched on"),
        Channel("energy_today", NUMBER, "kWh", "Solar energy today", decimals=2),
        Channel("firmware", TEXT, label="Firmware version"),
    ),
)  # fmt: skip


@dataclass
class Roof:
    """The hub's address, and its one station."""

    url: str
    key: str
    boot: bytes
    begin_s: float
    told: int = 0
    sequence: int = 0
    number: int = 0
    days: Counter[int] = field(default_factory=Counter)

    @property
    def gap_us(self) -> list[int]:
        """When the inverter was unplugged, and when it was back."""
        return [round((self.begin_s + days * 86400) * 1e6) for days in GAP_DAYS]

    def live_until(self, now_s: float) -> None:
        """Send what the inverter told since the last time."""
        rows = list(history(self.begin_s, now_s))
        for start in range(self.told, len(rows), BATCH):
            self.send(rows[start : start + BATCH])
        self.told = len(rows)

    def send(self, rows: list[tuple[int, tuple[Value, ...]]]) -> None:
        """Send rows of (UTC microseconds, values)."""
        kept = tuple(
            Kept(
                self.sequence + 1 + place,
                Reading("inverter", STATUS, Instant(at, at, self.boot, Trust.SYNCED), values),
            )
            for place, (at, values) in enumerate(rows)
        )
        self.number += 1
        first, self.sequence = self.sequence + 1, self.sequence + len(rows)
        words = Announcement("inverter", STATUS, STEP_S * 1_000_000, "92932004102443", "VM-5000")
        body = encode(Batch(self.boot, self.number, first, self.sequence, kept, (words,)))
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/vnd.fieldstation.batch",
        }
        answer = httpx.post(f"{self.url}/api/v1/ingest", content=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        self.days.update(at // 86_400_000_000 for at, _ in rows)


def weather(day: int) -> tuple[float, float]:
    """Brightness of a day and how restless its clouds are."""
    chance = random.Random(day)
    return chance.uniform(0.45, 1.0), chance.uniform(0.02, 0.3)


def values_at(utc_s: float, chance: random.Random, charge: float) -> tuple[Value, ...]:
    """One reading of a house with 4 kW of panels and a 10 kWh battery."""
    day, second = divmod(utc_s, 86400)
    bright, restless = weather(int(day))
    sun = max(0.0, math.sin((second / 3600 - 6) / 12 * math.pi)) * bright
    pv = max(0.0, 3900 * sun * (1 - restless * chance.random())) if sun > 0.01 else 0.0
    hour = second / 3600
    evening = math.exp(-(((hour - 19) / 2.5) ** 2)) + 0.5 * math.exp(-(((hour - 7.5) / 1.2) ** 2))
    kettle = 1900 if chance.random() < 0.004 + 0.02 * evening else 0
    load = 190 + 620 * evening + chance.gauss(0, 22) + kettle
    current = (pv - load) / 52
    voltage = 49 + charge * 4.6 + max(-1.2, min(1.2, current / 60)) + chance.gauss(0, 0.02)
    mode = 2 if pv > 40 or charge > 0.3 else 1
    return (
        round(pv), round(105 + 14 * sun + chance.gauss(0, 0.8), 1) if pv else 0.0,
        round(pv / 112, 1), round(load), round(load * 1.07), round(load / 50),
        round(voltage, 2), round(current, 1), round(charge * 100),
        round(230 + chance.gauss(0, 0.3), 1), round(50 + chance.gauss(0, 0.01), 2),
        round(231 + 3 * math.sin(hour / 3.8) + chance.gauss(0, 0.4), 1),
        round(50 + chance.gauss(0, 0.015), 2),
        round(24 + 17 * sun + load / 320 + chance.gauss(0, 0.15), 1),
        round(380 + chance.gauss(0, 2)), mode, pv > load, True,
        round(13.5 * bright * (1 - math.cos(max(0.0, min(1.0, (hour - 6) / 12)) * math.pi)), 2),
        "U1 72.40",
    )  # fmt: skip


def history(begin_s: float, until_s: float) -> Iterator[tuple[int, tuple[Value, ...]]]:
    """Rows of (UTC microseconds, values), the same whenever it is asked."""
    chance, charge = random.Random(7), 0.6
    for step in range(int(until_s - begin_s) // STEP_S + 1):
        at = begin_s + step * STEP_S
        row = values_at(at, chance, charge)
        assert isinstance(row[7], float)
        charge = min(1.0, max(0.12, charge + row[7] * 52 * STEP_S / 3600 / 10_000))
        if not GAP_DAYS[0] < (at - begin_s) / 86400 < GAP_DAYS[1]:
            yield int(at * 1e6), row


@contextmanager
def running(script: str, data: Path, said: int) -> Iterator[list[str]]:
    """A hub in a process of its own, and the first lines that it says."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIELDSTATION_")}
    command = [sys.executable, "-c", BEGIN + script, str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            yield [process.stdout.readline().strip() for _ in range(said)]
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Roof]:
    """The data folder of a hub at rest with three weeks in it, and the roof as it was then."""
    data, now_s = tmp_path_factory.mktemp("filled"), time.time()
    with running(FURNISH + SERVE, data, 2) as (key, url):
        roof = Roof(url, key, os.urandom(16), now_s - DAYS * 86400)
        roof.live_until(now_s)
    return data, roof


@pytest.fixture(scope="module")
def roof(filled: tuple[Path, Roof], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roof]:
    """A hub with a copy of its own, so that no file of tests sees what another did."""
    data = tmp_path_factory.mktemp("hub")
    shutil.copytree(filled[0], data, dirs_exist_ok=True)
    with running(SERVE, data, 1) as (url,):
        roof = replace(filled[1], url=url, days=filled[1].days.copy())
        roof.live_until(time.time())
        # The first page takes longer than others, for the hub reads its own files for it.
        assert httpx.get(f"{url}/login", timeout=60).status_code == 200
        yield roof


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("the program chromium is not installed")
    with playwright.sync_playwright() as started:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        browser = started.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass
class Visit:
    """One browser window, and all that must not happen in it."""

    page: Any
    faults: list[str]
    base: str

    def sign_in(self) -> None:
        """Through the form, onto the dashboard."""
        self.page.goto(f"{self.base}/login")
        self.page.fill("#name", NAME)
        self.page.fill("#password", PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.base}/")

    def open(self, query: str = "") -> None:
        """The inverter's page, with its plot drawn."""
        self.page.goto(f"{self.base}/instruments/greenhouse-roof/inverter{query}")
        self.drawn()

    def drawn(self) -> None:
        """Wait until the plot shows values."""
        self.page.locator("#plot-status", has_text="values").wait_for()


@pytest.fixture
def visits(chromium: Any, roof: Roof) -> Iterator[Any]:
    """Opens windows; at the end none of them may have seen a fault or asked anybody but the hub."""
    opened: list[tuple[Any, Visit]] = []

    def visit(**options: Any) -> Visit:
        context = chromium.new_context(timezone_id="Europe/Berlin", locale="en-GB", **options)
        context.set_default_timeout(15_000)
        page, faults = context.new_page(), []
        page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda r: 0 if r.url.startswith(roof.url) else faults.append(r.url))
        opened.append((context, Visit(page, faults, roof.url)))
        return opened[-1][1]

    yield visit
    for context, one in opened:
        context.close()
        assert one.faults == []


@pytest.fixture
def visit(visits: Any) -> Visit:
    """A window of 1280 by 900, signed in."""
    one: Visit = visits(viewport={"width": 1280, "height": 900})
    one.sign_in()
    return one
