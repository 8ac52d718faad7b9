"""The state of the twin's control unit, and every value that follows from it at an instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fieldstation.instruments.emus_bms.fields import Values
from fieldstation.instruments.emus_bms.pack import Pack, Size
from fieldstation.instruments.emus_bms.parameters import PARAMETERS
from fieldstation.instruments.emus_bms.sentences import SENTENCES

# Parameters whose default is not the one of their coding.
_DEFAULTS = {"0010": 10, "0111": 100, "1600": 0xB3DF, "0007": 255, "0503": 0x6B6D}
_TYPICAL = {"V": 140, "degC": 160, "A": 1000, "s": 50}


# Charging stages (section 7).
NO_CHARGER, MAIN_CHARGING, BALANCING, FINISHED = 0, 3, 4, 5
# When a stage began is looked for in these steps, at most so many of them back.
LOOK_S, MOST_LOOKS = 300, 288


def default_parameters(size: Size) -> dict[str, int]:
    """What a unit that was set up for a pack of that size has in its parameters, by id."""
    values = {
        number: _DEFAULTS.get(number, _TYPICAL.get(row.coding.unit, 1))
        for number, row in PARAMETERS.items()
    }
    values |= {"0100": size.cells, "0102": size.capacity_c // 360, "0013": size.strings}
    values["0C05"] = size.modules
    for module in range(size.modules):
        values[f"{0x0C07 + module:04X}"] = size.cells // size.modules
    return values


@dataclass(slots=True)
class Trouble:
    """What is wrong with the unit at the moment; `lost_at_s` is when its cells were lost."""

    cells_lost: bool = False
    lost_at_s: float = 0.0
    unknown_protection: bool = False
    short_trip: bool = False
    bootloader: bool = False
    login_always: bool = False
    clock_reset: bool = False


@dataclass(slots=True)
class State:
    """What a unit knows about itself beside its past. `charge_shift` (a share of the whole) and
    `zero_a` are what SC1 and RC1 left behind.
    """

    pack: Pack
    parameters: dict[str, int]
    trouble: Trouble = field(default_factory=Trouble)
    charge_shift: float = 0.0
    zero_a: float = 0.0
    stage_since_s: float = 0.0
    stage_told: tuple[int, float] = (-1, 0.0)

    def stage(self, utc_s: float) -> tuple[int, float]:
        """The charging stage, and since when in seconds."""
        stage = self._stage_at(utc_s)
        told, told_s = self.stage_told
        if stage != told or not 0 <= utc_s - told_s <= LOOK_S:
            looks = (utc_s - LOOK_S * n for n in range(1, MOST_LOOKS))
            other_s = next((at_s for at_s in looks if self._stage_at(at_s) != stage), utc_s)
            self.stage_since_s = min(other_s + LOOK_S, utc_s)
        self.stage_told = stage, utc_s
        return stage, utc_s - self.stage_since_s

    def _stage_at(self, utc_s: float) -> int:
        """Section 14, point 13: the highest cell begins the balancing, the lowest ends it."""
        if not self.charging(utc_s):
            return NO_CHARGER
        volts, full_v = self.pack.cell_volts(utc_s), self.parameters["000B"] / 100 + 2
        if max(volts) < full_v:
            return MAIN_CHARGING
        return BALANCING if min(volts) < full_v else FINISHED

    def charging(self, utc_s: float) -> bool:
        """Whether the sun charges: then a charger counts as connected."""
        return self.pack.current_a(utc_s) > 2


@dataclass(frozen=True, slots=True)
class Present:
    """All values of a unit at one instant (UTC seconds), under the names of the channels."""

    state: State
    at_s: float

    def cells(self, name: str) -> Sequence[float]:
        """What a per-cell sentence tells of every cell; nothing when they cannot be reached."""
        pack = self.state.pack
        if self.state.trouble.cells_lost or (name == "BT4" and not pack.size.external_sensors):
            return ()
        threshold_v = self.state.parameters["000E"] / 100 + 2
        if name == "BB2":
            return pack.balancing(self.at_s, threshold_v)
        read: dict[str, Callable[[float], Sequence[float]]] = {
            "BV2": pack.cell_volts,
            "BT2": pack.module_degrees,
            "BT4": pack.cell_degrees,
        }
        return read[name](self.at_s)

    def values(self) -> Mapping[str, Any]:
        """Every channel that the unit tells something about; the others are 0."""
        return {
            **self._zeros(),
            **self._summary("BB2", "balancing_rate", "balancing"),
            **self._summary("BT2", "cell_module_temperature", "cell_module_temperature"),
            **self._summary("BT4", "cell_temperature", "cell_temperature"),
            **self._summary("BV2", "cell_voltage", "cell_voltage"),
            **self._electric(),
            **self._status(),
        }

    def _zeros(self) -> Values:
        return {name: 0 for shape in SENTENCES.values() for name in shape.channels} | dict.fromkeys(
            SENTENCES["CS1"].channels[1:]  # a charger that is not on CAN (section 6, CS1)
        )

    def _summary(self, sentence: str, name: str, what: str) -> Values:
        cells = self.cells(sentence)
        if not cells:
            return {f"{what}_data_available": False}
        count = "cell_count" if what == "cell_voltage" else f"{what}_cell_count"
        return {
            f"{what}_data_available": True,
            count: len(cells),
            f"{name}_min": min(cells),
            f"{name}_max": max(cells),
            f"{name}_avg": sum(cells) / len(cells),
        }

    def _electric(self) -> Values:
        state, pack = self.state, self.state.pack
        charge = pack.charge(self.at_s) + state.charge_shift
        volts = pack.cell_volts(self.at_s)
        string_v = sum(volts) / pack.size.strings
        return {
            "pack_voltage": string_v,
            "pack_current": pack.current_a(self.at_s) - state.zero_a,
            "cells_total_voltage": string_v,
            "balancing_voltage_threshold": state.parameters["000E"] / 100 + 2,
            "remaining_capacity_coulombs": charge * pack.size.capacity_c,
            "full_charge_capacity_coulombs": pack.size.capacity_c,
            "state_of_charge": 100 * charge,
            "last_charge_energy": 0.3 * pack.size.capacity_c * string_v / 3600,
            "last_discharge_energy": 0.28 * pack.size.capacity_c * string_v / 3600,
        }

    def _status(self) -> Values:
        charging = self.state.charging(self.at_s)
        stage, stage_s = self.state.stage(self.at_s)
        lost, lost_s = self.state.trouble.cells_lost, self.at_s - self.state.trouble.lost_at_s
        protected = lost and lost_s >= self.state.parameters["002F"] / 10
        reached = (
            "cell_voltages",
            "cell_module_temperatures",
            "balancing_rates",
            "live_cell_count",
        )
        return {
            "charging_stage": stage,
            "charging_stage_duration": stage_s,
            **{f"valid_{name}": not lost for name in reached},
            "valid_cell_temperatures": bool(self.cells("BT4")),
            "protection_no_cell_comm": protected,
            "pin_charger_mains_ac_sense": charging,
            "pin_state_of_charge_output": True,
            "pin_battery_contactor": not protected,
            "pin_charging_indication": charging,
            "input_ac_sense": charging,
            "output_charging_indication": charging,
        }
