"""Documents as tables and warnings, whatever they hold. Pure.

1. Any document gives tables; a missing or strange section is left out
   (test_no_document_breaks_a_page).
2. Sections come in the order of the sheet (A.4), both key styles in one place, unknown ones last.
3. A value with a unit is shown as "value unit", also when it is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ORDER = (
    "Battery Balancing Rate Summary", "Battery Balancing Rate Detail", "Battery Charge",
    "Battery Module Temperature Summary", "Battery Module Temperature Detail",
    "Battery Cell Temperature Summary", "Battery Cell Temperature Detail",
    "BatteryVoltageSummary", "BatteryVoltageDetail", "CANDevicesStatus", "ReceivedCANMessages",
    "ChargerStatus", "CurrentAndVoltage", "Distance And Energy", "Input Pins", "Events Log",
    "OutputPins", "Statistics", "BMS Status", "Time And Date", "Version Number",
)  # fmt: skip
PINS = frozenset(
    (
        "no_function", "speed_sensor", "fast_charge_switch", "ign_key", "charger_mains_AC_sense",
        "heater_enable", "sound_buzzer", "battery_low", "charging_indication",
        "charger_enable_output", "state_of_charge", "battery_contactor", "battery_fan",
        "current_sensor", "leakage_sensor", "power_reduction", "charging_interlock",
        "analog_charger_control", "ZVU_boost_charge", "ZVU_slow_charge", "ZVU_buffer_mode",
        "BMS_failure", "equalization_enable", "DCDC_control", "ESM_rectifier_current_limit",
        "contactor_precharge",
    )
)  # fmt: skip
_PLACES = {name.replace(" ", ""): place for place, name in enumerate(ORDER)}
_STAMPS = ("unix timestamp", "timestamp")
# Flags that say that all is well; the others are complaints when they are true.
_WELL = ("valid", "battery charging finished")
DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Table:
    """A heading and rows of (name, value as text)."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Banner:
    """A warning for the home page; `level` is warning or danger."""

    level: str
    text: str


def tables(document: Mapping[str, Any], *, ordered: bool = False) -> list[Table]:
    """A table for each section that is an object, those inside it after it."""
    names = list(document)
    if ordered:
        names.sort(key=lambda name: _PLACES.get(name.replace(" ", ""), len(ORDER)))
    return [
        table
        for name in names
        if isinstance(document[name], dict)
        for table in _section(name.strip(), document[name])
    ]


def section(document: Mapping[str, Any], name: str) -> Table | None:
    """The table of one section, None where the document lacks it."""
    part = document.get(name)
    return next(_section(name, part), None) if isinstance(part, dict) else None


def flat(document: Mapping[str, Any]) -> Table:
    """The whole document as one table, names of what is inside joined with dots."""
    return Table("", tuple(_flat(document, "", 0)))


def pins(document: Mapping[str, Any]) -> list[str]:
    """The pins that are connected."""
    status = _status(document)
    told = status.get("Pins Connected")
    if isinstance(told, str):
        return [pin.strip() for pin in told.split(",") if pin.strip()]
    return [name.strip() for name, on in status.items() if on is True and name.strip() in PINS]


def banners(bms: Mapping[str, Any], tristar: Mapping[str, Any]) -> list[Banner]:
    """What needs attention, in the order of the old home page."""
    found = [*_tristar(tristar), *_bms(_status(bms))]
    return [banner for banner in found if banner is not None]


def _tristar(document: Mapping[str, Any]) -> Iterator[Banner | None]:
    status = document.get("Status")
    status = status if isinstance(status, dict) else {}
    yield _banner("warning", "Tristar Alarms: ", status.get("alarms"))
    yield _banner("danger", "Tristar Faults: ", status.get("faults"))


def _bms(status: Mapping[str, Any]) -> Iterator[Banner | None]:
    told = {"Status Errors": "warning", "Power Errors": "danger", "Protection Errors": "danger"}
    if any(name in status for name in told):
        for name, level in told.items():
            yield _banner(level, "BMS ERROR: ", status.get(name))
        return
    flags = [name.strip() for name, on in status.items() if on is True]
    errors = [name for name in flags if name not in PINS and not name.lower().startswith(_WELL)]
    yield _banner("danger", "BMS ERROR: ", ", ".join(errors))


def _banner(level: str, prefix: str, told: object) -> Banner | None:
    text = told.strip().rstrip(",") if isinstance(told, str) else ""
    return Banner(level, prefix + text) if text else None


def _status(document: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("BMS Status", "BMSStatus"):
        part = document.get(name)
        if isinstance(part, dict):
            return part
    return {}


def _section(title: str, part: Mapping[str, Any], depth: int = 0) -> Iterator[Table]:
    inside = {
        name: value
        for name, value in part.items()
        if isinstance(value, dict) and _measured(value) is None and depth < DEEPEST
    }
    rows = tuple((name.strip(), _text(name, part[name])) for name in part if name not in inside)
    yield Table(title, rows)
    for name, value in inside.items():
        yield from _section(f"{title} › {name.strip()}", value, depth + 1)


def _flat(part: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    for name, value in part.items():
        if isinstance(value, dict) and _measured(value) is None and depth < DEEPEST:
            yield from _flat(value, f"{prefix}{name}.", depth + 1)
        else:
            yield prefix + name, _text(name, value)


def _text(name: str, value: object) -> str:
    if isinstance(value, dict):
        return _measured(value) or str(value)
    if name in _STAMPS and isinstance(value, int) and not isinstance(value, bool):
        return _date(value)
    if value is None or value == "":
        return "–"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return str(value)


def _measured(value: Mapping[str, Any]) -> str | None:
    """The words of {value, unit}, None when it is something else."""
    unit = value.get("unit", value.get("units"))
    if "value" not in value or len(value) != 2 or not isinstance(unit, str | None):
        return None
    shown = "–" if value["value"] is None else str(value["value"])
    return f"{shown} {unit or ''}".rstrip()


def _date(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return str(seconds)
