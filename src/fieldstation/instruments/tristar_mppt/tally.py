"""What a simulated controller counts: energy, extremes, times, alarms seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from fieldstation.instruments.tristar_mppt.labels import ALARMS, DAILY_FLAGS
from fieldstation.instruments.tristar_mppt.sun import DAY_S
from fieldstation.model import Value

# The day on which the simulated unit was switched on, 2020-01-01, and what one day brought since.
FIRST_DAY = 18_262
DAY_AH = 100.0
DAY_KWH = 1.3
# Section 11.2: the daily block restarts so long after nightfall.
RESTART_S = 3 * 3600

ALARM_BITS = {name: 1 << bit for bit, name in enumerate(ALARMS.names)}
FLAG_BITS = {name: 1 << bit for bit, name in enumerate(DAILY_FLAGS.names)}
STAGES = ("absorption", "equalize", "float")


class Charging(Protocol):
    """What of a controller is counted."""

    at_s: float
    state: str
    faults: int
    amps: float

    @property
    def volts(self) -> float: ...

    @property
    def power_w(self) -> float: ...

    def air_c(self) -> float: ...


@dataclass(slots=True)
class Today:
    """The daily block."""

    low_v: float
    high_v: float
    array_v: float = 0.0
    ah: float = 0.0
    wh: float = 0.0
    power_w: float = 0.0
    low_c: int = 127
    high_c: int = -127
    flags: int = 0
    faults: int = 0
    alarms: int = 0


@dataclass(slots=True)
class Tally:
    """All counters. `stage_s` are seconds in absorption, equalize and float since nightfall."""

    ah: float = 0.0
    wh: float = 0.0
    ah_cleared: float = 0.0
    wh_cleared: float = 0.0
    low_v: float = math.inf
    high_v: float = -math.inf
    alarms: int = 0
    today: Today = field(default_factory=lambda: Today(0.0, 0.0))
    stage_s: dict[str, float] = field(default_factory=dict)
    restarted: bool = False

    @property
    def absorbed_s(self) -> float:
        """Seconds in absorption since nightfall."""
        return self.stage_s.get("absorption", 0.0)

    def begin(self, day: int, volts: float) -> None:
        """Counters of a unit that has worked since its first day; none goes back."""
        days = max(0, day - FIRST_DAY)
        self.ah, self.wh = max(self.ah, days * DAY_AH), max(self.wh, days * DAY_KWH * 1000)
        self.low_v, self.high_v = min(self.low_v, volts), max(self.high_v, volts)
        self.today = Today(volts, volts)

    def nightfall(self) -> None:
        """Stage times restart; the daily block will, later."""
        self.stage_s = {}
        self.restarted = False

    def saw_reset(self) -> None:
        """The controller was reset."""
        self.alarms |= ALARM_BITS["controller_was_reset"]
        self.today.flags |= FLAG_BITS["reset_detected"]

    def clear_extremes(self, volts: float) -> None:
        """Forget the lowest and highest battery voltage."""
        self.low_v = self.high_v = volts

    def count(self, unit: Charging, array_v: float, step_s: int, dark_s: float) -> None:
        """Add one step."""
        if dark_s >= RESTART_S and not self.restarted:
            self.restarted = True
            self.alarms = 0
            self.today = Today(unit.volts, unit.volts)
        volts = unit.volts
        power_w = unit.amps * volts
        ah, wh = unit.amps * step_s / 3600, power_w * step_s / 3600
        self.ah, self.wh = self.ah + ah, self.wh + wh
        self.low_v, self.high_v = min(self.low_v, volts), max(self.high_v, volts)
        if unit.state in STAGES:
            self.stage_s[unit.state] = self.stage_s.get(unit.state, 0.0) + step_s
        self.today.ah, self.today.wh = self.today.ah + ah, self.today.wh + wh
        self._count_today(unit, array_v, volts, power_w)

    def _count_today(self, unit: Charging, array_v: float, volts: float, power_w: float) -> None:
        today = self.today
        today.low_v, today.high_v = min(today.low_v, volts), max(today.high_v, volts)
        today.array_v = max(today.array_v, array_v)
        today.power_w = max(today.power_w, power_w)
        degrees = round(unit.air_c())
        today.low_c, today.high_c = min(today.low_c, degrees), max(today.high_c, degrees)
        today.faults |= unit.faults
        today.alarms |= self.alarms
        for state, flag in (("float", "entered_float"), ("equalize", "equalize_triggered")):
            today.flags |= FLAG_BITS[flag] if unit.state == state else 0
        today.flags |= FLAG_BITS["fault_occurred"] if unit.faults else 0
        today.flags |= FLAG_BITS["alarm_occurred"] if self.alarms else 0

    def values(self, at_s: float) -> dict[str, Value]:
        """Counters by register name."""
        today = self.today
        return {
            "hourmeter": max(0, int(at_s // 3600) - FIRST_DAY * (DAY_S // 3600)),
            "battery_voltage_min": self.low_v,
            "battery_voltage_max": self.high_v,
            "alarms": self.alarms,
            "charge_ah_resettable": self.ah - self.ah_cleared,
            "charge_ah_total": self.ah,
            "charge_kwh_resettable": int(self.wh - self.wh_cleared) // 1000 & 0xFFFF,
            "charge_kwh_total": int(self.wh) // 1000 & 0xFFFF,
            "daily_battery_voltage_min": today.low_v,
            "daily_battery_voltage_max": today.high_v,
            "daily_array_voltage_max": today.array_v,
            "daily_charge_ah": today.ah,
            # The real unit counts in steps of 10 (section 4).
            "daily_charge_wh": int(today.wh) // 10 * 10,
            "daily_flags": today.flags,
            "daily_output_power_max": today.power_w,
            "daily_battery_temperature_min": today.low_c,
            "daily_battery_temperature_max": today.high_c,
            "daily_faults": today.faults,
            "daily_alarms": today.alarms,
            **{f"daily_{stage}_time": int(self.stage_s.get(stage, 0)) for stage in STAGES},
        }
