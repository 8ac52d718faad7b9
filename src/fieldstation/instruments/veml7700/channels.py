"""Every channel of a VEML7700: the only place for its unit, range, label and old name."""

from __future__ import annotations

from fieldstation.model import Channel, Kind, Layout

KIND = "veml7700"

# Above this the vendor's correction has no meaning (I2C sensors sheet, section 2.4).
BRIGHTEST_LX = 140_000.0

LIGHT = Layout(
    KIND,
    "light",
    (
        Channel(
            "illuminance", Kind.NUMBER, "lx", "Illuminance", 0, BRIGHTEST_LX, 3, headline=True,
        ),
        # The reader that came before published this one as `light`.
        Channel(
            "illuminance_linear", Kind.NUMBER, "lx", "Illuminance, not corrected", 0, 140_926, 3,
            old_name="light",
        ),
        Channel("als_counts", Kind.INTEGER, "", "Ambient counts", 0, 65_535),
        # It was called infrared, which it is not.
        Channel(
            "white_counts", Kind.INTEGER, "", "White counts", 0, 65_535, old_name="IR light",
        ),
        Channel("gain", Kind.NUMBER, "", "Gain", 0.125, 2, 3),
        Channel("integration_ms", Kind.INTEGER, "ms", "Integration time", 25, 800),
        Channel("saturated", Kind.FLAG, label="Saturated"),
        Channel("over_range", Kind.FLAG, label="Over range"),
    ),
)  # fmt: skip

LAYOUTS = (LIGHT,)
