"""Charge settings as they act on the battery that there is (TriStar MPPT sheet, section 5.1).

1. Voltages and the temperature compensation in the EEPROM are those of a 12 V battery; the
   controller doubles them on 24 V and takes them four times on 48 V
   (test_settings_are_scaled_for_the_battery).
2. Which battery it is, the operator says; else the measured voltage tells. The settings switches
   are not asked, as what they say about it is not certain (section 8.3)
   (test_measured_voltage_tells_the_battery).
3. Without a battery nothing is scaled (test_without_a_battery_nothing_is_scaled).
4. Whether the fixed array voltage is multiplied too is not certain; the operator may say so
   (test_fixed_array_voltage_is_scaled_only_on_request).
"""

from __future__ import annotations

from collections.abc import Mapping

from fieldstation.instruments.tristar_mppt.channels import (
    MULTIPLIED,
    PERHAPS_MULTIPLIED,
    SCALED_MARK,
)
from fieldstation.model import Value

BLOCK_V = 12
# The highest voltage of a battery of each system: half-way between a 12 V battery while it is
# equalized and an empty 24 V one, and so on. Below the first there is no battery.
LEAST_V = 8.0
HIGHEST_V = {12: 18.0, 24: 36.0, 48: 72.0}
SYSTEMS = tuple(HIGHEST_V)


def system_of(volts: float) -> int | None:
    """The system voltage of a battery at `volts`; None for what is no battery."""
    if volts < LEAST_V:
        return None
    return next((system for system, high in HIGHEST_V.items() if volts < high), None)


def scaled(
    settings: Mapping[str, Value], system: int | None, *, array: bool = False
) -> dict[str, Value]:
    """Settings by their scaled names for a battery of `system` volts, the fixed array voltage
    multiplied only for `array`. Nothing without a battery.
    """
    if system is None:
        return {}
    times = system / BLOCK_V
    factors = dict.fromkeys(MULTIPLIED, times) | {PERHAPS_MULTIPLIED: times if array else 1.0}
    found: dict[str, Value] = {"system_voltage": system}
    for name, factor in factors.items():
        if (value := settings.get(name)) is not None:
            found[name + SCALED_MARK] = float(value) * factor
    return found
