"""The charging logic of a simulated TriStar MPPT (its sheet, section 11.2).

1. Deterministic: what it does follows from seed, settings, commands and the times asked for. Steps
   lie on a fixed grid, so asking more often changes hardly anything
   (test_asking_more_often_changes_hardly_anything).
2. Any speed: a jump costs a bounded number of steps; beyond a month, or back in time, it begins
   anew at midnight with its counters where a unit of its age has them.
3. Settings are those in its EEPROM registers, per 12 V of battery.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fieldstation.instruments.chance import between
from fieldstation.instruments.tristar_mppt.battery import Battery
from fieldstation.instruments.tristar_mppt.labels import FAULTS
from fieldstation.instruments.tristar_mppt.memory import Memory
from fieldstation.instruments.tristar_mppt.sun import DAY_S, Sun, load_a, sun
from fieldstation.instruments.tristar_mppt.tally import ALARM_BITS, Tally

# Step lengths; the shortest is taken that needs no more than MOST_STEPS for the way to go.
STEPS_S = (10, 60, 300, 3600)
MOST_STEPS = 720

EFFICIENCY = 0.95
MODEL_LIMIT_A = 60.0
NIGHT_AFTER_S = 60
SLAVE_S = 60
SLOW_S = 24.0

FAULT_BITS = {name: 1 << bit for bit, name in enumerate(FAULTS.names)}
HVD_ALARM = ALARM_BITS["high_voltage_disconnect"]
CHARGING = ("mppt", "absorption", "float", "equalize", "slave")


@dataclass(slots=True)
class Controller:
    """One unit on a battery of `blocks` times 12 V, with its settings in `memory`."""

    memory: Memory
    seed: int
    blocks: int
    battery: Battery = field(init=False)
    tally: Tally = field(init=False)
    at_s: float = -1.0
    state: str = "night"
    since_s: float = 0.0
    faults: int = 0
    disconnected: bool = False
    equalize: bool = False
    slave_s: float = -math.inf
    amps: float = 0.0
    load_a: float = 0.0
    target_v: float = 0.0
    held: bool = False
    below_s: float = 0.0
    slow_v: float = 0.0
    slow_a: float = 0.0
    night_v: float = 0.0

    def __post_init__(self) -> None:
        self.battery = Battery(self.blocks, 0.7)
        self.tally = Tally()

    def advance(self, utc_s: float) -> None:
        """Live up to `utc_s`."""
        if not 0 <= utc_s - self.at_s <= STEPS_S[-1] * MOST_STEPS or self.at_s < 0:
            self._begin(utc_s)
        step_s = next(s for s in STEPS_S if (utc_s - self.at_s) / s <= MOST_STEPS)
        while self.at_s + step_s <= utc_s:
            self._step(step_s)

    @property
    def volts(self) -> float:
        """Voltage at the battery."""
        return self.battery.volts(self.amps - self.load_a)

    @property
    def power_w(self) -> float:
        """Power into the battery and the load."""
        return self.amps * self.volts

    def air_c(self) -> float:
        """Temperature at the battery, which follows the day late and flat."""
        return 14 + 4 * math.sin(2 * math.pi * (self.at_s / 3600 - 11) / 24)

    def reset(self) -> None:
        """Start as after power-up; faults are gone."""
        self.faults = 0
        self.disconnected = self.equalize = False
        self.tally.saw_reset()
        self._enter("start")

    def fail(self, name: str) -> None:
        """Raise a fault by its name; charging stops."""
        self.faults |= FAULT_BITS[name]
        self.amps = 0.0
        self._enter("fault")

    def _begin(self, utc_s: float) -> None:
        day = int(utc_s // DAY_S)
        self.at_s = float(day * DAY_S)
        self.load_a = load_a(self.seed, self.at_s)
        self.battery.soc = between(0.7, 0.85, self.seed, "soc", day)
        self.slow_v = self.night_v = self.volts
        self.tally.begin(day, self.slow_v)
        self._enter("night")

    def _enter(self, state: str) -> None:
        self.state, self.since_s, self.below_s = state, self.at_s, 0.0
        if state == "night":
            self.tally.nightfall()
            self.night_v = self.volts

    def _step(self, step_s: int) -> None:
        now = sun(self.seed, self.at_s)
        self._choose(now)
        self._charge(now, step_s)
        self.battery.flow(self.amps - self.load_a, step_s)
        self.at_s += step_s
        self.load_a = load_a(self.seed, self.at_s)
        share = 1 - math.exp(-step_s / SLOW_S)
        self.slow_v += share * (self.volts - self.slow_v)
        self.slow_a += share * (self.amps - self.slow_a)
        self.night_v = min(self.night_v, self.volts) if self.state == "night" else self.night_v
        dark_s = self.at_s - self.since_s if self.state == "night" else 0.0
        self.tally.count(self, now.voc, step_s, dark_s)

    def _choose(self, now: Sun) -> None:
        """The state for the next step."""
        age_s = self.at_s - self.since_s
        if self.faults:
            self._stay_failed()
        elif self.disconnected:
            self._change("disconnect")
        elif now.voc < self.volts + 2 or now.light == 0:
            late = self.state == "night_check" and age_s >= NIGHT_AFTER_S
            self._change("night" if late or self.state == "night" else "night_check")
        elif self.slave_s > -math.inf:
            self._follow()
        elif self.state not in CHARGING and now.voc > self.volts + 5:
            self._change("mppt")
        elif self.state in CHARGING:
            self._stage(age_s)

    def _change(self, state: str) -> None:
        if state != self.state:
            self._enter(state)

    def _stay_failed(self) -> None:
        """A high voltage lets go by itself; every other fault waits for a reset."""
        self._change("fault")
        if self.faults == FAULT_BITS["battery_hvd"] and self.volts < self._setting("hvr_voltage"):
            self.faults = 0
            self.tally.alarms &= ~HVD_ALARM
            self._enter("night_check")

    def _follow(self) -> None:
        """Someone outside commands, and has to say so again within a minute."""
        if self.at_s - self.slave_s > SLAVE_S:
            self.slave_s = -math.inf
            self.fail("slave_control_timeout")
        else:
            self._change("slave")

    def _stage(self, age_s: float) -> None:
        value = self.memory.value
        if self.equalize and value("equalize_voltage") > 0:
            done = self.state == "equalize" and age_s >= value("equalize_time_at_veq")
            self.equalize = not done
            self._change("float" if done else "equalize")
        elif self.state in ("mppt", "slave", "equalize"):
            self._change("absorption" if self.held and self.state == "mppt" else "mppt")
        elif self.state == "absorption" and not self.held:
            self._change("mppt")
        elif self.state == "absorption" and self._absorbed() and value("float_voltage") > 0:
            self._change("float")
        elif self.state == "float" and self.below_s >= value("float_exit_time"):
            self._change("mppt")

    def _absorbed(self) -> bool:
        deep = self.night_v < self._setting("absorption_extension_voltage")
        extra = self.memory.value("absorption_extension_time") if deep else 0.0
        return self.tally.absorbed_s >= max(self.memory.value("absorption_time"), extra)

    def _charge(self, now: Sun, step_s: int) -> None:
        """Current and target of the state at hand."""
        self.amps = self.target_v = 0.0
        self.held = False
        if self.state not in CHARGING:
            return
        self.target_v = self._target()
        power = EFFICIENCY * now.power_w * self.blocks
        most = min(self._limit_a(), power / min(self.target_v, self.battery.rest_v + 0.5))
        hold = max(0.0, self.load_a + self.battery.amps_at(self.target_v))
        self.held = hold <= most
        self.amps = min(most, hold)
        self.below_s += 0 if self.held else step_s
        limit = self._setting("hvd_voltage")
        if 0 < limit < self.volts:
            self.tally.alarms |= HVD_ALARM
            self.fail("battery_hvd")

    def _target(self) -> float:
        if self.state == "slave" and self.memory.value("slave_voltage_setpoint") > 0:
            return self.memory.value("slave_voltage_setpoint")
        stage = self.state if self.state in ("float", "equalize") else "absorption"
        value = self.memory.value
        warm = min(max(self.air_c(), value("temp_comp_min")), value("temp_comp_max"))
        drop = self.blocks * value("temperature_compensation") * (warm - 25)
        target = self._setting(f"{stage}_voltage") - drop
        return min(target, self._setting("regulation_limit_voltage") or target)

    def _limit_a(self) -> float:
        limits = [self.memory.value("battery_current_limit") or MODEL_LIMIT_A]
        if self.state == "slave" and self.memory.value("slave_current_setpoint") > 0:
            limits.append(self.memory.value("slave_current_setpoint"))
        return min(limits)

    def _setting(self, name: str) -> float:
        """A voltage of the EEPROM, for this battery."""
        return self.blocks * self.memory.value(name)
