"""Every channel of an SE521: the only place for its unit, range, label, codes and old name.

The sheet has no list of channels of its own; temperatures keep the numbers printed on the unit.
`old_name` is the column in the database of the original logger (SE521 sheet, section 11).
"""

from __future__ import annotations

from collections.abc import Mapping

from fieldstation.model import Channel, Kind, Layout

KIND = "se521"
INPUTS = range(1, 5)

# What the instrument measures with its widest thermocouple, in °C.
COLDEST, HOTTEST = -200, 1372

# Section 6 of the sheet, bytes 4 and 5; R, S and N exist on the family, their bits are not known.
THERMOCOUPLES = {1: "K", 2: "J", 4: "E", 8: "T"}
MAX_MIN = {1: "MAX", 2: "MIN", 4: "AVG", 8: "MAX/MIN/AVG"}
# Sections 6.1 and 7: why an input has no temperature.
STATES: Mapping[int | str, str] = {
    "ok": "measuring",
    "overload": "over range",
    "unplugged": "no probe",
    "below_minus_200F": "below the lowest valid value",
    "difference_mode": "not measured in T1-T2 mode",
}


def _f(name: str, label: str) -> Channel:
    return Channel(name, Kind.FLAG, label=label)


def _temperature(number: int) -> Channel:
    return Channel(
        f"temperature_{number}",
        Kind.NUMBER,
        "°C",
        f"Temperature T{number}",
        COLDEST,
        HOTTEST,
        3,
        headline=True,
        old_name=f"tc{number}",
    )


LIVE = Layout(
    KIND,
    "live",
    (
        *(_temperature(number) for number in INPUTS),
        Channel("temperature_difference", Kind.NUMBER, "K", "T1 minus T2", -1600, 1600, 3),
        *(
            Channel(f"input_{number}_state", Kind.ENUM, label=f"Input T{number}", codes=STATES)
            for number in INPUTS
        ),
        _f("live", "Values are live"),
        Channel("samples", Kind.INTEGER, label="Samples in the mean", low=1, high=60),
        Channel("battery_level", Kind.INTEGER, label="Battery level, 3 is full", low=0, high=3),
        Channel(
            "thermocouple_type",
            Kind.ENUM,
            label="Thermocouple type",
            codes={letter: f"type {letter}" for letter in THERMOCOUPLES.values()},
        ),
        Channel(
            "display_unit",
            Kind.ENUM,
            label="Unit on the display",
            codes={"C": "degrees Celsius", "F": "degrees Fahrenheit"},
        ),
        Channel(
            "max_min_kind",
            Kind.ENUM,
            label="What is shown in MAX/MIN/AVG mode",
            codes={word: word.lower() for word in MAX_MIN.values()},
        ),
        Channel("status_byte6", Kind.INTEGER, label="Open inputs, as sent", low=0, high=255),
        _f("t1_minus_t2_mode", "T1-T2 mode"),
        _f("recall_mode", "Recall mode"),
        _f("alarm", "Alarm set"),
        _f("over_temperature", "Above the alarm limit"),
        _f("under_temperature", "Below the alarm limit"),
        _f("recording", "Recording"),
        _f("memory_full", "Memory full"),
        _f("hold", "HOLD: values are frozen"),
        _f("max_min_mode", "MAX/MIN/AVG mode"),
        _f("bluetooth", "Bluetooth on"),
    ),
)
LAYOUTS = (LIVE,)
