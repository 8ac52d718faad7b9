"""The units a twin can be, by name (PI30 sheet, section 11.2)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from fieldstation.errors import NotFound
from fieldstation.instruments.axpert.queries import QDI_MAX, QPIRI
from fieldstation.model import Value

# The examples of sections 5.3 and 5.4; tokens that they lack are off.
_RATINGS_TEXT = (
    "230.0 21.7 230.0 50.0 21.7 5000 4000 48.0 46.0 42.0 56.4 54.0 0 10 010 1 0 0 6 01 0 0 54.0 0 1"
)
_DEFAULTS_TEXT = "230.0 50.0 0030 42.0 54.0 56.4 46.0 60 0 0 2 0 0 0 0 0 1 1 0 0 1 0 54.0 0 1 000"
_RATINGS = QPIRI.decode([*_RATINGS_TEXT.split(), "000", "0", "000"])
_DEFAULTS = QDI_MAX.decode([*_DEFAULTS_TEXT.split(), "000"])
_VOLTAGES = (
    "battery_rating_voltage", "battery_recharge_voltage", "battery_under_voltage",
    "battery_bulk_voltage", "battery_float_voltage", "battery_redischarge_voltage",
)  # fmt: skip
_OUTPUT = ("voltage", "frequency")
_OLD_LISTS = {
    "QMCHGCR": "010 020 030 040 050 060 070 080 090 100 110 120",
    "QMUCHGCR": "002 010 020 030 040 050 060",
}
_WIDE_POWER = {"ac_output_apparent_power": "00000", "ac_output_active_power": "00000"}
_PANEL_SIDE = {"pv1_input_current": "00.0"}


@dataclass(frozen=True, slots=True)
class Profile:
    """What one model says and how. Counts are tokens; a query in none of the tables is refused."""

    name: str
    serial: str
    firmware: str
    battery_v: int = 48
    rating_w: int = 4000
    capacity_ah: float = 200.0
    pv_peak_w: float = 3800.0
    pv_v: tuple[float, float] = (60.0, 104.0)
    grid_v: float = 0.0
    grid_hz: float = 50.0
    status_tokens: int = 21
    rating_tokens: int = 25
    default_tokens: int = 26
    warning_bits: int = 32
    trackers_tokens: int = 0
    parallel_tokens: int = 0
    units: int = 1
    raw_temperature: bool = False
    split_phase: bool = False
    flags: str = "EakxyDbjuvz"
    masks: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Value] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    queries: frozenset[str] = frozenset()

    def ratings(self) -> dict[str, Value]:
        """Values of QPIRI as the unit starts with them."""
        return self._scaled(_RATINGS) | dict(self.changes)

    def defaults(self) -> dict[str, Value]:
        """Values of QDI; output voltage and frequency are those of the ratings."""
        own = {f"ac_output_{what}": self.ratings()[f"ac_output_rating_{what}"] for what in _OUTPUT}
        return self._scaled(_DEFAULTS) | own

    def _scaled(self, values: dict[str, Value]) -> dict[str, Value]:
        """Battery voltages of the 48 V examples in the class of this unit."""
        scaled = {
            name: round(float(values[name] or 0) * self.battery_v / 48, 1)
            for name in _VOLTAGES
            if name in values
        }
        return values | scaled

    def identity(self) -> dict[str, str]:
        """Replies that never change, by query."""
        versions = {"QVFW": f"VERFW:{self.firmware}", "QVFW2": "VERFW2:00000.00"}
        return {"QPI": "PI30", "QID": self.serial} | versions | dict(self.texts)


def _long_serial(serial: str) -> str:
    """QSID: the length, the serial, and a filler up to 20 characters."""
    return f"{len(serial):02d}{serial:0<20}"


_PROFILES = (
    Profile(
        "atersa_5048",
        "92931701100510",
        "00072.70",
        texts={**_OLD_LISTS, "QBOOT": "0", "QOPM": "00"},
        queries=frozenset({"Q1"}),
    ),
    Profile(
        "ms_1012",
        "9293133301050",
        "00052.30",
        battery_v=12,
        rating_w=800,
        capacity_ah=150,
        pv_peak_w=600,
        status_tokens=17,
        default_tokens=25,
        raw_temperature=True,
        changes={
            "grid_rating_current": 4.3,
            "ac_output_rating_current": 4.3,
            "ac_output_rating_apparent_power": 1000,
            "ac_output_rating_active_power": 800,
            "max_charging_current": 50,
            "max_ac_charging_current": 20,
            "parallel_max_units": None,
        },
        texts={"QMCHGCR": "010 020 030 040 050", "QMUCHGCR": "010 020"},
    ),
    Profile(
        "vm_3024",
        "92932004102213",
        "00074.10",
        battery_v=24,
        rating_w=2400,
        capacity_ah=200,
        pv_peak_w=1500,
        grid_v=238,
        default_tokens=25,
        changes={
            "grid_rating_current": 13.0,
            "ac_output_rating_current": 13.0,
            "ac_output_rating_apparent_power": 3000,
            "ac_output_rating_active_power": 2400,
            "max_charging_current": 50,
            "max_ac_charging_current": 30,
            "output_source_priority": 2,
            "charger_source_priority": 1,
            "parallel_max_units": None,
            "topology": 1,
        },
        texts=_OLD_LISTS,
    ),
    Profile(
        "vmiii_6048",
        "92932012100377",
        "00010.13",
        rating_w=6000,
        pv_v=(200.0, 400.0),
        grid_v=230,
        status_tokens=24,
        warning_bits=36,
        flags="EakxyDbjluvzn",
        masks=_PANEL_SIDE,
        changes={
            "ac_output_rating_apparent_power": 6000,
            "ac_output_rating_active_power": 6000,
            "max_charging_current": 60,
            "output_source_priority": 2,
            "charger_source_priority": 3,
            "battery_type": 2,
        },
        texts={
            **_OLD_LISTS,
            "QSID": _long_serial("92932012100377"),
            "QMN": "VMIII-6000",
            "QGMN": "037",
        },
        queries=frozenset({"Q1", "QBEQI", "QT"}),
    ),
    Profile(
        "max_8048",
        "92932105105315",
        "00045.27",
        rating_w=8000,
        capacity_ah=400,
        pv_peak_w=6000,
        pv_v=(200.0, 400.0),
        grid_v=230,
        status_tokens=24,
        rating_tokens=28,
        default_tokens=27,
        warning_bits=36,
        trackers_tokens=3,
        parallel_tokens=29,
        flags="EbuvyzDajkx",
        masks=_WIDE_POWER | _PANEL_SIDE | {"max_ac_charging_current": "000"},
        changes={
            "grid_rating_current": 34.7,
            "ac_output_rating_current": 34.7,
            "ac_output_rating_apparent_power": 8000,
            "ac_output_rating_active_power": 8000,
            "max_charging_current": 80,
            "max_ac_charging_current": 30,
            "output_source_priority": 2,
            "charger_source_priority": 2,
            "battery_type": 2,
            "parallel_max_units": 9,
            "max_cv_charging_time": 480,
            "max_discharging_current": 70,
        },
        texts={
            "QMCHGCR": _OLD_LISTS["QMCHGCR"],
            "QMUCHGCR": "002 010 020 030 040 050 060 070 080 090 100 110 120",
            "QSID": _long_serial("92932105105315"),
            "QMN": "MKS2-8000",
            "QGMN": "044",
            "QVFW3": "VERFW: 00002.61",
            "QBATCD": "111",
            "QLED": "1 1 2 5 3 148000211255255255000255255",
        },
        queries=frozenset(
            {"QBEQI", "QBMS", "QT", "QET", "QEY", "QEM", "QED", "QLT", "QLY", "QLM", "QLD"}
        ),
    ),
    Profile(
        "lv5048",
        "92911906100045",
        "00052.40",
        rating_w=2500,
        grid_v=120,
        grid_hz=60.0,
        rating_tokens=26,
        trackers_tokens=11,
        split_phase=True,
        changes={
            "grid_rating_voltage": 120.0,
            "grid_rating_current": 20.8,
            "ac_output_rating_voltage": 120.0,
            "ac_output_rating_frequency": 60.0,
            "ac_output_rating_current": 20.8,
            "ac_output_rating_apparent_power": 2500,
            "ac_output_rating_active_power": 2500,
            "max_charging_current": 60,
            "max_ac_charging_current": 40,
            "output_source_priority": 2,
            "parallel_max_units": 9,
            "output_mode": 6,
        },
        texts={**_OLD_LISTS, "QSID": _long_serial("92911906100045"), "QGMN": "041"},
        queries=frozenset({"QBEQI"}),
    ),
    Profile(
        "parallel_3",
        "92931701100510",
        "00072.70",
        parallel_tokens=27,
        units=3,
        changes={"max_charging_current": 60, "output_mode": 1, "charger_source_priority": 2},
        texts={**_OLD_LISTS, "QOPM": "01", "QBOOT": "0"},
        queries=frozenset({"Q1"}),
    ),
)

PROFILES = {profile.name: profile for profile in _PROFILES}
USUAL = "atersa_5048"


def profile(name: str) -> Profile:
    """The profile called `name`, the usual one for an empty name. Raises NotFound."""
    try:
        return PROFILES[name or USUAL]
    except KeyError:
        near = difflib.get_close_matches(name, PROFILES, 1, 0)[0]
        raise NotFound(
            f"no Axpert profile is called {name!r}; the nearest name is {near!r}, "
            f"all are: {', '.join(PROFILES)}"
        ) from None
