"""Every channel of an OPC-N3: the only place for its unit, range, label and old name.

`old` is the column of the logger that this program replaces (OPC-N3 sheet, section 13). Bin edges
and the three PM diameters are settings of the unit, so labels are made from what it tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from fieldstation.model import Channel, Kind, Layout

KIND = "opc_n3"

BINS = 24
# A reading may add up the histograms of an hour, of which each counter ends at 65,535.
MOST_COUNTED = 10_000_000
MTOF_BINS = (1, 3, 5, 7)
# Section 7.1: edges in µm of a unit as it leaves the factory.
BOUNDARIES_UM = (
    0.35, 0.46, 0.66, 1.0, 1.3, 1.7, 2.3, 3.0, 4.0, 5.2, 6.5, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0,
    20.0, 22.0, 25.0, 28.0, 31.0, 34.0, 37.0, 40.0,
)  # fmt: skip
# Section 8.1: PM1, PM2.5, PM10.
PM_DIAMETERS_UM = (1.0, 2.5, 10.0)


def _n(
    name: str, label: str, unit: str, high: float, decimals: int, *, low: float = 0, old: str = "",
    headline: bool = False,
) -> Channel:  # fmt: skip
    return Channel(
        name, Kind.NUMBER, unit, label, low, high, decimals, headline=headline, old_name=old
    )


def _i(name: str, label: str, high: int = MOST_COUNTED, *, low: int = 0, old: str = "") -> Channel:
    return Channel(name, Kind.INTEGER, "", label, low, high, old_name=old)


def _f(name: str, label: str) -> Channel:
    return Channel(name, Kind.FLAG, label=label)


def _pm(diameters_um: Sequence[float]) -> list[Channel]:
    names = zip("abc", diameters_um, ("pm_01", "pm_25", "pm_10"), strict=True)
    return [
        _n(f"pm_{letter}", f"PM{size:g}", "µg/m³", 5000, 2, old=old, headline=True)
        for letter, size, old in names
    ]


def _bins(boundaries_um: Sequence[float]) -> list[Channel]:
    spans = [f"{low:g} to {high:g} µm" for low, high in pairwise(boundaries_um)]
    number = [
        _n(f"bin_{at}_concentration", f"Particles {span}", "1/cm³", 10_000, 3, old=f"bin_{at}")
        for at, span in enumerate(spans)
    ]
    return number + [_i(f"bin_{at}_count", f"Count {span}") for at, span in enumerate(spans)]


def histogram(boundaries_um: Sequence[float], pm_diameters_um: Sequence[float]) -> Layout:
    """What a histogram brings, labelled with the unit's own bin edges and PM diameters."""
    channels = (
        *_pm(pm_diameters_um),
        _n("temperature", "Temperature inside", "°C", 70, 1, low=-20, old="temp"),
        _n("humidity", "Humidity inside", "%", 100, 1, old="rh"),
        _n("total_concentration", "Particles, all sizes", "1/cm³", 10_000, 3, headline=True),
        *_bins(boundaries_um),
        *(
            _n(f"mtof_bin_{at}", f"Transit time, bin {at}", "µs", 85, 1, old=f"bin{at}_mtof")
            for at in MTOF_BINS
        ),
        # Of one histogram no longer than 60 s, or the counters may overflow; a reading adds them.
        _n("sampling_period", "Sampling period", "s", 86_400, 2, old="sampling_period"),
        _n("sample_flow_rate", "Sample flow", "mL/s", 15, 2, old="sample_flow_rate"),
        _i("reject_glitch", "Rejected: glitch", old="reject_count_glitch"),
        _i("reject_long_tof", "Rejected: too slow", old="reject_count_longtof"),
        _i("reject_ratio", "Rejected: beside the beam", old="reject_count_ratio"),
        _i("reject_out_of_range", "Rejected: out of range", old="reject_count_outofrange"),
        _i("fan_revolutions", "Fan revolutions", old="fan_rev_count"),
        # 608 to 619 recorded, about 550 to 650 normal (section 7).
        _i("laser_status", "Laser status", 650, low=550, old="last_status"),
        _f("no_sample_volume", "No sample volume"),
        _f("pm_invalid", "PM not valid"),
        _f("saturated", "A counter is full"),
        _f("nothing_counted", "Nothing counted"),
    )
    return Layout(KIND, "histogram", channels)


HISTOGRAM = histogram(BOUNDARIES_UM, PM_DIAMETERS_UM)

POWER = Layout(
    KIND,
    "power",
    (
        _f("fan_on", "Fan on"),
        _f("laser_on", "Laser on"),
        _f("laser_dac_on", "Laser converter on"),
        _i("fan_dac", "Fan setting", 255),
        _i("laser_dac", "Laser setting", 255),
        _f("high_gain", "High gain"),
        _f("automatic_gain", "Gain toggles by itself"),
    ),
)

LAYOUTS = (HISTOGRAM, POWER)
