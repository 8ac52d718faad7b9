"""The units that channels may have, each with its name in the vocabularies of other programs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: `symbol` as people read it, `udunits` for CF and HDF5, `ucum` for SensorThings,
    `quantity` in words.
    """

    symbol: str
    udunits: str
    ucum: str
    quantity: str


_TABLE = (
    Unit("", "1", "1", "number"),
    Unit("%", "%", "%", "ratio"),
    Unit("V", "V", "V", "voltage"),
    Unit("mV", "mV", "mV", "voltage"),
    Unit("A", "A", "A", "current"),
    Unit("mA", "mA", "mA", "current"),
    Unit("W", "W", "W", "power"),
    Unit("VA", "V A", "V.A", "apparent power"),
    Unit("Wh", "W h", "W.h", "energy"),
    Unit("kWh", "kW h", "kW.h", "energy"),
    Unit("Ah", "A h", "A.h", "charge"),
    Unit("C", "C", "C", "charge"),
    Unit("Hz", "Hz", "Hz", "frequency"),
    Unit("Ω", "ohm", "Ohm", "resistance"),
    Unit("mΩ", "mohm", "mOhm", "resistance"),
    Unit("°C", "degC", "Cel", "temperature"),
    Unit("K", "K", "K", "temperature"),
    Unit("°F", "degF", "[degF]", "temperature"),
    Unit("lx", "lx", "lx", "illuminance"),
    Unit("µW/cm²", "uW cm-2", "uW/cm2", "irradiance"),
    Unit("µg/m³", "ug m-3", "ug/m3", "mass concentration"),
    Unit("1/cm³", "cm-3", "cm-3", "number concentration"),
    Unit("mL/s", "ml s-1", "mL/s", "flow"),
    Unit("µs", "us", "us", "duration"),
    Unit("ms", "ms", "ms", "duration"),
    Unit("s", "s", "s", "duration"),
    Unit("min", "min", "min", "duration"),
    Unit("h", "h", "h", "duration"),
    Unit("d", "d", "d", "duration"),
    Unit("Pa", "Pa", "Pa", "pressure"),
    Unit("hPa", "hPa", "hPa", "pressure"),
)

UNITS: dict[str, Unit] = {unit.symbol: unit for unit in _TABLE}


def unit(symbol: str) -> Unit:
    """The unit written `symbol`; one that the table lacks stands for itself, as users' own sensors
    may bring any.
    """
    return UNITS.get(symbol) or Unit(symbol, symbol, symbol, symbol)
