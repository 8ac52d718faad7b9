"""The twin of an ESP node: real payloads from a plausible greenhouse (mqtt_esp contract, B.2 to
B.6).

1. It starts every 12 h and a little, at times that follow from the seed, so it may be asked at any
   time. `test_the_twin_lives_at_any_speed`
2. Asked late, it tells what its queue still holds: the last 61 seconds.
3. Values come through the words of its chips, with their steps.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from fieldstation.errors import NotFound
from fieldstation.instruments.chance import chance, smooth
from fieldstation.instruments.esp_node.backlog import MOST_AHEAD, text_order
from fieldstation.instruments.esp_node.channels import CLOCK_CHIP, CLOCK_LOST
from fieldstation.instruments.esp_node.listener import LOG_TOPIC
from fieldstation.instruments.esp_node.payload import encode_init, encode_sample
from fieldstation.instruments.esp_node.sensors import (
    decode_max6675,
    decode_sht30,
    encode_max6675,
    encode_sht30,
)
from fieldstation.instruments.esp_node.sessions import WRAP_S
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.outdoors import humidity_percent, temperature_c
from fieldstation.model import Message, Value

__all__ = ["FAULTS", "PROFILES", "EspTwin", "twin"]

FAULTS = {
    "restart": "starts anew before a sample and announces it",
    "lost_init": "starts anew, and the init document goes missing",
    "duplicate": "sends a sample twice, as after a lost acknowledgement",
    "backlog": "holds samples back, then sends up to 60 in the order of their texts",
    "leftover": "sends a sample of the run before",
    "open_thermocouple": "gives null for the thermocouple",
    "bad_air": "gives null for temperature and humidity of the air",
    "junk": "sends something unusable on its data topic",
    "lost_clock": "starts with a clock that was lost and not set",
}
"""Faults that belong to this instrument; a message has no line to suffer from."""

DOWN_S = 14
# B.4: the first edge comes 1 to 3 s after the time of the init document.
FIRST_EDGE_S = 2
HELD_S = 20
# The clock chip counts from 2000 when its battery was empty.
CHIP_START_S = 946_684_800
JUNK = (b"[]", b'[{"id":29,"kT":24.0,"aT":22.0', b'[{"id":1e400}]', b"\xff\xfe", b"hello")


@dataclass(frozen=True, slots=True)
class Profile:
    """A model of node: which sensors answer, and how its firmware writes."""

    ambient: bool = True
    thermocouple: bool = True
    joint: str = "_"
    decimals: int = 6


PROFILES = {
    "both": Profile(),
    "no_thermocouple": Profile(thermocouple=False),
    "no_air": Profile(ambient=False),
    "bare": Profile(ambient=False, thermocouple=False),
    "old_firmware": Profile(joint="-", decimals=3),
}


class EspTwin:
    """One simulated node; it publishes and cannot be asked."""

    speaks_every_s = 1.0

    def __init__(self, profile: Profile, seed: int, plan: FaultPlan) -> None:
        self._profile = profile
        self._seed = seed
        self._plan = plan
        chip = int(chance(seed, "chip") * (1 << 32))
        self.topic = profile.joint.join(("data", "esp", f"{chip:08x}"))
        self._base_s = 0
        self._next = 0
        self._held: list[int] = []

    def speak(self, utc_s: float) -> Sequence[Message]:
        """See `Speaker.speak`."""
        sent: list[Message] = []
        base_s = self._planned_base_s(utc_s)
        if not base_s <= self._base_s <= utc_s:
            sent += self._start(base_s)
        while (number := self._due(utc_s)) is not None:
            sent += self._second(number)
        return sent

    def _due(self, utc_s: float) -> int | None:
        """The id of the oldest sample that is still in the queue; None: it is empty."""
        newest = min(int(utc_s) - self._base_s - FIRST_EDGE_S, WRAP_S)
        oldest = max(self._next, newest - MOST_AHEAD + 1)
        return oldest if oldest <= newest else None

    def _planned_base_s(self, utc_s: float) -> int:
        """The start before `utc_s`, seen from the seed alone."""
        every_s = WRAP_S + DOWN_S
        first_s = int(every_s * chance(self._seed, "first start"))
        return int(utc_s - first_s) // every_s * every_s + first_s

    def _start(self, base_s: int, *, announced: bool = True) -> list[Message]:
        """Begin a run."""
        ended = [self._say(b"<Data_end>")] if self._base_s else []
        self._base_s, self._next, self._held = base_s, 0, []
        lost = self._plan.strikes("lost_clock")
        values: dict[str, Value] = {
            "data_topic": self.topic,
            "clock": CLOCK_LOST if lost else CLOCK_CHIP,
            "thermocouple_sensor": self._profile.thermocouple,
            "ambient_sensor": self._profile.ambient,
        }
        told_s = CHIP_START_S if lost else base_s
        init = Message(LOG_TOPIC, encode_init(told_s, values | self._measured(base_s)), True)
        return [*ended, *([init] if announced else []), self._say(b"<Data_begin>")]

    def _second(self, number: int) -> list[Message]:
        """What goes out at one edge of the clock."""
        at_s = self._base_s + FIRST_EDGE_S + number
        if number and self._plan.strikes("restart"):
            return self._start(at_s)
        if number and self._plan.strikes("lost_init"):
            return self._start(at_s, announced=False)
        self._next = number + 1
        self._held.append(number)
        if self._plan.strikes("backlog") and len(self._held) < HELD_S:
            return []
        sent = [self._sample(one) for one in text_order(self._held)]
        self._held = []
        if self._plan.strikes("duplicate"):
            sent.append(sent[-1])
        if self._plan.strikes("leftover"):
            sent.append(self._sample(WRAP_S - 1))
        if self._plan.strikes("junk"):
            sent.append(self._say(JUNK[number % len(JUNK)]))
        return sent

    def _sample(self, number: int) -> Message:
        values = self._measured(self._base_s + number)
        if self._plan.strikes("open_thermocouple"):
            values["thermocouple_temperature"] = None
        if self._plan.strikes("bad_air"):
            values |= {"ambient_temperature": None, "ambient_humidity": None}
        payload = encode_sample({"sample": number} | values, self._profile.decimals)
        return self._say(payload)

    def _say(self, payload: bytes) -> Message:
        return Message(self.topic, payload, True)

    def _measured(self, utc_s: float) -> dict[str, Value]:
        """What the sensors tell at a time: the air, and a heated bed at the thermocouple."""
        values: dict[str, Value] = {}
        if self._profile.ambient:
            hot, damp = temperature_c(utc_s, self._seed), humidity_percent(utc_s, self._seed)
            air = decode_sht30(encode_sht30(hot, damp))
            values["ambient_temperature"], values["ambient_humidity"] = air or (None, None)
        if self._profile.thermocouple:
            bed = temperature_c(utc_s, self._seed) + 4 + 3 * smooth(utc_s, 1200, self._seed, "bed")
            values["thermocouple_temperature"] = decode_max6675(encode_max6675(bed))
        return values


def twin(profile_name: str, seed: int, plan: FaultPlan, *, fast: bool = False) -> EspTwin:
    """A node of the named profile; one with both sensors for an empty name. Raises NotFound."""
    name = profile_name or "both"
    if name not in PROFILES:
        near = difflib.get_close_matches(name, PROFILES, 1, 0)[0]
        raise NotFound(f"no profile of an ESP node is called {name!r}; the nearest is {near!r}")
    return EspTwin(PROFILES[name], seed, plan)
