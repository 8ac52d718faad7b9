"""The twin of a JSON node: a weather post that publishes a document every ten seconds.

`OPTIONS` is the configuration that hears it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fieldstation.errors import NotFound
from fieldstation.instruments.chance import smooth
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.json_node.channels import read_table
from fieldstation.instruments.outdoors import humidity_percent, illuminance_lx, temperature_c
from fieldstation.model import Message

__all__ = ["CHANNELS", "FAULTS", "OPTIONS", "PROFILES", "JsonTwin", "twin"]

TOPIC = "site/weather"
EVERY_S = 10
# A queue as that of small devices: older documents are lost while nobody listens.
MOST_QUEUED = 30

_TABLE = """\
temperature /air/temperature unit=°C low=-40 high=60 decimals=1 label="Air temperature" headline=yes
humidity    /air/humidity    unit=% low=0 high=100 decimals=1 label="Air humidity" headline=yes
light       /light           unit=lx low=0 high=120000 kind=integer label="Light"
voltage     /battery/0       unit=V low=0 high=5 decimals=2 label="Battery voltage"
door_open   /door            kind=flag label="Door open"
state       /state           kind=text label="State"
"""
OPTIONS: dict[str, Any] = {"topic": TOPIC, "channels": _TABLE, "time": "/time"}
CHANNELS = read_table(_TABLE, TOPIC)[0].layout.channels

PROFILES = {"weather": "a weather post with a clock"}

FAULTS = {
    "duplicate": "sends a document twice",
    "nan": "writes NaN for a number, as careless firmware does",
    "overflow": "writes 1e400",
    "deep": "sends a document of a thousand levels",
    "huge": "sends a document that is too long",
    "double_key": "writes a key twice",
    "words": "writes numbers as texts",
    "gone": "leaves the air out",
    "junk": "sends bytes that are no JSON",
}
"""Faults that belong to this instrument; a message has no line to suffer from."""


class JsonTwin:
    """One simulated node; it publishes and cannot be asked."""

    speaks_every_s = float(EVERY_S)

    def __init__(self, seed: int, plan: FaultPlan) -> None:
        self._seed = seed
        self._plan = plan
        self._next = 0

    def speak(self, utc_s: float) -> Sequence[Message]:
        """See `Speaker.speak`."""
        newest = int(utc_s // EVERY_S)
        if self._next > newest + 1:
            self._next = 0
        first = max(self._next, newest - MOST_QUEUED + 1 if self._next else newest)
        self._next = newest + 1
        return [
            Message(TOPIC, payload, True)
            for number in range(first, newest + 1)
            for payload in self._payloads(number * EVERY_S)
        ]

    def _payloads(self, utc_s: int) -> list[bytes]:
        document = self._document(utc_s)
        text = json.dumps(document)
        spoiled = next((spoil(text) for name, spoil in _SPOILED if self._plan.strikes(name)), None)
        payloads = [text.encode()] if spoiled is None else [spoiled]
        return payloads * 2 if self._plan.strikes("duplicate") else payloads

    def _document(self, utc_s: int) -> dict[str, Any]:
        seed = self._seed
        words = self._plan.strikes("words")
        air = {
            "temperature": round(temperature_c(utc_s, seed), 1),
            "humidity": round(humidity_percent(utc_s, seed), 1),
        }
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(utc_s, UTC).isoformat(),
            "air": {name: str(value) for name, value in air.items()} if words else air,
            "light": round(illuminance_lx(utc_s, seed)),
            "battery": [round(3.6 + 0.5 * smooth(utc_s, 40_000, seed, "battery"), 2)],
            "door": "on" if smooth(utc_s, 600, seed, "door") > 0.9 else "off",
            "state": "running",
        }
        if self._plan.strikes("gone"):
            del document["air"]
        return document


_SPOILED = (
    ("nan", lambda text: text.replace('"light": ', '"light": NaN, "was": ').encode()),
    ("overflow", lambda text: text.replace('"light": ', '"light": 1e400, "was": ').encode()),
    ("double_key", lambda text: text.replace('"light": ', '"light": 1, "light": ').encode()),
    ("deep", lambda _text: b"[" * 1000 + b"]" * 1000),
    ("huge", lambda text: text.replace("running", "r" * 70_000).encode()),
    ("junk", lambda text: text.encode()[: len(text) // 2] + b"\xff"),
)


def twin(profile_name: str, seed: int, plan: FaultPlan, *, fast: bool = False) -> JsonTwin:
    """A node of the named profile; the weather post for an empty name. Raises NotFound."""
    name = profile_name or "weather"
    if name not in PROFILES:
        near = difflib.get_close_matches(name, PROFILES, 1, 0)[0]
        raise NotFound(f"no profile of a JSON node is called {name!r}; the nearest is {near!r}")
    return JsonTwin(seed, plan)
