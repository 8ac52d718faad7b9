"""Every channel of a BH1745NUC: the only place for its unit, range, label and old name."""

from __future__ import annotations

from fieldstation.model import Channel, Kind, Layout

KIND = "bh1745"

HOTTEST_K = 10_000.0


def _counts(colour: str) -> Channel:
    # The reader that came before called counts lux.
    return Channel(
        f"{colour}_counts", Kind.INTEGER, "", f"{colour.capitalize()} counts", 0, 65_535,
        old_name=f"{colour}_light",
    )  # fmt: skip


def _irradiance(colour: str, high: float) -> Channel:
    name = f"{colour.capitalize()} irradiance"
    return Channel(f"{colour}_irradiance", Kind.NUMBER, "µW/cm²", name, 0, high, 3)


COLOUR = Layout(
    KIND,
    "colour",
    (
        Channel("illuminance", Kind.NUMBER, "lx", "Illuminance", 0, 65_000, 2, headline=True),
        Channel(
            "colour_temperature", Kind.NUMBER, "K", "Colour temperature", 1_600, HOTTEST_K, 0,
            headline=True,
        ),
        _irradiance("red", 5_300),
        _irradiance("green", 6_300),
        _irradiance("blue", 8_900),
        _counts("red"),
        _counts("green"),
        _counts("blue"),
        _counts("clear"),
        Channel("gain", Kind.INTEGER, "", "Gain", 1, 16),
        Channel("measurement_ms", Kind.INTEGER, "ms", "Measurement time", 160, 5_120),
        Channel("saturated", Kind.FLAG, label="Saturated"),
    ),
)  # fmt: skip

LAYOUTS = (COLOUR,)
