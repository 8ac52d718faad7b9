"""What the demo's sensors and the old site's clients post: documents as functions of UTC time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from fieldstation.instruments.chance import chance, smooth
from fieldstation.instruments.outdoors import DAY_S, humidity_percent, illuminance_lx, temperature_c

Document = dict[str, Any]

FULL_SUN_LX = 90_000.0
CELLS = 8


def mast(utc_s: float, seed: int) -> Document:
    """A weather mast: temperature, humidity, pressure, wind."""
    gust = smooth(utc_s, 60, seed, "gust")
    speed = (1 + 9 * smooth(utc_s, 6 * 3600, seed, "wind")) * (0.6 + 0.6 * gust)
    return {
        "temperature": round(temperature_c(utc_s, seed) - 1.5 + 0.3 * gust, 1),
        "humidity": round(humidity_percent(utc_s, seed), 1),
        "pressure": round(1004 + 22 * smooth(utc_s, 2 * DAY_S, seed, "pressure"), 1),
        "wind": {
            "speed": round(speed, 1),
            "direction": round(360 * smooth(utc_s, 9 * 3600, seed, "direction")) % 360,
        },
    }


def barrel(utc_s: float, seed: int) -> Document:
    """A rain barrel whose values bring their units: full after rain, emptied in the evenings."""
    day, second = divmod(utc_s, DAY_S)
    rain = 35 * chance(seed, "rain", int(day)) * min(1.0, second / (9 * 3600))
    used = 18 * max(0.0, min(1.0, (second - 18 * 3600) / 7200))
    level = min(100.0, 45 + rain - used + smooth(utc_s, 900, seed, "ripple"))
    water = 9 + 0.4 * temperature_c(utc_s - 7200, seed)
    return {
        "level": {"value": round(level, 1), "unit": "%"},
        "water": {"temperature": {"value": round(water, 1), "units": "°C"}},
        "overflow": level >= 99,
    }


def bench(utc_s: float, seed: int) -> Document:
    """A thermometer on a bench of the greenhouse."""
    return {"temperature": {"value": round(_under_glass_c(utc_s, seed), 1), "units": "°C"}}


def bms(utc_s: float, seed: int) -> Document:
    """The battery as the old reader posts it."""
    charge = _charge(utc_s, seed)
    volts = [3.27 + 0.12 * charge + 0.01 * chance(seed, "cell", one) for one in range(CELLS)]
    warm = 14 + 0.3 * temperature_c(utc_s, seed)
    summary = {
        "number of cells": CELLS,
        "minimum cell voltage": round(min(volts), 3),
        "maximum cell voltage": round(max(volts), 3),
        "average cell voltage": round(sum(volts) / CELLS, 3),
    }
    return {
        "name": "BMS",
        "Battery Charge": {
            "battery charge": round(180 * charge, 1),
            "battery capacity": 180,
            "state of charge": round(100 * charge, 1),
        },
        "Battery Module Temperature Summary": {
            "number of cells": CELLS,
            "minimum cell module temperature": {"value": round(warm - 1), "unit": "C"},
            "maximum cell module temperature": {"value": round(warm + 2), "unit": "C"},
            "average cell module temperature": {"value": round(warm), "unit": "C"},
        },
        "BatteryVoltageSummary": summary,
        "CurrentAndVoltage": {
            "total voltage": round(sum(volts), 2),
            "current": round(_sun(utc_s, seed) * 30 - 4, 1),
        },
        "BMS Status": {
            "Pins Connected": "battery_contactor, current_sensor, charging_indication",
            "Status Errors": "" if charge > 0.35 else "low charge",
        },
    }


def tristar(utc_s: float, seed: int) -> Document:
    """The charge controller as the old reader posts it."""
    sun, charge = _sun(utc_s, seed), _charge(utc_s, seed)
    battery, amperes = 25.6 + 2.2 * charge, 22 * sun
    return {
        "name": "Tristar",
        "ADC data": {
            "battery voltage": round(battery, 2),
            "array voltage": round(62 + 12 * sun, 1) if sun else 0,
            "battery current": round(amperes, 1),
            "array current": round(amperes * battery / 70, 1),
        },
        "Temperature data": {"heatsink temperature": round(18 + 20 * sun)},
        "Status": {"charging_current": round(amperes, 1), "faults": "", "alarms": "RTS open"},
        "Charger Data": {"Charge State": "MPPT" if sun > 0.02 else "NIGHT"},
        "MPPT Data": {"output power": round(battery * amperes)},
    }


def daily(utc_s: float, seed: int) -> Document:
    """The charge controller's day, as the old reader posts it."""
    return {
        "Daily Logger Values": {
            "Battery Voltage Minimum Daily": 25.3,
            "Battery Voltage Maximum Daily": 28.1,
            "Watt Hours accumulated daily": round(1500 + 900 * chance(seed, int(utc_s // DAY_S))),
        },
        "Charge Settings": {"EV_absorp": 28.8, "EV_float": 27.2, "Et_absorp": 9000},
    }


def _sun(utc_s: float, seed: int) -> float:
    return illuminance_lx(utc_s, seed) / FULL_SUN_LX


def _charge(utc_s: float, seed: int) -> float:
    """Share of the battery: lowest at dawn, full in the afternoon."""
    swing = math.cos(2 * math.pi * (utc_s - 16 * 3600) / DAY_S)
    return 0.68 + 0.22 * swing + 0.08 * smooth(utc_s, DAY_S, seed, "charge")


def _under_glass_c(utc_s: float, seed: int) -> float:
    return 8 + 0.8 * temperature_c(utc_s, seed) + 9 * _sun(utc_s, seed)


OF_SENSOR: Mapping[str, tuple[Callable[[float, int], Document], int]] = {
    "Weather mast": (mast, 10),
    "Rain barrel": (barrel, 20),
}
"""By the sensor's name: its document, and the seconds from one to the next."""

OF_OLD_ROUTE: Mapping[str, tuple[Callable[[float, int], Document], int]] = {
    "/BMS/post-json": (bms, 20),
    "/Tristar/post-json": (tristar, 20),
    "/Tristar/post-json/daily": (daily, 60),
}
"""The same for the routes of the old site."""
