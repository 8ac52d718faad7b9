"""Every channel of an Si7020: the only place for its unit, range, label and old name."""

from __future__ import annotations

from fieldstation.model import Channel, Kind, Layout

KIND = "si7020"

# Ranges are those of the part (I2C sensors sheet, section 1.4); a reading outside is refused for
# temperature and clamped for humidity.
AMBIENT = Layout(
    KIND,
    "ambient",
    (
        Channel(
            "temperature", Kind.NUMBER, "°C", "Temperature", -40, 85, 2,
            headline=True, old_name="temperature",
        ),
        Channel(
            "humidity", Kind.NUMBER, "%", "Relative humidity", 0, 100, 2,
            headline=True, old_name="humidity",
        ),
        Channel("humidity_unclamped", Kind.NUMBER, "%", "Humidity as computed", -6, 119, 2),
        Channel("dew_point", Kind.NUMBER, "°C", "Dew point", -60, 85, 2),
        Channel("heater_on", Kind.FLAG, label="Heater on"),
        Channel("vdd_low", Kind.FLAG, label="Supply too low"),
    ),
)  # fmt: skip

LAYOUTS = (AMBIENT,)
