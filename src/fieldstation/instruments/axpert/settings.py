"""Setting commands of PI30, checked before anything is sent (PI30 sheet, sections 6.1 to 6.4).

1. Pure: a checked command is text; nothing here sends it. What is not in the table is refused.
2. A command has no blank, no control character, no `(`, nothing but ASCII, and at most 21 bytes
   (test_what_could_break_the_frame_is_refused).
3. Voltages have two digits, a point and the decimals of the table, and lie in the range of the
   unit's voltage class; without a known class no voltage is accepted
   (test_a_voltage_of_another_class_is_refused).
4. A charging current must be one that the unit itself listed (`allowed`), and is written in the
   form that every firmware reads alike (test_the_ambiguous_current_is_refused).
5. Factory reset, calibration and erasing (section 6.3, class E, and PF) are not offered.
   (test_what_cannot_be_undone_is_not_offered)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from fieldstation.errors import CodecError
from fieldstation.instruments.axpert.frame import encode_request

LONGEST = 21


@dataclass(frozen=True, slots=True)
class Limits:
    """What a setting is checked against: the unit's voltage class (12, 24 or 48; 0: unknown) and
    the charging currents that it listed, in A (None: never asked).
    """

    battery_class: int = 0
    allowed_a: Collection[int] | None = None


OPEN = Limits()
"""Of a unit that nobody has asked yet."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One command: the argument's form, the values inside that form, where a reading tells the
    result (query and channel, as far as one does), and the danger class of section 6.3.
    """

    name: str
    form: str
    check: Callable[[str, Limits], str]
    query: str
    channel: str
    danger: str


def refuse(command: str, why: str) -> CodecError:
    """The error for a command that must not be sent."""
    return CodecError("invalid_argument", f"{command!r} is not sent: {why}")


def checked(command: str, limits: Limits = OPEN) -> Setting:
    """The setting that `command` makes, when it may be sent to a unit with these limits. Raises
    CodecError `invalid_argument` with the reason.
    """
    if not (command.isascii() and command.isprintable()) or re.search(r"[ (]", command):
        raise refuse(command, "it holds a character that no command has")
    if len(command) > LONGEST:
        raise refuse(command, f"it is longer than {LONGEST} bytes")
    setting, argument = _split(command)
    if not re.fullmatch(setting.form, argument):
        raise refuse(command, f"the argument of {setting.name} has the form {setting.form}")
    if why := setting.check(argument, limits):
        raise refuse(command, why)
    return setting


def encode_setting(command: str, limits: Limits) -> bytes:
    """The frame of a setting that may be sent. Raises as `checked`."""
    checked(command, limits)
    return encode_request(command)


def _split(command: str) -> tuple[Setting, str]:
    """The setting that a command names, the longest name first, and its argument."""
    for setting in SETTINGS:
        if command.startswith(setting.name):
            return setting, command[len(setting.name) :]
    raise refuse(command, "no setting of that name is offered")


def _any(_argument: str, _limits: Limits) -> str:
    return ""


def _steps(low: int, high: int, step: int, *also: int) -> Callable[[str, Limits], str]:
    """Whole numbers from `low` to `high` in steps."""

    def check(argument: str, _limits: Limits) -> str:
        number = int(argument)
        good = number in also or (low <= number <= high and (number - low) % step == 0)
        return "" if good else f"it takes {low} to {high} in steps of {step}"

    return check


Range = tuple[str, str, str]
"""Lowest, highest, step, in V."""


def _volts(*ranges: Range, zero: bool = False) -> Callable[[str, Limits], str]:
    """Voltages of the classes 12, 24 and 48 V; `zero` says that 00.0 has a meaning of its own."""

    def check(argument: str, limits: Limits) -> str:
        if limits.battery_class not in CLASSES:
            return "the voltage class of the battery is not known"
        low, high, step = map(Decimal, ranges[CLASSES.index(limits.battery_class)])
        volts = Decimal(argument)
        if (zero and volts == 0) or (low <= volts <= high and (volts - low) % step == 0):
            return ""
        return f"a {limits.battery_class} V unit takes {low} to {high} V in steps of {step} V"

    return check


def _listed_volts(twelve: str, *ranges: Range, zero: bool = False) -> Callable[[str, Limits], str]:
    """As `_volts`; a 12 V unit takes the listed values only."""
    others = _volts(("0", "0", "1"), *ranges, zero=zero)

    def check(argument: str, limits: Limits) -> str:
        if limits.battery_class != 12:
            return others(argument, limits)
        return "" if argument in twelve.split() else f"a 12 V unit takes {twelve} V"

    return check


def _amps(argument: str, limits: Limits) -> str:
    """A current of section 5.9 of unit 0, in a form that old and new firmware read alike."""
    if argument[0] != "0":
        return "units read this form in two ways; send 100 A and more by MNCHGC"
    return _listed(argument, limits)


def _listed(argument: str, limits: Limits) -> str:
    """A current on the unit's own list."""
    if limits.allowed_a is None:
        return "the unit was not asked yet which currents it takes"
    listed = ", ".join(map(str, sorted(limits.allowed_a)))
    return "" if int(argument) in limits.allowed_a else f"the unit takes {listed} A"


def _unit_amps(argument: str, limits: Limits) -> str:
    """Unit digit and three digits."""
    return _listed(argument[1:], limits)


def _switches_of_charge(argument: str, _limits: Limits) -> str:
    return "001 has no meaning (section 6.4)" if argument == "001" else ""


def _date(argument: str, _limits: Limits) -> str:
    try:
        datetime.strptime(argument, "%y%m%d%H%M%S")  # noqa: DTZ007 - the unit's own zone
    except ValueError:
        return "it is no date"
    return ""


def _color(argument: str, _limits: Limits) -> str:
    parts = [int(argument[at : at + 3]) for at in (1, 4, 7)]
    return "" if max(parts) <= 255 else "a colour has parts from 0 to 255"


CLASSES = (12, 24, 48)
_PBCV_12 = "11.0 11.3 11.5 11.8 12.0 12.3 12.5 12.8"
_PBDV_12 = "00.0 12.0 12.3 12.5 12.8 13.0 13.3 13.5 13.8 14.0 14.3 14.5"
_CHARGING = (("12.0", "14.6", "0.1"), ("24.0", "29.2", "0.1"), ("48.0", "58.4", "0.1"))
_CUT_OFF = (("10.0", "12.0", "0.1"), ("20.0", "24.0", "0.1"), ("40.0", "48.0", "0.1"))
_EQUALIZE = (("12.00", "15.75", "0.01"), ("24.00", "31.50", "0.01"), ("48.00", "61.00", "0.01"))
_V = r"\d\d\.\d"

SETTINGS: tuple[Setting, ...] = tuple(
    sorted(
        (
            Setting("POP", "0[0-2]", _any, "QPIRI", "output_source_priority", "B"),
            Setting("PCP", "0[0-3]", _any, "QPIRI", "charger_source_priority", "B"),
            Setting("PGR", "0[01]", _any, "QPIRI", "input_voltage_range", "B"),
            Setting("PBT", "0[0-9]", _any, "QPIRI", "battery_type", "C"),
            Setting(
                "PBCV", _V,
                _listed_volts(_PBCV_12, ("22.0", "25.5", "0.5"), ("44.0", "51.0", "1.0")),
                "QPIRI", "battery_recharge_voltage", "C",
            ),
            Setting(
                "PBDV", _V,
                _listed_volts(
                    _PBDV_12, ("24.0", "29.0", "0.5"), ("48.0", "58.0", "1.0"), zero=True
                ),
                "QPIRI", "battery_redischarge_voltage", "C",
            ),
            Setting("PSDV", _V, _volts(*_CUT_OFF), "QPIRI", "battery_under_voltage", "C"),
            Setting("PCVV", _V, _volts(*_CHARGING), "QPIRI", "battery_bulk_voltage", "C"),
            Setting("PBFT", _V, _volts(*_CHARGING), "QPIRI", "battery_float_voltage", "C"),
            Setting("PCVT", r"\d{3}", _steps(0, 900, 5, 255), "QPIRI", "max_cv_charging_time", "C"),
            Setting("MCHGC", r"\d{3}", _amps, "QPIRI", "max_charging_current", "C"),
            Setting("MNCHGC", r"\d{4}", _unit_amps, "QPIRI", "max_charging_current", "C"),
            Setting("MUCHGC", r"\d{3,4}", _amps, "QPIRI", "max_ac_charging_current", "C"),
            Setting(
                "PBATMAXDISC", r"\d{3}", _steps(30, 150, 1, 0),
                "QPIRI", "max_discharging_current", "C",
            ),
            Setting("PBEQE", "[01]", _any, "QBEQI", "equalization_enabled", "C"),
            Setting("PBEQT", r"\d{3}", _steps(5, 900, 5), "QBEQI", "equalization_time", "C"),
            Setting("PBEQP", r"\d{3}", _steps(0, 90, 1), "QBEQI", "equalization_period", "C"),
            Setting(
                "PBEQV", r"\d\d\.\d\d", _volts(*_EQUALIZE), "QBEQI", "equalization_voltage", "C"
            ),
            Setting("PBEQOT", r"\d{3}", _steps(5, 900, 5), "QBEQI", "equalization_over_time", "C"),
            Setting("PBEQA", "[01]", _any, "QBEQI", "equalization_active", "C"),
            Setting("PSPB", "[01]", _any, "QPIRI", "pv_power_balance", "B"),
            Setting("PPVOKC", "[01]", _any, "QPIRI", "pv_ok_condition", "B"),
            Setting("POPLG", "0[0-2]", _any, "QPIRI", "operation_logic", "B"),
            # Some letters are of class A only (buzzer, light); the stricter holds for all.
            Setting("PE", "[abdjkluvxyz]", _any, "QFLAG", "", "B"),
            Setting("PD", "[abdjkluvxyz]", _any, "QFLAG", "", "B"),
            Setting("F", "50|60", _any, "QPIRI", "ac_output_rating_frequency", "D"),
            Setting(
                "V", "220|230|240|110|120|127", _any, "QPIRI", "ac_output_rating_voltage", "D"
            ),
            Setting("POPM", "0[0-7]", _any, "QPIRI", "output_mode", "D"),
            Setting("PBATCD", "[01]{3}", _switches_of_charge, "QBATCD", "", "D"),
            Setting("DAT", r"\d{12}", _date, "QT", "", "A"),
            Setting("PLEDE", "[01]", _any, "QLED", "led_enabled", "A"),
            Setting("PLEDS", "[012]", _any, "QLED", "led_speed", "A"),
            Setting("PLEDM", "[023]", _any, "QLED", "led_effect", "A"),
            Setting("PLEDB", "[1-9]", _any, "QLED", "led_brightness", "A"),
            Setting("PLEDT", "[23]", _any, "QLED", "led_colors", "A"),
            Setting("PLEDC", r"[123]\d{9}", _color, "QLED", "", "A"),
        ),
        key=lambda setting: -len(setting.name),
    )
)  # fmt: skip
"""Every setting that is offered, longer names first."""
