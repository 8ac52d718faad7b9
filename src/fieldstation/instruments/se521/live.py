"""What a reply to A says (SE521 sheet, sections 6 and 7), and rules where the sheet is not sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fieldstation.instruments.se521.channels import INPUTS, MAX_MIN, THERMOCOUPLES
from fieldstation.model import Value

T1_AT, DIFFERENCE_AT = 9, 17
# Bits of byte 2 that say "shown without decimal": of T1, the others follow, and of T1-T2.
WHOLE_T1_BIT, WHOLE_DIFFERENCE_BIT = 2, 6
FLAGS_2 = (
    "alarm", "over_temperature", "under_temperature", "recording", "memory_full", "hold",
    "max_min_mode", "bluetooth",
)  # fmt: skip
# Modes in which the display, and so the reply, does not follow the probes (section 7).
FROZEN = ("hold", "recall_mode", "max_min_mode")


@dataclass(frozen=True, slots=True)
class Rules:
    """How to read what the sheet is not sure about. The defaults are its own choice.

    `raw_unit`: `fahrenheit`, or `by_flag` for the unit on the display. `raw_step`: `tenths`, or
    `by_flag` for whole degrees where the display shows no decimal. `signed`: whether values may be
    below zero. `flag_layout`: `s`, byte 6 marks faults and bit 0 is input 1; `o_comment`, it marks
    good inputs and bit 3 is input 1. `min_valid_f`: what is colder is no temperature, in °F.
    `difference_hides`: whether T3 and T4 are not measured in T1-T2 mode.
    """

    raw_unit: str = "fahrenheit"
    raw_step: str = "tenths"
    signed: bool = True
    flag_layout: str = "s"
    min_valid_f: float = -200.0
    difference_hides: bool = True


USUAL = Rules()


def decode_live(frame: bytes, rules: Rules = USUAL) -> dict[str, Any]:
    """All that is in 64 bytes, right or not; temperatures in °C, unrounded."""
    flags_1, flags_2, kind, probe, byte6 = frame[2:7]
    second = {name: bool(flags_2 >> bit & 1) for bit, name in enumerate(FLAGS_2)}
    found: dict[str, Any] = {
        "counter": frame[61],
        "battery_level": frame[1],
        "display_unit": "C" if flags_1 & 0x80 else "F",
        "t1_minus_t2_mode": bool(flags_1 & 1),
        "recall_mode": bool(flags_1 & 2),
        "one_degree_range": [bool(flags_1 >> WHOLE_T1_BIT + at & 1) for at in range(len(INPUTS))],
        **second,
        "max_min_kind": MAX_MIN.get(kind) if second["max_min_mode"] else None,
        "thermocouple_type": THERMOCOUPLES.get(probe),
        "status_byte6": byte6,
    }
    found["live"] = not any(found[name] for name in FROZEN)
    found["channels"] = [_channel(frame, number, found, rules) for number in INPUTS]
    return found


def _raw(frame: bytes, at: int, *, signed: bool) -> int:
    return int.from_bytes(frame[at : at + 2], "big", signed=signed)


def _tenths(raw: int, whole: bool, rules: Rules) -> int:
    """A value of the wire in tenths of its degree; `whole` when the display shows no decimal."""
    return raw * 10 if whole and rules.raw_step == "by_flag" else raw


def _channel(frame: bytes, number: int, found: dict[str, Any], rules: Rules) -> dict[str, Any]:
    raw = _raw(frame, T1_AT + 2 * (number - 1), signed=rules.signed)
    tenths = _tenths(raw, found["one_degree_range"][number - 1], rules)
    metric = _metric(found, rules)
    celsius = tenths / 10 if metric else (tenths - 320) / 18
    fahrenheit = tenths * 9 / 50 + 32 if metric else tenths / 10
    overload, unplugged = _open(found["status_byte6"], number, rules)
    hidden = found["t1_minus_t2_mode"] and number > 2 and rules.difference_hides
    reason = _reason(hidden, overload, unplugged)
    if reason is None and fahrenheit < rules.min_valid_f:
        reason = "below_minus_200F"
    return {
        "channel": number,
        "raw": raw,
        "fahrenheit": fahrenheit,
        "celsius": celsius,
        "overload": overload,
        "unplugged": unplugged,
        "value_c": None if reason else celsius,
        "reason": reason,
    }


def _metric(found: dict[str, Any], rules: Rules) -> bool:
    """Whether the wire carries degrees Celsius."""
    return rules.raw_unit == "by_flag" and found["display_unit"] == "C"


def _open(byte6: int, number: int, rules: Rules) -> tuple[bool, bool]:
    """Whether an input is over range, and whether it has no probe."""
    if rules.flag_layout == "o_comment":
        return False, not byte6 >> 4 - number & 1
    return bool(byte6 >> number - 1 & 1), bool(byte6 >> number + 3 & 1)


def _reason(hidden: bool, overload: bool, unplugged: bool) -> str | None:
    if overload:
        return "overload"
    if unplugged:
        return "unplugged"
    return "difference_mode" if hidden else None


def kept(frame: bytes, rules: Rules = USUAL) -> dict[str, Value]:
    """The channels of one reply. Its steps are 0.1 °F, so three decimals lose nothing."""
    found = decode_live(frame, rules)
    values: dict[str, Value] = {"samples": 1}
    for row in found["channels"]:
        celsius = row["value_c"]
        values[f"temperature_{row['channel']}"] = None if celsius is None else round(celsius, 3)
        values[f"input_{row['channel']}_state"] = row["reason"] or "ok"
    values["temperature_difference"] = _difference(frame, found, rules)
    plain = ("battery_level", "display_unit", "t1_minus_t2_mode", "recall_mode", *FLAGS_2)
    more = ("max_min_kind", "thermocouple_type", "status_byte6", "live")
    return values | {name: found[name] for name in (*plain, *more)}


def _difference(frame: bytes, found: dict[str, Any], rules: Rules) -> float | None:
    """T1 minus T2 in kelvin, which the reply holds in that mode only."""
    if not found["t1_minus_t2_mode"] or any(row["reason"] for row in found["channels"][:2]):
        return None
    raw = _raw(frame, DIFFERENCE_AT, signed=True)
    tenths = _tenths(raw, bool(frame[2] >> WHOLE_DIFFERENCE_BIT & 1), rules)
    return round(tenths / (10 if _metric(found, rules) else 18), 3)
