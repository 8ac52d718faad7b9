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
    """What is wrong with the unit at the moment."""

    cells_lost: bool = False
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
        lost = self.state.trouble.cells_lost
        reached = (
            "cell_voltages",
            "cell_module_temperatures",
            "balancing_rates",
            "live_cell_count",
        )
        return {
            "charging_stage": 3 if charging else 0,
            "charging_stage_duration": self.at_s % 3600,
            **{f"valid_{name}": not lost for name in reached},
            "valid_cell_temperatures": bool(self.cells("BT4")),
            "protection_no_cell_comm": lost,
            "pin_charger_mains_ac_sense": charging,
            "pin_state_of_charge_output": True,
            "pin_battery_contactor": not lost,
            "pin_charging_indication": charging,
            "input_ac_sense": charging,
            "output_charging_indication": charging,
        }
