"""Sentences whose fields stand in fixed places, as one table (Emus BMS sheet, section 6).

None keeps the place of a reserved field. `available` names the flag that says whether the unit
could talk to the cell modules: their sentences come empty when it could not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fieldstation.instruments.emus_bms import codes
from fieldstation.instruments.emus_bms.fields import Code, Field, Flags, Number, Values


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of a sentence in order. `empty` is how many empty fields stand for no data;
    `reserved` what the unit puts in the places of None.
    """

    fields: tuple[Field | None, ...]
    available: str = ""
    empty: int = 0
    reserved: str = ""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of all that this sentence can give."""
        names = [name for field in self.fields if field for name in field.channels]
        return ((self.available,) if self.available else ()) + tuple(names)

    def decode(self, texts: Sequence[str]) -> Values:
        """Channel values; a field that was not sent gives no channel, an empty one nulls. Raises
        CodecError.
        """
        if self.available and not texts[0]:
            return dict.fromkeys(self.channels) | {self.available: False}
        values: Values = {self.available: True} if self.available else {}
        for field, text in zip(self.fields, texts, strict=False):
            if field:
                values |= field.decode(text) if text else dict.fromkeys(field.channels)
        return values

    def encode(self, values: Mapping[str, Any]) -> list[str]:
        """The field texts that say `values`."""
        if self.available and not values[self.available]:
            return [""] * self.empty
        return [field.encode(values) if field else self.reserved for field in self.fields]


def cell_voltage(name: str) -> Number:
    """2.00 to 4.55 V in steps of 0.01 V (section 4)."""
    return Number(name, offset=200, over=100)


def temperature(name: str) -> Number:
    """-100 to 155 °C in whole degrees (section 4)."""
    return Number(name, offset=-100)


def rate(name: str) -> Number:
    """0 to 100 % in 255 steps (section 4)."""
    return Number(name, times=100, over=255, decimals=4)


def _temperatures(what: str, empty: int) -> Shape:
    cells = Number(f"{what}_cell_count", 4)
    summary = (temperature(f"{what}_{part}") for part in ("min", "max", "avg"))
    return Shape((cells, *summary, None), f"{what}_data_available", empty)


@dataclass(frozen=True, slots=True)
class _Two:
    """One field read in two ways."""

    first: Number
    second: Number

    @property
    def channels(self) -> tuple[str, ...]:
        return self.first.channels + self.second.channels

    def decode(self, text: str) -> Values:
        return self.first.decode(text) | self.second.decode(text)

    def encode(self, values: Mapping[str, Any]) -> str:
        told = self.first if values.get(self.first.channel) else self.second
        return told.encode(values)


def _capacity(name: str) -> Any:
    return _Two(Number(f"{name}_coulombs", 8), Number(name, 8, over=3600, decimals=4))


SENTENCES: dict[str, Shape] = {
    "BB1": Shape(
        (
            Number("balancing_cell_count", 4),
            rate("balancing_rate_min"),
            rate("balancing_rate_max"),
            rate("balancing_rate_avg"),
            None,
            cell_voltage("balancing_voltage_threshold"),
        ),
        "balancing_data_available",
        6,
    ),
    "BC1": Shape(
        (
            _capacity("remaining_capacity"),
            _capacity("full_charge_capacity"),
            Number("state_of_charge", 4, over=100, signed=True),
        )
    ),
    "BT1": _temperatures("cell_module_temperature", 5),
    "BT3": _temperatures("cell_temperature", 6),
    "BV1": Shape(
        (
            Number("cell_count", 4),
            cell_voltage("cell_voltage_min"),
            cell_voltage("cell_voltage_max"),
            cell_voltage("cell_voltage_avg"),
            Number("cells_total_voltage", 4, over=100),
            None,
        ),
        "cell_voltage_data_available",
        6,
    ),
    "CS1": Shape(
        (
            Number("charger_count"),
            Number("charger_can_status"),
            Number("charger_voltage_setpoint", 4, over=10, decimals=1),
            Number("charger_current_setpoint", 4, over=10, decimals=1),
            Number("charger_voltage", 4, over=10, decimals=1),
            Number("charger_current", 4, over=10, decimals=1),
        )
    ),
    "CV1": Shape(
        (
            Number("pack_voltage", 8, over=100),
            Number("pack_current", 4, over=10, decimals=1, signed=True),
            *[None] * 8,
        ),
        reserved="0000",
    ),
    "DT1": Shape(
        (
            Number("speed", 4, over=10, decimals=1),
            Number("distance_since_charge", 8, over=100),
            Number("momentary_consumption", 8, over=10, decimals=1),
            Number("distance_remaining", 8, over=100),
            Number("last_charge_energy", 8),
            Number("last_discharge_energy", 8),
            Number("last_trip_consumption", 8, over=10, decimals=1),
            Number("distance_remaining_last_trip", 8, over=100),
            Number("average_discharge_energy", 8),
            Number("max_discharge_energy", 8),
            Number("current_trip_consumption", 8, over=10, decimals=1),
            Number("distance_remaining_current_trip", 8, over=100),
        )
    ),
    "IN1": Shape((Flags(codes.INPUT_PINS), None, None, None), reserved="00"),
    "OT1": Shape((Flags(codes.CHARGER_PIN), None, Flags(codes.OUTPUT_PINS), None), reserved="00"),
    "ST1": Shape(
        (
            Code("charging_stage", codes.CHARGING_STAGE),
            Code("last_charging_error", codes.CHARGING_ERROR),
            Number("last_charging_error_parameter", 4),
            Number("charging_stage_duration", 8),
            Flags(codes.BATTERY_STATUS, 2, "battery_status_flags_raw"),
            Flags(codes.PROTECTION, 4, "protection_flags_raw"),
            Flags(codes.POWER_REDUCTION, 2, "power_reduction_flags_raw"),
            Flags(codes.PIN_STATUS, 8, "pin_status_flags_raw"),
        )
    ),
}


@dataclass(frozen=True, slots=True)
class Detail:
    """A per-cell sentence: up to eight cells of one string in a line. `empty` as in Shape."""

    channel: str
    element: Number
    available: str
    empty: int = 6

    @property
    def list_name(self) -> str:
        """Name of the list in a decoded line."""
        return f"{self.channel}s"


DETAILS: dict[str, Detail] = {
    "BB2": Detail("cell_balancing_rate", rate("rate"), "balancing_data_available"),
    "BT2": Detail(
        "cell_module_temperature",
        temperature("temperature"),
        "cell_module_temperature_data_available",
    ),
    "BT4": Detail(
        "cell_temperature", temperature("temperature"), "cell_temperature_data_available"
    ),
    "BV2": Detail("cell_voltage", cell_voltage("voltage"), "cell_voltage_data_available"),
}
