"""The twin of a TriStar MPPT: a Modbus server, RTU and TCP, on a plausible site.

1. It answers in the framing in which it is asked, so the same twin serves a pty and a TCP port
   (test_twin_answers_in_the_framing_of_the_question).
2. Damaged requests and requests to other units are met with silence, everything that is not there
   with the exception of the TriStar MPPT sheet, section 11.1.
3. Half a request is forgotten after half a second of silence
   (test_half_a_request_is_forgotten_after_a_silence).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import partial
from typing import Any

from fieldstation.errors import NotFound
from fieldstation.instruments.chance import between
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.tristar_mppt.unit import Unit
from fieldstation.model import Outgoing
from fieldstation.protocol.modbus import WIRES, Request, Server, WriteBit, WriteWord, refuse

FAULTS = {
    "exception": "refuses as a busy device",
    "bad_crc": "ends a serial reply with a wrong checksum",
    "wrong_unit": "answers as another unit",
    "stuck": "registers stay as they are",
    "wild_words": "the live block holds words that cannot be true",
    "no_remote_sensor": "the battery temperature sensor is not connected",
    "switch_8_off": "refuses writes over TCP",
}
"""Faults that belong to this instrument, beside those of any line."""

# Blocks of 12 V and the serial number of each.
PROFILES = {"12v": (1, "13450512"), "24v": (2, "14220077"), "48v": (4, "16080451")}
"""Units that the twin can be, by their battery."""

UNIT = 1
SILENCE_S = 0.5
# Sections 1.2 and 11.1: one character with two stop bits, and the time to answer.
CHARACTER_S = 11 / 9600
LATENCY_S = {"rtu": (0.010, 0.040), "tcp": (0.050, 0.300)}
PIECE = 16
SWITCH_8 = 0x80
WILD = 0x7FFF


class TristarTwin:
    """One simulated unit. `image` are words from address 0 that it starts with and keeps, in place
    of its own life.
    """

    def __init__(
        self, unit: Unit, seed: int, plan: FaultPlan, *, fast: bool, image: Sequence[int] = ()
    ) -> None:
        self.unit = unit
        self._seed = seed
        self._plan = plan
        self._fast = fast
        self._frozen = bool(image)
        self._heard_s = 0.0
        self._count = 0
        unit.memory.load(0, image)
        self._servers = {
            name: Server(wire, UNIT, partial(self._answer, name)) for name, wire in WIRES.items()
        }

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """Take bytes in any split; the replies to whatever requests they complete, in order."""
        if abs(utc_s - self._heard_s) > SILENCE_S:
            self._forget()
        self._heard_s = utc_s
        sent: list[Outgoing] = []
        for name, server in self._servers.items():
            for reply in server.feed(data):
                after_s = sent[-1].delay_s if sent else 0.0
                sent += self._paced(self._spoiled(reply, name), name, after_s)
            if sent:
                self._forget_all_but(name)
                break
        return sent

    def _forget(self) -> None:
        self._forget_all_but("")

    def _forget_all_but(self, name: str) -> None:
        """Whoever speaks one framing is noise to the other."""
        for other, server in self._servers.items():
            if other != name:
                server.silence()

    def _answer(self, wire: str, request: Request[Any]) -> Any:
        if self._plan.strikes("exception"):
            raise refuse(6, str(request))
        if not (self._frozen or self._plan.strikes("stuck")):
            self.unit.remote_sensor = not self._plan.strikes("no_remote_sensor")
            self.unit.live(self._heard_s)
        if self._plan.strikes("wild_words"):
            self.unit.memory.load(0x0018, [WILD] * 5)
        if isinstance(request, WriteBit | WriteWord) and wire == "tcp":
            self._require_switch(request)
        return self.unit.answer(request)

    def _require_switch(self, request: Request[Any]) -> None:
        off = self._plan.strikes("switch_8_off")
        self.unit.switches = self.unit.switches & ~SWITCH_8 | (0 if off else SWITCH_8)
        if off:
            raise refuse(1, str(request))

    def _spoiled(self, reply: bytes, wire: str) -> bytes:
        if wire == "rtu" and self._plan.strikes("bad_crc"):
            return reply[:-1] + bytes([reply[-1] ^ 0x55])
        if self._plan.strikes("wrong_unit"):
            _unit, number, pdu = WIRES[wire].unseal(reply)
            return WIRES[wire].seal(UNIT + 1, pdu, number)
        return reply

    def _paced(self, reply: bytes, wire: str, after_s: float) -> list[Outgoing]:
        """The reply after a latency of its own, on a serial line in pieces at its speed."""
        self._count += 1
        if self._fast:
            return [Outgoing(reply, after_s)]
        start_s = after_s + between(*LATENCY_S[wire], self._seed, "latency", self._count)
        if wire == "tcp":
            return [Outgoing(reply, start_s)]
        return [
            Outgoing(piece := reply[at : at + PIECE], start_s + (at + len(piece)) * CHARACTER_S)
            for at in range(0, len(reply), PIECE)
        ]


def twin(profile: str, seed: int, plan: FaultPlan, *, fast: bool = False) -> TristarTwin:
    """A unit of the named profile; 12 V for an empty name. Raises NotFound."""
    name = profile or "12v"
    if name not in PROFILES:
        near = difflib.get_close_matches(name, PROFILES, 1, 0)[0]
        raise NotFound(
            f"no TriStar MPPT is called {name!r}; the nearest name is {near!r}, "
            f"all are: {', '.join(PROFILES)}"
        )
    blocks, serial = PROFILES[name]
    return TristarTwin(Unit(seed, blocks, serial), seed, plan, fast=fast)
