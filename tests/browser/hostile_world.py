"""A hub on which everything that has a name or a text carries a hostile one."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import Any

import httpx

from fieldstation.batch import Announcement, Batch, encode
from fieldstation.batch.facts import DAY_US, Event, Fact, Hole, State, Tally
from fieldstation.batch.report import MEDIA_TYPE, PATH, Report
from fieldstation.cli import posted
from fieldstation.client import Hub, query_of
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust, Value

PASSWORD = "a long way to the sea"
STEP_US = 60_000_000
ROWS = 120

IMAGE = '<img src=x onerror="window.hit=1">'
SCRIPT = '"><script>window.hit=1</script>'
LINK = "javascript:window.hit=1"
QUOTE = "';window.hit=1//"
BRACES = "{{7*7}}%(n)s${7*7}"
ARABIC, HEBREW = "العربية", "עברית"
UNIT = "<img/src=x/onerror=window.hit=1>"
# A right-to-left override, a NUL, a line end; only values may hold them.
TURNED = f"a\u202egnp.exe\x00\r\n{IMAGE}"


def long(text: str, letters: int) -> str:
    """The text, made a word of so many letters."""
    return text + "W" * (letters - len(text))


PERSON = long(IMAGE, 64)
SITE = long(SCRIPT, 80)
GATEWAY = long(QUOTE + IMAGE, 80)
SENSOR = long(BRACES + UNIT.replace("/", " "), 80)
INSTRUMENT = long(SCRIPT, 63)
PLOT, BOARD, NOTE = long(IMAGE, 80), long(BRACES + IMAGE, 80), long(HEBREW + IMAGE, 200)
TITLE, X_TITLE, Y_TITLE = long(IMAGE, 200), long(SCRIPT, 200), long(LINK, 200)
CAUSE, EVENT, SENTENCE = long(IMAGE, 200), long(SCRIPT, 200), long(QUOTE + IMAGE, 1000)
LABEL = long(IMAGE, 256)
WORD = long(ARABIC + IMAGE, 256)
DEVICE = long(LINK + IMAGE, 80)

# Words that every object of a script has, by themselves.
BORN = ("constructor", "toString", "__proto__")
CODES: dict[int | str, str] = {1: WORD, 2: IMAGE, 3: LINK}
NUMBER, FLAG, ENUM, TEXT = Kind.NUMBER, Kind.FLAG, Kind.ENUM, Kind.TEXT
LAYOUT = Layout(
    long(SCRIPT, 63),
    long(IMAGE, 63),
    (
        Channel("pv_power", NUMBER, "W", LABEL, headline=True),
        Channel("battery_power", NUMBER, "W", SCRIPT),
        Channel("mode", ENUM, "", LABEL, codes=CODES, headline=True),
        Channel("word", ENUM, "", SCRIPT, codes={"a": IMAGE, "b": LINK}, headline=True),
        Channel("constructor", NUMBER, UNIT, f"{IMAGE} today", headline=True),
        *(Channel(f"cell_{n}", NUMBER, long(UNIT, 200), LABEL) for n in range(1, 5)),
        *(Channel(f"bin_{n}", NUMBER, IMAGE, f"{IMAGE} {n} to {n + 1} {long(UNIT, 100)}")
          for n in range(4)),
        *(Channel(f"alarm_{n}", FLAG, "", f"{IMAGE} {long(n, 99)}") for n in "abc"),
        Channel("words", TEXT, "", LABEL),
    ),
)  # fmt: skip
BARE = Layout("bare", "bare", (Channel("load", NUMBER), Channel(BORN[0], TEXT)))
DOCUMENT = {
    IMAGE: 1.5,
    SCRIPT: {LINK: 2.5, ARABIC: 3.5},
    long("key", 250): 4.5,
    **{name: n for n, name in enumerate(BORN)},
    "with unit": {"value": 5.5, "unit": UNIT},
    "turned": TURNED,
    "long": long(IMAGE, 256),
}

SERVE = """
import json, sys
from pathlib import Path
from fieldstation.hub import run
data, words = Path(sys.argv[1]), json.loads(sys.argv[2])
run.add_user(data, words["person"], words["password"])
from fieldstation.hub.accounts import tokens
from fieldstation.hub.accounts.models import User
from fieldstation.hub.greenhouse import house
house.set_up(posts=True)
print(tokens.make(User.objects.get(), words["token"], "manage", 7)[0], flush=True)
run.serve(data, port=0, ready=lambda url: print(url, flush=True))
"""


@dataclass
class Station:
    """A station whose instruments announce what they like."""

    url: str
    key: str
    boot: bytes
    sequence: int = 0
    number: int = 0

    def send(self, name: str, layout: Layout, rows: list[tuple[int, tuple[Value, ...]]]) -> None:
        """Rows of (UTC microseconds, values) of an instrument."""
        kept = tuple(
            Kept(
                self.sequence + place,
                Reading(name, layout, Instant(at, at, self.boot, Trust.SYNCED), values),
            )
            for place, (at, values) in enumerate(rows, 1)
        )
        self.number, first = self.number + 1, self.sequence + 1
        self.sequence += len(rows)
        words = Announcement(name, layout, STEP_US, LABEL, LABEL)
        body = encode(Batch(self.boot, self.number, first, self.sequence, kept, (words,)))
        self.tell("/api/v1/ingest", "application/vnd.fieldstation.batch", body)

    def tell(self, path: str, kind: str, body: bytes) -> None:
        """A body with the station's key, which the hub takes."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind}
        answer = httpx.post(self.url + path, content=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text


@dataclass
class Furnished:
    """A hub on which every name is hostile, and what stands in its addresses."""

    url: str
    station: Station
    places: dict[str, str]
    token: str

    def row(self, at_us: int, load: float, mode: int = 1, word: str = "a") -> tuple[int, Any]:
        cells = [3.2, 3.3, 3.4, load / 100]
        bins = [1.0, 20.0, 300.0, load]
        values: list[Value] = [load, -load, mode, word, 7.5, *cells, *bins, True, False, True]
        return at_us, (*values, TURNED)

    def read(self, load: float, mode: int = 1, word: str = "a") -> None:
        """A new reading of the instrument."""
        row = self.row(time.time_ns() // 1000, load, mode, word)
        self.station.send(INSTRUMENT, LAYOUT, [row])
        self.station.send(BORN[0], BARE, [(row[0], (load, None))])

    def post(self, document: dict[str, Any]) -> None:
        """A document of the sensor."""
        headers = {"Authorization": f"Bearer {self.token}"}
        address = f"{self.url}/api/v1/sensors/{self.places['sensor']}/readings"
        answer = httpx.post(address, json=document, headers=headers)
        assert answer.status_code == 200, answer.text


def furnish(hub: Hub, url: str) -> Furnished:
    """Give everything its name, through the borders that everybody has to pass."""
    for site in hub.sites():
        site.change(name=SITE)
    pin = hub.add_gateway(GATEWAY, "home")
    given = httpx.post(f"{url}/api/v1/register", json={"pin": pin.pin, "device": DEVICE}).json()
    sensor = hub.add_sensor(
        SENSOR, site="home", type=PLOT, protocol=LINK, description=long(SCRIPT, 900),
        units={IMAGE: UNIT, SCRIPT: LINK},
    )  # fmt: skip
    station = Station(url, given["key"], os.urandom(16))
    made = Furnished(url, station, {"gateway": pin.gateway, "sensor": str(sensor.id)}, sensor.token)
    now_us = time.time_ns() // 1000
    rows = [
        made.row(now_us - (ROWS - n) * STEP_US, n, 1 + n // 40, "ab"[n // 60]) for n in range(ROWS)
    ]
    station.send(INSTRUMENT, LAYOUT, rows)
    made.read(0.0)
    made.post(DOCUMENT)
    report(station, now_us)
    low = posted.bms(time.time(), 1)
    low["BMS Status"]["Status Errors"] = long(IMAGE, 200)
    low[SCRIPT] = DOCUMENT
    for path in ("/BMS/post-json", "/Tristar/post-json", "/Tristar/post-json/daily"):
        assert httpx.post(url + path, json=low).status_code == 200
    place = f"{pin.gateway}/{INSTRUMENT}"
    query = query_of(
        f"{place}:pv_power", f"{place}:mode", f"{place}:cell_1",
        f"{sensor.gateway}/{sensor.instrument}:constructor",
        title=TITLE, xlabel=X_TITLE, ylabel=Y_TITLE, date_format=f"%H:%M {UNIT}",
    )  # fmt: skip
    plots = hub.plots
    plots.leave_note(pin.gateway, INSTRUMENT, NOTE)
    plot = plots.save(query, PLOT)
    board = plots.add_dashboard(BOARD, [plot])
    link = plots.share(query).link
    made.places["series"] = f"{sensor.gateway}/{sensor.instrument}"
    made.places |= {"query": query, "board": board.id, "shared": link.removeprefix(url)}
    return made


def report(station: Station, now_us: int) -> None:
    """The station's word of itself, of a hole and of what happened."""
    first = now_us - ROWS * STEP_US
    facts: list[Fact] = [
        Tally(station.boot, INSTRUMENT, now_us // DAY_US, ROWS),
        Hole(1, INSTRUMENT, IMAGE, CAUSE, station.boot, first, now_us, 9, State.LOST),
        Hole(2, INSTRUMENT, "", BORN[0], station.boot, first, first + STEP_US, 2, State.OPEN),
        *(Event(station.boot, n, now_us - n, n, what, SENTENCE)
          for n, what in enumerate((EVENT, *BORN), 1)),
    ]  # fmt: skip
    told = Report(
        "9f3c21aa04b7d510", station.boot, "1b4e28ba", long(IMAGE, 64), now_us, now_us, 1,
        facts=tuple(enumerate(facts, 1)),
    )  # fmt: skip
    station.tell(PATH, MEDIA_TYPE, json.dumps(told.as_json()).encode())
