"""What a simulated unit says to each query, from its profile and its plant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from fieldstation.instruments.axpert import queries
from fieldstation.instruments.axpert.counters import energy_wh
from fieldstation.instruments.axpert.form import Form
from fieldstation.instruments.axpert.labels import CHARGE_STAGE
from fieldstation.instruments.axpert.plant import Flow, Plant
from fieldstation.instruments.axpert.profiles import Profile
from fieldstation.instruments.axpert.warning_bits import encode_warnings
from fieldstation.model import Value

# Shares of voltage and power that a second tracker has of the first.
SECOND_TRACKER = 0.6
# Efficiency from battery or panels to the output; what is lost warms the heat sink.
POWER_FACTOR = 0.85

# Totals of a parallel system and the channel of one unit that adds up to each.
_TOTALS = {
    "total_charging_current": "battery_charging_current",
    "total_ac_output_apparent_power": "ac_output_apparent_power",
    "total_ac_output_active_power": "ac_output_active_power",
}
# The assumed form of a unit that is not there (section 7).
_ABSENT: dict[str, Value] = dict.fromkeys((field.name for field in queries.QPGS.fields), 0) | {
    "serial_number": "0" * 14,
    "device_mode": "P",
    "fault_code": "00",
    "line_ok": True,
}

_STAGES = {label: str(code) for code, label in CHARGE_STAGE.items()}


class Answers:
    """Texts of one unit's replies, without frame."""

    def __init__(self, profile: Profile, seed: int, *, early_float: bool = False) -> None:
        self.profile = profile
        self.ratings = profile.ratings()
        self.status_tokens = profile.status_tokens
        self._seed = seed
        self._texts = profile.identity()
        numbers = {k: float(v) for k, v in self.ratings.items() if isinstance(v, int | float)}
        self.plant = Plant(profile, seed, numbers, early_float=early_float)
        self._live: dict[str, Callable[[str, float], str | None]] = {
            "QPIGS": self._status,
            "QMOD": self._mode,
            "QPIRI": self._ratings,
            "QDI": self._defaults,
            "QPIWS": self._warnings,
            "QFLAG": lambda _argument, _utc_s: profile.flags,
            "QPIGS2": self._trackers,
            "QPGS": self._parallel,
            "QP2GS": self._parallel_second_leg,
            "Q1": self._charger,
            "QBEQI": self._equalization,
            "QBMS": self._bms,
            "QT": self._clock,
        }

    def text(self, name: str, argument: str, utc_s: float) -> str | None:
        """The reply to one query at `utc_s`, None when the unit refuses it."""
        if name in self._texts:
            return self._texts[name]
        if name in COUNTERS and name in self.profile.queries:
            return self._counter(name, argument, utc_s)
        optional = name in ("Q1", "QBEQI", "QBMS", "QT") and name not in self.profile.queries
        if name not in self._live or optional:
            return None
        return self._live[name](argument, utc_s)

    def _encode(self, form: Form, values: dict[str, Value], count: int) -> str:
        return form.encode(values, count, self.profile.masks)

    def _status(self, _argument: str, utc_s: float) -> str:
        form = queries.QPIGS_SPLIT_PHASE if self.profile.split_phase else queries.QPIGS
        return self._encode(form, self._measured(utc_s), self.status_tokens)

    def _mode(self, _argument: str, utc_s: float) -> str:
        self.plant.advance(utc_s)
        return self.plant.mode

    def _ratings(self, _argument: str, _utc_s: float) -> str:
        return self._encode(queries.QPIRI, self.ratings, self.profile.rating_tokens)

    def _defaults(self, _argument: str, _utc_s: float) -> str:
        form, values = queries.QDI_MAX, self.profile.defaults()
        return form.encode(values, self.profile.default_tokens, {})

    def _warnings(self, _argument: str, utc_s: float) -> str:
        flow = self.plant.advance(utc_s)
        causes = {
            "line_fail": flow.grid_v == 0,
            "battery_low_alarm": self.plant.mode == "F",
            "battery_under_shutdown": self.plant.mode == "F",
            "overload": flow.load_w / POWER_FACTOR > self.profile.rating_w * 1.1,
        }
        names = {name for name, holds in causes.items() if holds}
        return encode_warnings(names, self.profile.warning_bits)

    def _trackers(self, _argument: str, utc_s: float) -> str | None:
        forms = queries.TABLES["QPIGS2"]
        count = self.profile.trackers_tokens
        fitting = [form for form in forms if len(form.fields) == count]
        if not fitting:
            return None
        # MAX ends this one reply with a blank (section 5.5).
        return self._encode(fitting[0], self._measured(utc_s), count) + " " * (count == 3)

    def _parallel(self, argument: str, utc_s: float) -> str | None:
        if not self.profile.parallel_tokens:
            return None
        unit = int(argument)
        values = _ABSENT if unit >= self.profile.units else self._share(unit, utc_s)
        wide = "max_ac_charging_current"
        masks = {wide: self.profile.masks[wide]} if wide in self.profile.masks else {}
        return queries.QPGS.encode(values, self.profile.parallel_tokens, masks)

    def _share(self, unit: int, utc_s: float) -> dict[str, Value]:
        """What unit `unit` of a parallel system reports, each carrying the same."""
        values = self._measured(utc_s)
        totals: dict[str, Value] = {
            total: float(values[own] or 0) * self.profile.units for total, own in _TOTALS.items()
        }
        facts: dict[str, Value] = {
            "parallel_unit_exists": self.profile.units > 1,
            "serial_number": f"{int(self.profile.serial) + unit:014d}",
            "total_output_load_percent": values["output_load_percent"],
            "max_charging_current_limit": 120,
        }
        return self.ratings | values | totals | facts

    def _parallel_second_leg(self, _argument: str, utc_s: float) -> str | None:
        if not self.profile.split_phase:
            return None
        form = queries.QP2GS_SPLIT_PHASE
        return self._encode(form, self._measured(utc_s), len(form.fields))

    def _charger(self, _argument: str, utc_s: float) -> str:
        values = self._measured(utc_s)
        heat = float(values["heatsink_temperature"] or 0)
        stage = self.plant.stage if values["scc_charging_on"] else "not_charging"
        charger: dict[str, Value] = {
            "absorb_time_remaining": 0,
            "float_time_remaining": 0,
            "scc_ok": True,
            "allow_scc_on": True,
            "charge_average_current": values["battery_charging_current"],
            "scc_temperature": heat + 4,
            "inverter_temperature": heat,
            "battery_converter_temperature": heat + 2,
            "transformer_temperature": heat + 9,
            "parallel_role": 0,
            "fan_locked": False,
            "fan_speed_percent": 40 if heat > 40 else 0,
            "scc_charge_power": values["pv1_charging_power"],
            "parallel_warning": "0000",
            "sync_frequency": 50.0,
            "charge_stage": _STAGES[stage],
        }
        return self._encode(queries.Q1, charger, 17)

    def _equalization(self, _argument: str, _utc_s: float) -> str:
        """The example of section 5.12 in the voltage class of the unit."""
        volts = 58.4 * self.profile.battery_v / 48
        return f"0 060 030 080 021 {volts:05.2f} 224 120 0 0000"

    def _bms(self, _argument: str, utc_s: float) -> str:
        self.plant.advance(utc_s)
        soc = self.plant.soc * 100
        values: dict[str, Value] = {
            "bms_connected": True,
            "bms_soc": soc,
            "bms_force_ac_charge": soc < 5,
            "bms_stop_discharge": soc < 10,
            "bms_stop_charge": soc > 99,
            "bms_cv_voltage": 56.4,
            "bms_float_voltage": 54.0,
            "bms_cutoff_voltage": 45.0,
            "bms_max_charging_current": 0 if soc > 99 else 100,
            "bms_max_discharging_current": 100,
        }
        return self._encode(queries.QBMS, values, 10)

    def _clock(self, _argument: str, utc_s: float) -> str:
        return datetime.fromtimestamp(utc_s, UTC).strftime("%Y%m%d%H%M%S")

    def _counter(self, name: str, argument: str, utc_s: float) -> str | None:
        self.plant.advance(utc_s)
        side = COUNTERS[name]
        lived_wh = self.plant.pv_wh if side == "pv" else self.plant.load_wh
        total_wh = energy_wh(lived_wh, side, self._seed, utc_s, argument)
        return None if total_wh is None else f"{total_wh:08d}"

    def _measured(self, utc_s: float) -> dict[str, Value]:
        flow = self.plant.advance(utc_s)
        return _electric(self.profile, self.plant, flow) | _solar(self.profile, flow)


COUNTERS = dict.fromkeys(("QET", "QEY", "QEM", "QED"), "pv") | dict.fromkeys(
    ("QLT", "QLY", "QLM", "QLD"), "load"
)
"""Queries of energy counters and the side that each counts."""


def _electric(profile: Profile, plant: Plant, flow: Flow) -> dict[str, Value]:
    """Output, grid and battery; legs of a split-phase unit carry the same."""
    apparent = flow.load_w / POWER_FACTOR
    running = plant.mode != "F"
    heat = 26 + 24 * apparent / profile.rating_w + flow.charge_a / 10
    leg: dict[str, Value] = {
        "grid_voltage": flow.grid_v,
        "grid_frequency": profile.grid_hz if flow.grid_v else 0.0,
        "ac_output_voltage": (120.0 if profile.split_phase else 230.0) * running,
        "ac_output_frequency": profile.grid_hz * running,
        "ac_output_apparent_power": apparent,
        "ac_output_active_power": flow.load_w,
        "output_load_percent": 100 * apparent / profile.rating_w,
        "battery_voltage": flow.battery_v,
        "battery_charging_current": flow.charge_a,
        "battery_capacity": 100 * plant.soc,
        "ac_charging_on": flow.ac_charging and flow.charge_a >= 0.5,
        "line_ok": flow.grid_v > 0,
        "load_on": running,
    }
    unit: dict[str, Value] = {
        "device_mode": plant.mode,
        "fault_code": "00" if running else "04",
        "bus_voltage": 350 + flow.battery_v * 48 / profile.battery_v,
        "battery_discharge_current": flow.discharge_a,
        "heatsink_temperature": 500 + 3 * heat if profile.raw_temperature else heat,
        "charging_on": flow.charge_a >= 0.5,
        "switch_on": True,
        "charging_to_float": plant.stage == "float" and flow.charge_a > 0,
        "fan_on_voltage_offset": 0.0,
        "eeprom_version": "00",
        "solar_feed_to_grid": False,
        "country_regulation": "00",
        "solar_feed_to_grid_power": 0,
        "parallel_field_raw": "11",
        "serial_number": profile.serial,
        "scc_ok": True,
        "scc2_ok": True,
    }
    return leg | unit | {f"l2_{name}": value for name, value in leg.items()}


def _solar(profile: Profile, flow: Flow) -> dict[str, Value]:
    """Panels, shared between trackers where the unit has a second one."""
    lit = flow.pv_w >= 5
    low_v, high_v = profile.pv_v
    sag = min(1.0, flow.pv_w / profile.pv_peak_w)
    volts = (high_v - (high_v - low_v) * 0.7 * sag) if lit else 0.0
    second_w = flow.pv_w * (1 - SECOND_TRACKER) if profile.trackers_tokens else 0.0
    first_w = flow.pv_w - second_w
    panel_side = "pv1_input_current" in profile.masks
    at_v = volts if panel_side else flow.battery_v
    return {
        "pv1_input_voltage": volts,
        "pv1_input_current": first_w / at_v if lit else 0.0,
        "pv1_charging_power": first_w,
        "battery_voltage_scc": flow.battery_v if lit and not panel_side else 0.0,
        "scc_charging_on": lit and flow.charge_a >= 0.5,
        "pv2_input_voltage": volts * 0.95,
        "pv2_input_current": second_w / (volts * 0.95) if lit else 0.0,
        "pv2_charging_power": second_w,
        "scc2_charging_on": lit and flow.charge_a >= 0.5,
    }
