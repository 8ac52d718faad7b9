"""The twin of an SE521: the reports of a real unit, and the bare frames of a serial one.

Sections are those of the SE521 sheet.

1. A command counts when it was announced with its length and its ends are right; the reply comes
   when it is fetched (section 14). `test_the_twin_wants_a_command_announced`
2. A command that begins with 02 came over a serial line and is answered at once.
3. Nothing is sent unasked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fieldstation.errors import NotFound
from fieldstation.instruments.chance import between, chance, smooth
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.se521 import frame
from fieldstation.instruments.se521.channels import INPUTS
from fieldstation.instruments.se521.codec import MODEL, build_live
from fieldstation.model import Outgoing


@dataclass(frozen=True, slots=True)
class Site:
    """Where the probes are: for each a mean in °F, its swing over the day, and the hour of its
    peak; None for an input without a probe.
    """

    probes: tuple[tuple[float, float, float] | None, ...]


ROOM, OUTDOORS = (71.0, 4.0, 16.0), (58.0, 14.0, 15.0)
TANK, SOIL = (128.0, 18.0, 14.0), (54.0, 1.5, 20.0)
PROFILES = {
    "greenhouse": Site((ROOM, OUTDOORS, TANK, SOIL)),
    "two_probes": Site((ROOM, OUTDOORS, None, None)),
    "cryostat": Site(((-310.0, 2.0, 12.0), ROOM, (-190.0, 12.0, 12.0), None)),
}
USUAL = "greenhouse"

OPTIONS = {"wire": "serial"}
"""The configuration that reaches the twin over a serial port."""

FAULTS = {
    "probe_lost": "the probe on T2 has fallen off, and its value still looks plausible",
    "wrong_counter": "repeats another number than that of the request",
    "wrong_checksum": "a checksum that does not fit",
    "wrong_end": "a reply that does not end in 03",
    "stale_report": "a left-over report before the reply",
    "short_reply": "the last report never comes",
    "hold": "HOLD was pressed",
    "difference": "shows T1 minus T2",
    "display_fahrenheit": "shows degrees Fahrenheit",
    "max_mode": "shows maxima",
    "low_battery": "the battery is nearly empty",
    "other_model": "calls itself 520",
}
"""Faults that belong to this instrument, beside those of any line."""

# Section 3: it converts a few times per second.
CONVERSIONS_PER_S = 3.0
# Sections 3 and 14.
LATENCY_S, SPACING_S = 0.005, 0.001
# Marks of the keys that a remote command presses (section 4), on the flags they toggle.
_TOGGLES = {"C": "fahrenheit", "E": "recording", "H": "hold", "M": "max_min_mode"}
# Unused bytes of a reply to K, as a real unit sends them (section 5).
_FILLER = bytes.fromhex("23c491") * 3 + bytes.fromhex("23c4") + b"\xff" * 11


class Se521Twin:
    """One simulated unit."""

    def __init__(self, site: Site, seed: int, plan: FaultPlan, *, fast: bool) -> None:
        self._site = site
        self._seed = seed
        self._plan = plan
        self._fast = fast
        self._heard = bytearray()
        self._announced = 0
        self._command = b""
        names = plan.names
        self.state = {
            "fahrenheit": "display_fahrenheit" in names,
            "recording": False,
            "hold": "hold" in names,
            "max_min_mode": "max_mode" in names,
        }

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """Take bytes in any split; the reports or the frame that they fetch."""
        self._heard += data
        sent: list[Outgoing] = []
        while piece := self._piece():
            sent += self._take(piece, utc_s)
        return sent

    def _piece(self) -> bytes:
        """The next whole report or command; what can be neither is dropped."""
        first = (frame.FEATURE, frame.COMMAND, frame.STX)
        while self._heard and self._heard[0] not in first:
            del self._heard[0]
        size = frame.COMMAND_BYTES if self._heard[:1] == bytes((frame.STX,)) else 8
        if len(self._heard) < size:
            return b""
        piece = bytes(self._heard[:size])
        del self._heard[:size]
        return piece

    def _take(self, piece: bytes, utc_s: float) -> list[Outgoing]:
        if piece[0] == frame.STX:
            self._obey(piece)
            return self._timed([self._reply(utc_s)] if self._command else [])
        if piece[0] == frame.COMMAND:
            if self._announced == frame.COMMAND_BYTES:
                self._obey(piece[1:])
            self._announced = 0
        elif piece[1] == frame.ANNOUNCE:
            self._announced = piece[2]
        elif piece[1] == frame.FETCH and self._command:
            return self._timed(self._reports(piece[2], utc_s))
        return []

    def _obey(self, command: bytes) -> None:
        """Remember a question; a key acts at once and has no reply."""
        self._command = b""
        if command[0] != frame.STX or command[-1] != frame.ETX:
            return
        letter = chr(command[1])
        if letter in frame.REPLY_BYTES:
            self._command = command
        elif letter in _TOGGLES:
            self.state[_TOGGLES[letter]] ^= True
        elif letter == "N":
            self.state["max_min_mode"] = False

    def _reports(self, size: int, utc_s: float) -> list[bytes]:
        reply = self._reply(utc_s)[:size].ljust(size, b"\xff")
        packed = frame.pack_reports(reply)
        starts = range(0, len(packed), frame.REPORT_BYTES)
        reports = [packed[at : at + frame.REPORT_BYTES] for at in starts]
        if self._plan.strikes("stale_report"):
            reports.insert(0, b"\x02\x1c\x03".ljust(frame.REPORT_BYTES, b"\0"))
        return reports[:-1] if self._plan.strikes("short_reply") else reports

    def _timed(self, pieces: list[bytes]) -> list[Outgoing]:
        start_s, step_s = (0.0, 0.0) if self._fast else (LATENCY_S, SPACING_S)
        return [Outgoing(data, start_s + step_s * place) for place, data in enumerate(pieces)]

    def _reply(self, utc_s: float) -> bytes:
        if chr(self._command[1]) == frame.IDENTIFY:
            model = "520" if self._plan.strikes("other_model") else MODEL
            body = _FILLER + model.encode() + b"\xff" * 5
            return bytes((frame.STX,)) + body + bytes((frame.ETX,))
        return self._spoilt(bytearray(build_live(self._values(utc_s))))

    def _spoilt(self, reply: bytearray) -> bytes:
        if self._plan.strikes("wrong_counter"):
            reply[frame.COUNTER_AT] ^= 0x55
            reply[frame.CHECKSUM_AT] = frame.checksum(reply)
        if self._plan.strikes("wrong_checksum"):
            reply[frame.CHECKSUM_AT] ^= 1
        if self._plan.strikes("wrong_end"):
            reply[-1] = 0
        return bytes(reply)

    def _values(self, utc_s: float) -> dict[str, Any]:
        tick = int(utc_s * CONVERSIONS_PER_S)
        degrees = {n: self._degrees(n, tick) for n in INPUTS}
        open_inputs = [n for n in INPUTS if self._site.probes[n - 1] is None]
        if self._plan.strikes("probe_lost"):
            open_inputs.append(2)
        difference = "difference" in self._plan.names
        return {
            "battery_level": 0 if "low_battery" in self._plan.names else 3,
            "display_unit": "F" if self.state["fahrenheit"] else "C",
            "thermocouple_type": "K",
            "counter": self._command[5],
            "t1_minus_t2_mode": difference,
            "max_min_code": 1 if self.state["max_min_mode"] else 0,
            "status_byte6": sum(0x11 << n - 1 for n in set(open_inputs)),
            **{name: self.state[name] for name in ("recording", "hold", "max_min_mode")},
            **{f"fahrenheit_{n}": value for n, value in degrees.items()},
            "fahrenheit_difference": degrees[1] - degrees[2] if difference else 0,
        }

    def _degrees(self, number: int, tick: int) -> float:
        """What an input shows, in tenths of °F; noise where there is no probe."""
        probe = self._site.probes[number - 1]
        if probe is None:
            return round(between(-300, 300, self._seed, number, tick), 1)
        mean, swing, peak_h = probe
        utc_s = tick / CONVERSIONS_PER_S
        sun = math.cos(2 * math.pi * (utc_s / 3600 - peak_h) / 24)
        weather = smooth(utc_s, 21_600.0, self._seed, "weather", number) - 0.5
        noise = 0.1 * (2 * chance(self._seed, "noise", number, tick) - 1)
        return round(mean + swing * (sun + weather) / 2 + noise, 1)


def twin(profile_name: str, seed: int, plan: FaultPlan, *, fast: bool = False) -> Se521Twin:
    """A unit whose probes are where the profile says; the usual place for an empty name. Raises
    NotFound.
    """
    site = PROFILES.get(profile_name or USUAL)
    if site is None:
        raise NotFound(f"no site is called {profile_name!r}; there are: {', '.join(PROFILES)}")
    return Se521Twin(site, seed, plan, fast=fast)
