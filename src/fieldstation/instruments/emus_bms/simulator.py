"""The twin of an Emus control unit: real sentences, asked for and unasked.

Sections are those of the Emus BMS sheet.

1. Broadcasts come at the unit's own period whether or not anyone asks; the line hands out what fell
   due since it was last looked at, and no more than one burst of it
   (`test_the_unit_speaks_unasked_at_its_period`).
2. A damaged request, or one of unknown name, gets no answer (section 14, point 2).
3. A restart says `#`, and `#` sent back within a second enters the bootloader, which answers
   nothing else (section 10).
"""

from __future__ import annotations

from collections.abc import Sequence

from fieldstation.errors import CodecError, NotFound
from fieldstation.instruments.chance import between
from fieldstation.instruments.emus_bms.grammar import LONGEST_LINE, line_end, name_of
from fieldstation.instruments.emus_bms.history import Event
from fieldstation.instruments.emus_bms.lines import decode_request_line
from fieldstation.instruments.emus_bms.pack import Pack, Size
from fieldstation.instruments.emus_bms.speech import seal
from fieldstation.instruments.emus_bms.unit import TRACE_BIT, Unit
from fieldstation.instruments.faults import FaultPlan
from fieldstation.model import Outgoing
from fieldstation.protocol.framing import FrameBuffer

PROFILES = {
    "pack8": Size(8, 2),
    "pack80": Size(80, 2, external_sensors=True),
    "pack254": Size(254, 2, external_sensors=True),
}
USUAL = "pack8"

STATES = {
    "cells_lost": "the unit cannot talk to its cell modules",
    "unknown_protection": "a protection bit that no document names",
    "short_trip": "DT1 of very old firmware, four fields",
    "bootloader": "the unit waits for new firmware",
    "login_always": "every change needs a login",
    "clock_reset": "the unit's clock began again at 2000",
}
FAULTS = {
    **STATES,
    "can_trace": "copies to the line what passes on CAN",
    "broadcast_only": "answers no question, only broadcasts",
    "no_broadcast": "only answers",
    "restart": "restarts instead of answering",
    "lost_line_end": "leaves out the end of a line",
    "doubled_line_end": "ends a line twice",
    "cut_line": "stops in the middle of a line",
    "junk_line": "says something between the lines of a reply",
    "burst_inside": "broadcasts between the lines of a reply",
    "missing_line": "leaves out one line of a reply",
    "swapped_lines": "gives the lines of a reply in another order",
    "extra_field": "appends a field, as newer firmware does",
    "old_sentence": "says a sentence that newer firmware dropped",
    "unknown_event": "has an event in its log that no document names",
}
"""Faults that belong to this instrument, beside those of any line."""

# The thirteen sentences of a burst (section 14, point 3).
BURST = ("TD1", "ST1", "BV1", "BT1", "BT3", "BB1", "BC1", "CV1", "CS1", "DT1", "IN1", "OT1", "CG1")
# Sections 1 and 14: 57600 baud, and the time to think.
BYTES_PER_S = 5760.0
LATENCY_S = (0.005, 0.020)
# Section 14, point 10.
RESTART_S = 0.2
BOOTLOADER_WINDOW_S = 1.0
# Section 10: as the very first bytes within this time after a start.
MASTER_CLEAR, CLEAR_WINDOW_S = b"xxxxx", 10.0
LOOK_EVERY_S = 0.25


class EmusTwin:
    """One simulated unit. `unit` is what stands behind the line."""

    speaks_every_s = LOOK_EVERY_S

    def __init__(self, size: Size, seed: int, plan: FaultPlan, *, fast: bool) -> None:
        self._pack = Pack(size, seed)
        self._seed = seed
        self._plan = plan
        self._fast = fast
        self._lines = FrameBuffer(line_end, LONGEST_LINE)
        self._greets_at_s: float | None = None
        self._count = 0
        self._spoken_s = 0.0
        self._switched_on_s = 0.0
        self._heard_any = False
        self._unit: Unit | None = None

    @property
    def unit(self) -> Unit:
        """The control unit. It is switched on by the first look at the line."""
        if self._unit is None:
            raise RuntimeError("the unit was never switched on; call receive first")
        return self._unit

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """What the unit says after `data`, and what it said by itself since the last call."""
        if self._unit is None:
            self._switch_on(utc_s)
        if self._greets_at_s is not None:
            return self._greet(self._greets_at_s, data, utc_s)
        sent = self._paced(self._due(utc_s), 0.0)
        for line in self._lines.feed(data):
            after_s = sent[-1].delay_s if sent else 0.0
            sent += self._paced(self._reply(line, utc_s), after_s + self._latency_s())
            if self.unit.started_s == utc_s and self._switched_on_s != utc_s:
                self._greets_at_s = utc_s + RESTART_S + BOOTLOADER_WINDOW_S
                return [*sent, Outgoing(b"#", after_s + RESTART_S)]
        return sent

    def _switch_on(self, utc_s: float) -> None:
        self._unit = Unit(self._pack, self._seed, utc_s)
        for name in STATES:
            setattr(self._unit.state.trouble, name, name in self._plan.names)
        if "no_broadcast" in self._plan.names:
            self._unit.state.parameters["1600"] &= ~(1 << 12)
        if "can_trace" in self._plan.names:
            self._unit.state.parameters["1600"] |= TRACE_BIT
        if self._unit.state.trouble.cells_lost:
            self._unit.lose_cells(utc_s)
        if "unknown_event" in self._plan.names:
            self._unit.logged.append(Event(utc_s, 0x20))
        self._spoken_s = self._switched_on_s = utc_s

    def _due(self, utc_s: float) -> list[str]:
        """The newest burst that fell due and was not said yet."""
        period_s = self.unit.period_s(utc_s)
        if not period_s or not 0 <= utc_s - self._spoken_s < period_s:
            self._spoken_s = utc_s - (utc_s % period_s if period_s else 0.0)
            return self._burst(utc_s) if period_s else []
        return []

    def _burst(self, utc_s: float) -> list[str]:
        said = [line for name in BURST for line in self.unit.say(name, utc_s)]
        return said + self.unit.traced()

    def _reply(self, line: bytes, utc_s: float) -> list[str]:
        """The lines that answer one request."""
        first, self._heard_any = not self._heard_any, True
        if first and line.strip() == MASTER_CLEAR and utc_s - self._switched_on_s <= CLEAR_WINDOW_S:
            self.unit.master_clear(utc_s)
            return []
        if self.unit.state.trouble.bootloader:
            return [self.unit.version()] if name_of(line) == "VR1" else []
        try:
            request = decode_request_line(line)
        except CodecError:
            return []
        if self._plan.strikes("broadcast_only"):
            return []
        if self._plan.strikes("restart"):
            self.unit.restart(utc_s, 0x01)
            return []
        if request == {"request": "read"}:
            return self._spoilt(self.unit.say(name_of(line), utc_s), utc_s)
        return self._spoilt(self.unit.obey(name_of(line), request, utc_s), utc_s)

    def _greet(self, at_s: float, data: bytes, utc_s: float) -> list[Outgoing]:
        """The end of a restart: the bootloader if the mark was sent back, else as usual."""
        if b"#" in data:
            self.unit.state.trouble.bootloader = True
        elif utc_s < at_s:
            return []
        self._greets_at_s = None
        return self._paced([self.unit.version()], 0.0)

    def _spoilt(self, lines: list[str], utc_s: float) -> list[str]:
        """The reply after the faults that strike it as a whole."""
        strikes = self._plan.strikes
        if len(lines) > 1 and strikes("missing_line"):
            del lines[len(lines) // 2]
        if len(lines) > 1 and strikes("swapped_lines"):
            lines.reverse()
        if lines and strikes("extra_field"):
            lines[-1] += ",64"
        if lines and strikes("junk_line"):
            lines.insert(1, "\x07 no sentence")
        if lines and strikes("burst_inside"):
            lines[1:1] = self._burst(utc_s)
        if lines and strikes("old_sentence"):
            lines.insert(0, "CS2,00,00")
        return lines

    def _paced(self, lines: list[str], start_s: float) -> list[Outgoing]:
        """Lines as bytes, each when its last byte is through."""
        sent: list[Outgoing] = []
        for text in lines:
            data = self._spoilt_line(seal(text))
            start_s += 0.0 if self._fast else len(data) / BYTES_PER_S
            sent.append(Outgoing(data, start_s))
        return sent

    def _spoilt_line(self, data: bytes) -> bytes:
        if self._plan.strikes("lost_line_end"):
            data = data.strip(b"\r\n")
        if self._plan.strikes("doubled_line_end"):
            data += b"\r\n"
        return data[: len(data) // 2] if self._plan.strikes("cut_line") else data

    def _latency_s(self) -> float:
        self._count += 1
        return 0.0 if self._fast else between(*LATENCY_S, self._seed, "latency", self._count)


def twin(profile_name: str, seed: int, plan: FaultPlan, *, fast: bool = False) -> EmusTwin:
    """A unit with the pack that the profile names, the usual one for an empty name. Raises
    NotFound.
    """
    size = PROFILES.get(profile_name or USUAL)
    if size is None:
        raise NotFound(f"no pack is called {profile_name!r}; there are: {', '.join(PROFILES)}")
    return EmusTwin(size, seed, plan, fast=fast)
