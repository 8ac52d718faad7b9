"""A decoded reply: the command, its text, and the values in the words of the PI30 sheet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.axpert import queries
from fieldstation.instruments.axpert.form import Form, labelled, pick
from fieldstation.instruments.axpert.frame import ACK, open_reply
from fieldstation.instruments.axpert.texts import TEXTS
from fieldstation.instruments.axpert.tokens import bad_field
from fieldstation.instruments.axpert.warning_bits import decode_warnings

ARGUMENTS = {
    "QPGS": r"\d",
    "QP2GS": r"\d",
    "QEY": r"\d{4}",
    "QEM": r"\d{6}",
    "QED": r"\d{8}",
    "QLY": r"\d{4}",
    "QLM": r"\d{6}",
    "QLD": r"\d{8}",
}
"""Form of the argument of the queries that have one."""

QUERIES = tuple(sorted({*queries.TABLES, *TEXTS, "QPIWS"}, key=len, reverse=True))
"""Every query known, longer names first so that QPIGS2 is not taken for QPIGS."""

LV5048 = "lv5048"
KING = "king"
MAX48 = "max48"
"""Dialects that a reply itself does not tell: LV5048 gives status bits another meaning, all three
some of the warnings.
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a unit said to `command`. `values` as section 12 of the sheet shapes them, `text` as
    it came.
    """

    command: str
    text: str
    values: dict[str, Any]

    @property
    def tokens(self) -> list[str]:
        """Words of the text."""
        return self.text.split()


def split(command: str) -> tuple[str, str]:
    """A command as query and argument; `("", command)` when it is no known query."""
    for name in QUERIES:
        if command.startswith(name) and re.fullmatch(ARGUMENTS.get(name, ""), command[len(name) :]):
            return name, command[len(name) :]
    return "", command


def is_query(command: str) -> bool:
    """Queries begin with Q; only the Bluetooth version is asked otherwise."""
    return command.startswith("Q") or command == "VERFW:"


def decode_reply(command: str, data: bytes, dialect: str = "") -> Reply:
    """The reply to `command` in the bytes received. Raises CodecError with the kinds of section
    3.5, `invalid_argument` for a command that no unit knows, and InstrumentRefused (`nak`, `echo`).
    """
    if not command.isascii():
        raise CodecError("invalid_argument", f"{command!r} is no command: it is not plain ASCII")
    text = open_reply(data, command)
    return Reply(command, text, _decode_text(command, text, dialect))


def _decode_text(command: str, text: str, dialect: str) -> dict[str, Any]:
    name, _argument = split(command)
    # Some MAX firmware accepts QBMS without an answer (section 3.5, step 9).
    if text == ACK and (not is_query(command) or name == "QBMS"):
        return {"ack": True}
    if text == ACK or not is_query(command):
        raise CodecError("unexpected_reply", f"{command} was answered with {text[:20]!r}")
    if name in TEXTS:
        return TEXTS[name](text)
    if name == "QPIWS":
        bits, faults, warnings = decode_warnings(text, dialect)
        return {"warning_bits": bits, "faults": faults, "warnings": warnings}
    if name in queries.TABLES:
        return _decode_table(name, text.split(), dialect)
    return {"tokens": text.split()}


def _decode_table(name: str, tokens: list[str], dialect: str) -> dict[str, Any]:
    form = form_of(name, tokens, dialect)
    values: dict[str, Any] = form.decode(tokens)
    if name == "QMOD" and not re.fullmatch("[A-Z]", tokens[0]):
        raise bad_field("device_mode", tokens[0])
    if name == "QPIGS" and values.get("device_status") is not None:
        values["charge_sources"] = _charge_sources(values)
    if "parallel_field_raw" in values:
        values["parallel_unit_exists"] = set(tokens[0]) != {"0"}
    extra = tokens[len(form.fields) :]
    return labelled(values) | ({"extra_fields": extra} if extra else {})


def form_of(name: str, tokens: list[str], dialect: str = "") -> Form:
    """The form that a reply to the query `name` has. Raises CodecError `field_count`."""
    if name == "QPIGS" and dialect == LV5048:
        return pick((queries.QPIGS_SPLIT_PHASE,), tokens, name)
    if name == "QDI" and len(tokens) == 27 and len(tokens[26]) == 1:
        return queries.QDI_KING
    return pick(queries.TABLES[name], tokens, name)


def _charge_sources(values: dict[str, Any]) -> list[str]:
    """Sources that charge the battery, `ac` before `solar` (section 5.1)."""
    flags = {"ac": "ac_charging_on", "solar": "scc_charging_on"}
    if not values.get("charging_on", True):
        return []
    return [source for source, flag in flags.items() if values.get(flag)]
