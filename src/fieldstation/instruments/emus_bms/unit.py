"""The twin's control unit: what it says about its pack, and what requests do to it.

Sections are those of the Emus BMS sheet. Lines are made here without their checksum and line ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fieldstation.instruments.emus_bms.fields import EPOCH, Values
from fieldstation.instruments.emus_bms.history import (
    EPOCH_UTC_S,
    Event,
    events,
    statistic_lines,
)
from fieldstation.instruments.emus_bms.pack import Pack
from fieldstation.instruments.emus_bms.parameters import width
from fieldstation.instruments.emus_bms.sentences import DETAILS, SENTENCES
from fieldstation.instruments.emus_bms.state import Present, State, default_parameters

HARDWARE, SERIAL, FIRMWARE = "BMS1", 1000, "2.0.21.0"
GROUP = 8
LOGIN_NEEDED = "PW1,?"
LOG_SIZE = 50
BROADCAST_BIT, TRACE_BIT = 1 << 12, 1 << 14
# Needed a login, where passwords are set (section 14, point 8).
_GUARDED = (
    "write_parameter factory_reset zero_current_sensor reset_control_unit set_state_of_charge"
    " calibrate_module_temperature calibrate_external_temperature clear_event_log"
    " clear_statistics transmit_can"
)
GUARDED = frozenset(_GUARDED.split())


@dataclass(slots=True)
class Access:
    """Passwords of levels 1 and 2, and the level logged in."""

    passwords: dict[int, str] = field(default_factory=dict)
    level: int = 0


class Unit:
    """One control unit, switched on at `started_s`. Times are UTC seconds since 1970."""

    def __init__(self, pack: Pack, seed: int, started_s: float) -> None:
        self.seed = seed
        self.state = State(pack, default_parameters(pack.size))
        self.access = Access()
        self._known: tuple[float, Mapping[str, Any]] | None = None
        self.logged: list[Event] = []
        self.transmitted: list[Values] = []
        self.log_cleared_s = 0.0
        self.statistics_cleared = False
        self.resets: list[tuple[float, int]] = []
        self.restart(started_s, 0x01)

    def restart(self, utc_s: float, source: int) -> None:
        """Begin again at `utc_s`; `source` holds the bits of the cause."""
        self.started_s = utc_s
        self.access.level = 0
        self.resets = [(utc_s, source), *self.resets][:5]
        self.logged = [*self.logged, Event(utc_s, 1)][-LOG_SIZE:]

    def lose_cells(self, utc_s: float) -> None:
        """Be out of reach of the cell modules from `utc_s` on."""
        self.state.trouble.cells_lost, self.state.trouble.lost_at_s = True, utc_s
        self.logged = [*self.logged, Event(utc_s, 2)][-LOG_SIZE:]

    # --- what it says ---

    def period_s(self, utc_s: float) -> float:
        """Seconds between broadcasts; 0 when it only answers."""
        if self.state.trouble.bootloader or not self.state.parameters["1600"] & BROADCAST_BIT:
            return 0.0
        return self.state.parameters["0010" if self.state.charging(utc_s) else "0111"] / 10

    def version(self) -> str:
        """VR1."""
        firmware = "boot" if self.state.trouble.bootloader else FIRMWARE
        return f"VR1,{HARDWARE},{SERIAL:08X},{firmware}"

    def say(self, name: str, utc_s: float) -> list[str]:
        """The lines that answer `name,?`; none for a name it does not know."""
        if name in SENTENCES:
            return [self._shaped(name, utc_s)]
        if name in DETAILS:
            return self._details(name, utc_s)
        found: dict[str, Callable[[], list[str]]] = {
            "CG1": lambda: [self._can()],
            "LG1": lambda: self._log(utc_s),
            "PW1": lambda: [f"PW1,{self.access.level}"],
            "RS2": lambda: [self._resets()],
            "SS1": lambda: statistic_lines(
                self.state.pack, self.seed, utc_s, self.statistics_cleared
            ),
            "TD1": lambda: [self._clock(utc_s)],
            "VR1": lambda: [self.version()],
        }
        return found[name]() if name in found else []

    def _present(self, utc_s: float) -> Mapping[str, Any]:
        """Values at an instant; a burst asks for the same thirteen times."""
        if self._known is None or self._known[0] != utc_s:
            self._known = utc_s, Present(self.state, utc_s).values()
        return self._known[1]

    def _shaped(self, name: str, utc_s: float) -> str:
        texts = SENTENCES[name].encode(self._present(utc_s))
        if name == "DT1" and self.state.trouble.short_trip:
            texts = texts[:4]
        if name == "ST1" and self.state.trouble.unknown_protection:
            texts[5] = f"{int(texts[5], 16) | 1 << 12:04X}"
        return ",".join([name, *texts])

    def _details(self, name: str, utc_s: float) -> list[str]:
        detail, size = DETAILS[name], self.state.pack.size
        cells = Present(self.state, utc_s).cells(name)
        if not cells:
            return [",".join([name, *[""] * detail.empty])]
        lines = []
        for string in range(size.strings):
            end = (string + 1) * size.series
            for first in range(string * size.series, end, GROUP):
                part = cells[first : min(first + GROUP, end)]
                texts = (detail.element.encode({detail.element.channel: cell}) for cell in part)
                lines.append(f"{name},{string:02X},{first:04X},{len(part):02X},{''.join(texts)}")
        return lines

    def _can(self) -> str:
        size = self.state.pack.size
        status = "02" if self.state.trouble.cells_lost else "01"
        each = size.cells // size.modules
        pairs = [f"{status},{each:02X}"] * size.modules + ["00,00"] * (32 - size.modules)
        return ",".join(["CG1,01,00", *pairs])

    def traced(self) -> list[str]:
        """What passes on CAN while it is copied to the line: a question to each cell group module,
        and its answer.
        """
        if not self.state.parameters["1600"] & TRACE_BIT:
            return []
        size = self.state.pack.size
        base, each = self.state.parameters["0D03"] << 16, size.cells // size.modules
        return [
            line
            for module in range(size.modules)
            for line in (
                f"CN2,{base | module:08X},1,1,0,",
                f"CN1,{base | module:08X},1,0,2,{module:02X}{each:02X}",
            )
        ]

    def _log(self, utc_s: float) -> list[str]:
        past = [event for event in events(self.seed, utc_s) if event.at_s > self.log_cleared_s]
        own = [event for event in self.logged if self.log_cleared_s < event.at_s <= utc_s]
        newest = sorted([*past, *own], key=lambda event: -event.at_s)[:LOG_SIZE]
        return [
            f"LG1,{place:02X},{event.code:02X},FFFFFF,{unit_seconds(event.at_s):08X}"
            for place, event in enumerate(newest)
        ] or ["LG1,"]

    def _resets(self) -> str:
        pairs = [f"{unit_seconds(at_s):08X},{flags:02X}" for at_s, flags in self.resets]
        return ",".join(["RS2", *pairs, *["00000000,00"] * (5 - len(pairs))])

    def _clock(self, utc_s: float) -> str:
        shown = utc_s - self.started_s if self.state.trouble.clock_reset else unit_seconds(utc_s)
        now = EPOCH + timedelta(seconds=int(shown))
        uptime = max(0, int(utc_s - self.started_s))
        return f"TD1,{now:%Y,%m,%d,%H,%M,%S},00,{uptime:08X}"

    # --- what it does ---

    def obey(self, name: str, request: Values, utc_s: float) -> list[str]:
        """The lines that answer a request which is more than a question for a sentence."""
        word = str(request["request"])
        locked = 1 in self.access.passwords and self.access.level == 0
        if word in GUARDED and (locked or self.state.trouble.login_always):
            return [LOGIN_NEEDED]
        self._known = None
        act = getattr(self, f"_{word}", None)
        return act(request, utc_s) or [] if act else []

    def _read_parameter(self, request: Values, utc_s: float) -> list[str]:
        number = request["parameter_id"]
        raw = self.state.parameters.get(number)
        return [] if raw is None else [f"CF2,{number},{raw:0{width(number)}X}"]

    def _write_parameter(self, request: Values, utc_s: float) -> list[str]:
        number, raw = request["parameter_id"], request["parameter_raw"]
        if number not in self.state.parameters or raw >> 4 * width(number):
            return []
        self.state.parameters[number] = raw
        return self._read_parameter(request, utc_s)

    def _read_statistic(self, request: Values, utc_s: float) -> list[str]:
        start = f"SS1,{request['statistic_id']:02X},"
        return [line for line in self.say("SS1", utc_s) if line.startswith(start)]

    def _clear_statistics(self, request: Values, utc_s: float) -> None:
        self.statistics_cleared = True

    def _clear_event_log(self, request: Values, utc_s: float) -> list[str]:
        self.log_cleared_s = utc_s
        return ["LG1,"]

    def _factory_reset(self, request: Values, utc_s: float) -> None:
        self.state.parameters = default_parameters(self.state.pack.size)
        self.statistics_cleared, self.log_cleared_s = True, utc_s
        self.restart(utc_s, 0x40)

    def master_clear(self, utc_s: float) -> None:
        """All reset, passwords too: what the letters of the master clear do."""
        self.access.passwords.clear()
        self._factory_reset({}, utc_s)

    def _reset_control_unit(self, request: Values, utc_s: float) -> None:
        self.restart(utc_s, 0x40)

    def _zero_current_sensor(self, request: Values, utc_s: float) -> None:
        self.state.zero_a = self.state.pack.current_a(utc_s)

    def _set_state_of_charge(self, request: Values, utc_s: float) -> None:
        percent = request["state_of_charge_setpoint"]
        if 0 <= percent <= 100:
            self.state.charge_shift = percent / 100 - self.state.pack.charge(utc_s)

    def _transmit_can(self, request: Values, utc_s: float) -> list[str]:
        self.transmitted = [*self.transmitted, request][-LOG_SIZE:]
        sent = "CN2,{can_id:08X},{can_extended:d},{can_remote:d},{can_dlc},{can_data}"
        return [sent.format(**request)] if self.state.parameters["1600"] & TRACE_BIT else []

    def _login(self, request: Values, utc_s: float) -> list[str]:
        if self.access.passwords.get(self.access.level + 1) == request["password"]:
            self.access.level += 1
        return self.say("PW1", utc_s)

    def _logout(self, request: Values, utc_s: float) -> list[str]:
        self.access.level = max(0, self.access.level - 1)
        return self.say("PW1", utc_s)

    def _set_password(self, request: Values, utc_s: float) -> list[str]:
        allowed = self.access.level > 0 or not self.access.passwords
        if not allowed or not 4 <= len(request["password"]) <= 8:
            return ["PW2,0"]
        self.access.passwords[max(1, self.access.level)] = request["password"]
        return ["PW2,1"]

    def _clear_password(self, request: Values, utc_s: float) -> list[str]:
        self.access.passwords.pop(self.access.level, None)
        return [f"PW2,{int(self.access.level > 0)}"]


def unit_seconds(utc_s: float) -> int:
    """A time as the unit counts it, its clock set to UTC."""
    return max(0, int(utc_s - EPOCH_UTC_S))
