"""The energy model behind a twin: panels, battery, charger, grid (PI30 sheet, section 11.4).

1. Deterministic: the state is a function of seed and of the times asked for; steps lie on a fixed
   grid, so asking more often changes nothing while it is asked at least every half hour
   (test_asking_more_often_changes_nothing).
2. Any speed: a jump costs a bounded number of steps; after more than a week, or a step
   back, it begins anew at midnight.
3. Charging resistance rises towards full, an addition to the sheet's battery without which its
   constant 20 mOhm would never reach the absorption voltage at these currents.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fieldstation.instruments.axpert import weather
from fieldstation.instruments.axpert.profiles import Profile
from fieldstation.instruments.axpert.weather import DAY_S
from fieldstation.instruments.chance import between, smooth

# Step lengths; the shortest is taken that needs no more than MOST_STEPS for the way to go.
STEPS_S = (10, 60, 300, 3600)
MOST_STEPS = 180

USUAL_RATING_W = 4000  # of the unit that suits the household of `weather`; others get its share
RESISTANCE_OHM = 0.020  # of a 48 V bank
COULOMB_EFFICIENCY = 0.95
FLOAT_AFTER_S = 60


@dataclass(frozen=True, slots=True)
class Flow:
    """What flows at one instant: W, A and V; currents are never negative. `held` says that the
    charger holds its set voltage.
    """

    pv_w: float
    load_w: float
    charge_a: float
    discharge_a: float
    battery_v: float
    grid_v: float
    ac_charging: bool
    held: bool


@dataclass(slots=True)
class Plant:
    """One site. `settings` are the ratings of the unit and may be changed while it runs."""

    profile: Profile
    seed: int
    settings: dict[str, float]
    early_float: bool = False
    soc: float = 0.65
    stage: str = "bulk"
    mode: str = "B"
    at_s: float = -1.0
    tail_s: float = 0.0
    pv_wh: dict[int, float] = field(default_factory=dict)
    load_wh: dict[int, float] = field(default_factory=dict)

    def advance(self, utc_s: float) -> Flow:
        """Live up to `utc_s` and say what flows then."""
        if not 0 <= utc_s - self.at_s <= STEPS_S[-1] * MOST_STEPS or self.at_s < 0:
            self._begin(utc_s)
        step_s = next(s for s in STEPS_S if (utc_s - self.at_s) / s <= MOST_STEPS)
        while self.at_s + step_s <= utc_s:
            self._step(step_s)
        return self.flow(utc_s)

    def _begin(self, utc_s: float) -> None:
        day = int(utc_s // DAY_S)
        self.at_s = float(day * DAY_S)
        self.soc = between(0.6, 0.8, self.seed, "soc", day)
        self.stage, self.mode, self.tail_s = "float", "B", 0.0
        self.pv_wh.pop(day, None)
        self.load_wh.pop(day, None)

    def _step(self, step_s: int) -> None:
        now = self.flow(self.at_s)
        gain_a = now.charge_a * COULOMB_EFFICIENCY - now.discharge_a
        self.soc += gain_a * step_s / 3600 / self.profile.capacity_ah
        self.soc = min(1.0, max(0.0, self.soc))
        day = int(self.at_s // DAY_S)
        for counter, power_w in ((self.pv_wh, now.pv_w), (self.load_wh, now.load_w)):
            counter[day] = counter.get(day, 0.0) + power_w * step_s / 3600
        before_s, self.at_s = self.at_s, self.at_s + step_s
        self._change_stage(now, before_s, step_s)
        self._change_mode(now)

    def _change_stage(self, now: Flow, before_s: float, step_s: int) -> None:
        dawn = weather.lit_since_midnight(self.at_s) > weather.lit_since_midnight(before_s)
        if dawn:
            self.stage = "bulk"
        elif self.stage == "bulk" and now.held:
            self.stage, self.tail_s = "absorb", 0.0
        elif self.stage == "absorb":
            # The real charger does not look whether a cloud keeps the current low (section 9.8).
            low = now.charge_a < self.settings["max_charging_current"] / 5
            self.tail_s = self.tail_s + step_s if low and (now.held or self.early_float) else 0.0
            if self.tail_s >= FLOAT_AFTER_S:
                self.stage = "float"

    def _change_mode(self, now: Flow) -> None:
        settings, grid = self.settings, now.grid_v > 90
        if grid and settings["output_source_priority"] == 2:
            if now.battery_v < settings["battery_recharge_voltage"]:
                self.mode = "L"
            elif now.battery_v >= (settings["battery_redischarge_voltage"] or self._set_v()):
                self.mode = "B"
        elif grid:
            self.mode = "L"
        elif now.battery_v < settings["battery_under_voltage"]:
            self.mode = "F"
        elif self.mode != "F" or now.battery_v > settings["battery_recharge_voltage"]:
            self.mode = "B"

    def _set_v(self) -> float:
        name = "battery_float_voltage" if self.stage == "float" else "battery_bulk_voltage"
        return self.settings[name]

    def _open_v(self) -> float:
        """12.2 to 12.9 V per block over 20 to 100 %, falling steeply below."""
        block = 12.2 + 0.7 * (self.soc - 0.2) / 0.8 if self.soc > 0.2 else 10.5 + 8.5 * self.soc
        return block * self.profile.battery_v / 12

    def _resistance(self) -> float:
        return RESISTANCE_OHM * self.profile.battery_v / 48

    def flow(self, utc_s: float) -> Flow:
        """What flows at `utc_s` with the battery as it is."""
        open_v = self._open_v()
        sun_w = weather.sunlight(utc_s) * weather.clear_sky(self.seed, utc_s)
        available_w = sun_w * self.profile.pv_peak_w
        share = 0.0 if self.mode == "F" else self.profile.rating_w / USUAL_RATING_W
        load_w = min(weather.load_w(self.seed, utc_s) * share, self.profile.rating_w)
        grid_v = self._grid_v(utc_s)
        ac_charging = self.mode == "L" and self.settings["charger_source_priority"] in (0, 2)
        supply_w = available_w - (0.0 if self.mode == "L" else load_w)
        if supply_w < 0:
            drain_a = -supply_w / open_v
            battery_v = open_v - drain_a * self._resistance()
            return Flow(available_w, load_w, 0, drain_a, battery_v, grid_v, False, False)
        ac_a = self.settings["max_ac_charging_current"] if ac_charging else 0.0
        charge_a, battery_v, held = self._charge(open_v, supply_w / open_v + ac_a)
        from_pv_w = min(supply_w, max(0.0, charge_a - ac_a) * battery_v)
        pv_w = from_pv_w + available_w - supply_w
        return Flow(pv_w, load_w, charge_a, 0, battery_v, grid_v, ac_charging, held)

    def _charge(self, open_v: float, offered_a: float) -> tuple[float, float, bool]:
        """Current into the battery, its voltage, and whether the set voltage limits it."""
        resistance = self._resistance() * (1 + 0.5 / (1.0001 - self.soc))
        accepted_a = max(0.0, (self._set_v() - open_v) / resistance)
        offered_a = min(offered_a, self.settings["max_charging_current"])
        charge_a = min(offered_a, accepted_a)
        return charge_a, open_v + charge_a * resistance, offered_a >= accepted_a

    def _grid_v(self, utc_s: float) -> float:
        if not self.profile.grid_v:
            return 0.0
        return self.profile.grid_v * (0.98 + 0.04 * smooth(utc_s, 600, self.seed, "grid"))
