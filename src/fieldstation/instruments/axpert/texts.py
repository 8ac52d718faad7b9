"""Replies that are no rows of tokens: identity, switches, lists, clock (PI30 sheet, section 5).

Each decoder takes the text between `(` and the CRC and gives values by channel name. All raise
CodecError, `field_count` or `bad_field`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.axpert.tokens import bad_field

FLAGS = {
    "a": "buzzer",
    "b": "overload_bypass",
    "d": "solar_feed_to_grid",
    "j": "power_saving",
    "k": "lcd_escape_to_default",
    "l": "data_log_popup",
    "u": "overload_restart",
    "v": "over_temperature_restart",
    "x": "backlight",
    "y": "primary_source_interrupt_alarm",
    "z": "fault_code_record",
}
"""Letter of each switch in QFLAG, PE and PD (section 5.8)."""

LETTERS = {name: letter for letter, name in FLAGS.items()}

Texts = Callable[[str], dict[str, Any]]


def _plain(name: str, pattern: str) -> Texts:
    def decode(text: str) -> dict[str, Any]:
        value = text.strip()
        if not re.fullmatch(pattern, value):
            raise bad_field(name, value)
        return {name: value}

    return decode


def _version(text: str) -> dict[str, Any]:
    """What stands behind the first colon (section 5.10)."""
    before, colon, after = text.partition(":")
    if not colon or not before.startswith("VERFW"):
        raise bad_field("firmware_version", text)
    return {"firmware_version": after.strip()}


def _long_serial(text: str) -> dict[str, Any]:
    """Two digits say how many of the 20 characters that follow are the serial number."""
    if not re.fullmatch(r"\d\d\w{20,40}", text.strip()):
        raise bad_field("serial_number", text)
    length, rest = int(text[:2]), text[2:].strip()
    if length > len(rest):
        raise CodecError("field_count", f"QSID promises {length} characters and has {len(rest)}")
    return {"serial_length": length, "serial_number": rest[:length]}


def _flags(text: str) -> dict[str, Any]:
    """Flags are lower case in every capture; documents print them in upper case too."""
    found = re.fullmatch(r"E([a-zABJ-NU-Z]*)D([a-zABJ-NU-Z]*)", text.strip())
    if found is None:
        raise bad_field("flags", text)
    on, off = (letters.lower() for letters in found.groups())
    states = dict.fromkeys(on, True) | dict.fromkeys(off, False)
    return {"flags": {FLAGS.get(letter, f"flag_{letter}"): on for letter, on in states.items()}}


def encode_flags(switches: Mapping[str, bool]) -> str:
    """`E` and the letters that are on, `D` and the letters that are off."""
    letters = {LETTERS[name]: on for name, on in sorted(switches.items(), key=_by_letter)}
    on = "".join(letter for letter, state in letters.items() if state)
    off = "".join(letter for letter, state in letters.items() if not state)
    return f"E{on}D{off}"


def _by_letter(switch: tuple[str, bool]) -> str:
    return LETTERS[switch[0]]


def _options(text: str) -> dict[str, Any]:
    return {"options": [_number("options", token) for token in text.split()]}


def _hours(text: str) -> dict[str, Any]:
    numbers = [_number("hours", token) for token in text.split()]
    if len(numbers) < 28:
        raise CodecError("field_count", f"a day's plan has 28 tokens, not {len(numbers)}")
    return {"hours": numbers[:24], "current": numbers[24], "order": numbers[25:28]}


def _clock(text: str) -> dict[str, Any]:
    try:
        moment = datetime.strptime(text.strip(), "%Y%m%d%H%M%S")  # noqa: DTZ007 - unit's own zone
    except ValueError as error:
        raise bad_field("device_time", text) from error
    return {"device_time": moment.isoformat()}


def _led(text: str) -> dict[str, Any]:
    """Colours come glued together or one by one (section 5.16)."""
    tokens = text.split()
    if len(tokens) < 6:
        raise CodecError("field_count", f"QLED answers with 6 tokens or more, not {len(tokens)}")
    enabled, speed, effect, brightness, count = (_number("led", token) for token in tokens[:5])
    colors = "".join(tokens[5:])
    if not re.fullmatch(r"(\d{9})+", colors):
        raise bad_field("led_rgb", colors)
    parts = [int(colors[at : at + 3]) for at in range(0, len(colors), 3)]
    return {
        "led_enabled": enabled != 0,
        "led_speed": speed,
        "led_effect": effect,
        "led_brightness": brightness,
        "led_colors": count,
        "led_rgb": [parts[at : at + 3] for at in range(0, len(parts), 3)],
    }


def _number(name: str, token: str) -> int:
    if not re.fullmatch(r"\d{1,6}", token):
        raise bad_field(name, token)
    return int(token)


TEXTS: dict[str, Texts] = {
    "QPI": _plain("protocol_id", r"PI\d\d"),
    "QID": _plain("serial_number", r"\w{1,40}"),
    "QSID": _long_serial,
    "QVFW": _version,
    "QVFW2": _version,
    "QVFW3": _version,
    "QVFW4": _version,
    "VERFW:": _version,
    "QMN": _plain("model_name", r"[!-~][ -~]{0,39}"),
    "QGMN": _plain("general_model", r"\w{1,10}"),
    "QFLAG": _flags,
    "QMCHGCR": _options,
    "QMUCHGCR": _options,
    "QMSCHGCR": _options,
    "QOPPT": _hours,
    "QCHPT": _hours,
    "QT": _clock,
    "QLED": _led,
}
"""Decoder of each query whose reply is no row of tokens; QPIWS is in `warning_bits`."""
