"""The reference workload: 17 quantised channels of an inverter, one reading in 10 s.

The same seed gives the same arrays on every machine. `year` is one station for 365 days from
2025-01-01; `fleet` is a hundred stations for 7 days from 2025-06-01 that arrive in turn in uploads
of 60 readings. Order-0 entropy of the year: 0.36 byte per value and 0.042 more for the times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fieldstation.model import Channel, Kind, Layout

Floats = NDArray[np.float64]

# Name, unit, and steps per unit (10 means that the instrument shows tenths), in column order.
TABLE = (
    ("pv1_v", "V", 10), ("pv1_a", "A", 100), ("pv1_w", "W", 1),
    ("pv2_v", "V", 10), ("pv2_a", "A", 100), ("pv2_w", "W", 1),
    ("grid_v", "V", 10), ("grid_hz", "Hz", 100),
    ("out_w", "W", 1), ("out_va", "VA", 1), ("load_pct", "%", 1),
    ("bat_v", "V", 10), ("bat_a", "A", 10), ("bat_soc", "%", 1),
    ("temp_c", "°C", 10), ("mode", "", 1), ("set_v", "V", 10),
)  # fmt: skip
LAYOUT = Layout(
    "reference", "status", tuple(Channel(name, Kind.NUMBER, unit) for name, unit, _ in TABLE)
)
YEAR_START_MS, FLEET_START_MS = 1_735_689_600_000, 1_748_736_000_000
PERIOD_S = 10
YEAR_READINGS, WEEK_READINGS = 365 * 8640, 7 * 8640


def year() -> tuple[NDArray[np.int64], Floats]:
    """One station over a year."""
    return station(7, YEAR_START_MS, YEAR_READINGS)


def fleet_station(place: int) -> tuple[NDArray[np.int64], Floats]:
    """Station `place` (0 to 99) of the fleet over its week."""
    return station(1000 + place, FLEET_START_MS, WEEK_READINGS)


def station(seed: int, start_ms: int, count: int) -> tuple[NDArray[np.int64], Floats]:
    """Times in milliseconds (int64[count]) and values (float64[17, count]).

    Random draws happen in a fixed order; to move one is to change the data.
    """
    rng = np.random.default_rng(seed)
    place = np.arange(count)
    times = start_ms + place * (PERIOD_S * 1000) + rng.integers(0, 51, count)
    hour = (place * PERIOD_S / 3600.0) % 24
    day = place * PERIOD_S // 86400
    light = _light(rng, hour, day)
    pv = _panels(rng, light)
    grid = _grid(rng, hour)
    load = _load(rng, hour)
    columns = (*pv, *grid, *load, *_rest(rng, hour, day, light, pv, load[0]))
    steps = [steps for _, _, steps in TABLE]
    values = np.empty((len(TABLE), count))
    for row, (column, per_unit) in enumerate(zip(columns, steps, strict=True)):
        values[row] = np.round(column * per_unit) / per_unit + 0.0  # no minus zero
    return times.astype(np.int64), values


def _wander(rng: np.random.Generator, count: int, every: int, spread: float) -> Floats:
    """A random walk that ends where it began, with a corner every so many readings."""
    corners = count // every + 3
    walk = np.cumsum(rng.normal(0, spread, corners))
    walk -= np.linspace(0, walk[-1], corners)
    return np.interp(np.arange(count) / every, np.arange(corners), walk)


def _light(rng: np.random.Generator, hour: Floats, day: NDArray[np.int64]) -> Floats:
    sun = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None)
    season = 1 - 0.35 * np.cos(2 * np.pi * (day + 10) / 365)
    drift = np.tanh(_wander(rng, len(hour), 30, 0.25))
    cloud = np.clip(0.75 + 0.25 * drift + rng.normal(0, 0.01, len(hour)), 0.05, 1)
    return np.asarray(sun * season * cloud / 1.35)


def _panels(rng: np.random.Generator, light: Floats) -> tuple[Floats, ...]:
    on, count = light > 0.004, len(light)
    out = []
    for volts, rise, noise, amperes in ((330, 25, 1.2, 9.2), (318, 22, 1.1, 8.7)):
        v = np.where(on, volts + rise * np.tanh(3 * light) + rng.normal(0, noise, count), 0)
        a = np.where(on, amperes * light + rng.normal(0, 0.02, count), 0).clip(0)
        out += [v, a, v * a]
    return tuple(out)


def _grid(rng: np.random.Generator, hour: Floats) -> tuple[Floats, Floats]:
    count = len(hour)
    daily = 230 + 3 * np.sin(2 * np.pi * (hour - 3) / 24)
    volts = daily + 2 * np.tanh(_wander(rng, count, 60, 0.2)) + rng.normal(0, 0.25, count)
    hertz = 50 + 0.02 * np.tanh(_wander(rng, count, 20, 0.3)) + rng.normal(0, 0.006, count)
    return volts, hertz


def _load(rng: np.random.Generator, hour: Floats) -> tuple[Floats, Floats, Floats]:
    count = len(hour)
    appliances = np.repeat(rng.exponential(350, count // 90 + 2), 90)[:count]
    evening = np.exp(-(((hour - 19) / 3) ** 2))
    morning = np.exp(-(((hour - 8) / 2) ** 2))
    habit = 0.4 + 0.6 * evening + 0.3 * morning
    watts = (180 + appliances * habit + rng.normal(0, 6, count)).clip(20, 4900)
    apparent = watts * 1.06 + rng.normal(0, 4, count)
    return watts, apparent, apparent / 50


def _rest(
    rng: np.random.Generator,
    hour: Floats,
    day: NDArray[np.int64],
    light: Floats,
    pv: tuple[Floats, ...],
    out_w: Floats,
) -> tuple[Floats, ...]:
    """Battery voltage, current and charge, temperature, mode, set voltage."""
    count = len(hour)
    net = pv[2] + pv[5] - out_w
    daily = 55 + 35 * np.sin(2 * np.pi * (hour - 11) / 24)
    charge = np.clip(daily + 6 * np.tanh(_wander(rng, count, 360, 0.2)), 5, 100)
    volts = 48.5 + charge / 100 * 5 + np.tanh(net / 2000) * 0.6 + rng.normal(0, 0.05, count)
    season = 1 - 0.35 * np.cos(2 * np.pi * (day + 10) / 365)
    warm = 24 + 14 * light + 6 * season + 4 * np.sin(2 * np.pi * (hour - 9) / 24)
    heat = warm + np.clip(out_w / 1000, 0, 4) + rng.normal(0, 0.06, count)
    mode = np.where(light > 0.004, 2, np.where(charge < 15, 1, 3)).astype(float)
    return volts, net / volts * 0.93, charge, heat, mode, np.full(count, 230.0)
