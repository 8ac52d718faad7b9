"""Every channel of an ESP node: the only place for its unit, range, label, codes and old name.

`old` is the member of the node's own JSON, which is also the column of the old recorder's file
(mqtt_esp contract, B.3, B.4 and B.8). Ranges are those of the sensors (B.9).
"""

from __future__ import annotations

from fieldstation.model import Channel, Kind, Layout

KIND = "esp_node"

CLOCK_CHIP, CLOCK_NETWORK, CLOCK_LOST, CLOCK_UNTOLD = "chip", "network", "lost", "untold"
NODE_TIME, ESTIMATED_TIME = "node", "estimated"


def _n(name: str, label: str, unit: str, low: float, high: float, decimals: int, old: str = "",
       *, headline: bool = False) -> Channel:  # fmt: skip
    return Channel(
        name, Kind.NUMBER, unit, label, low, high, decimals, headline=headline, old_name=old
    )


SAMPLE = (
    # Ids run to 43 200 in the old firmware and have no end in one that needs no restart.
    Channel("sample", Kind.INTEGER, "", "Sample since start", 0, 2**31 - 1, old_name="id"),
    _n("thermocouple_temperature", "Thermocouple", "°C", 0, 1023.75, 2, "kT", headline=True),
    _n("ambient_temperature", "Ambient temperature", "°C", -45, 130, 3, "aT", headline=True),
    _n("ambient_humidity", "Ambient humidity", "%", 0, 100, 3, "aH", headline=True),
)  # fmt: skip
"""What a sample tells itself."""

TIME_SOURCE = Channel(
    "time_source", Kind.ENUM, label="Where the time is from",
    codes={NODE_TIME: "the node's clock", ESTIMATED_TIME: "estimated from the arrival"},
)  # fmt: skip

START_TOLD = (
    Channel("data_topic", Kind.TEXT, label="Topic of the samples", old_name="DATA_topic"),
    Channel(
        "clock", Kind.ENUM, label="Where the node's clock is from", codes={
            CLOCK_CHIP: "clock chip",
            CLOCK_NETWORK: "lost, then set from network",
            CLOCK_LOST: "lost and not set",
            CLOCK_UNTOLD: "not told",
        },
    ),
    Channel("square_wave", Kind.FLAG, label="Beat of the clock chip started"),
    _n("thermocouple_temperature", "Thermocouple at start", "°C", 0, 1023.75, 2),
    _n("ambient_temperature", "Ambient temperature at start", "°C", -45, 130, 3),
    _n("ambient_humidity", "Ambient humidity at start", "%", 0, 100, 3),
)  # fmt: skip
"""What an init document tells when both sensors answered."""

SENSORS = (
    Channel("thermocouple_sensor", Kind.FLAG, label="MAX6675 answered"),
    Channel("ambient_sensor", Kind.FLAG, label="SHT30 answered"),
)

SAMPLES = Layout(KIND, "samples", (*SAMPLE, TIME_SOURCE))
START = Layout(KIND, "start", (*START_TOLD, *SENSORS))

LAYOUTS = (SAMPLES, START)
