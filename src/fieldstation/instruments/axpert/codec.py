"""The door to PI30 for everything that is no driver: vectors, captures, the conformance kit.

`decode_frame` and `decode_vector` give the plain dictionary of section 12 of the PI30 sheet,
`read_frame` the values that are kept, `encode_frame` what a unit would send.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fieldstation.errors import CodecError, InstrumentRefused
from fieldstation.instruments.axpert import queries
from fieldstation.instruments.axpert.form import Form
from fieldstation.instruments.axpert.frame import (
    FRAME_LIMIT,
    REPLY_END,
    encode_reply,
    open_reply,
)
from fieldstation.instruments.axpert.kept import kept
from fieldstation.instruments.axpert.reply import ARGUMENTS, decode_reply, form_of, is_query, split
from fieldstation.instruments.axpert.settings import Limits, checked
from fieldstation.model import Channel, Kind, Value
from fieldstation.model.talk import FrameEnd

__all__ = [
    "CHECKED", "FRAMES", "FRAME_LIMIT", "decode_frame", "decode_vector", "encode_frame",
    "frame_end", "frame_of_text", "guess", "read_frame", "vector_frame",
]  # fmt: skip

CHECKED = True
"""Replies carry a checksum."""


def frame_end(_command: str) -> FrameEnd:
    """Where the reply to a command ends: at CR, whatever was asked."""
    return REPLY_END


def decode_frame(command: str, data: bytes) -> dict[str, Any]:
    """Values of the reply to `command` as section 12 of the sheet shapes them.

    With an empty command the query is guessed by shape and named under `command`. Raises
    CodecError with the kinds of section 3.5 and InstrumentRefused (`nak`, `echo`).
    """
    if command:
        return decode_reply(command, data).values
    guessed = guess(data)
    return {"command": guessed} | decode_reply(guessed, data).values


def frame_of_text(text: str) -> bytes:
    """The frame that a person copied as text; the checksum and the end are added where the copy
    lost them.
    """
    if text.startswith("(") and text.isascii() and not text.endswith("\r"):
        return encode_reply(text[1:])
    return text.encode("latin-1", "replace")


def read_frame(command: str, data: bytes) -> dict[str, Value]:
    """Values of the reply to `command` by the names they are kept under. Raises as
    `decode_frame`.
    """
    return kept(decode_reply(command, data))


def decode_vector(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The `decoded` of one vector. Raises as `decode_frame`; for an entry without a reply what its
    setting is refused for before anything is sent (`invalid_argument`), else `unsupported`.
    """
    if entry.get("response_hex") is None and not is_query(str(entry.get("command") or "Q")):
        allowed = entry.get("allowed_currents")
        checked(str(entry["command"]), Limits(int(entry.get("battery_class") or 0), allowed))
    return decode_frame(*vector_frame(entry))


def vector_frame(entry: Mapping[str, Any]) -> tuple[str, bytes]:
    """The `command` of one vector and the bytes of its `response_hex`. Raises CodecError
    (`unsupported`, `bad_hex`) for an entry that has none.
    """
    command = str(entry.get("command") or "")
    if entry.get("response_hex") is None:
        raise CodecError("unsupported", f"the entry for {command!r} has no reply to decode")
    try:
        return command, bytes.fromhex(entry["response_hex"])
    except (TypeError, ValueError) as error:
        raise CodecError("bad_hex", "response_hex of the entry is no hexadecimal text") from error


# Queries whose replies tell themselves apart, the pickiest first.
_GUESSES = (
    "QPIGS", "QDI", "QPIRI", "QPGS0", "QP2GS0", "QPIGS2", "QBMS", "Q1", "QBEQI",
)  # fmt: skip
_GUESSED_TEXTS = (
    "QPI", "QVFW", "QFLAG", "QPIWS", "QMOD", "QT", "QSID", "QLED", "QCHPT", "QMCHGCR", "QET",
    "QID", "QMN",
)  # fmt: skip


def guess(data: bytes) -> str:
    """The query that a reply most likely answers; several share a shape, then the usual one.

    Raises CodecError `unexpected_reply` when none fits, and as `decode_frame`.
    """
    tokens = open_reply(data).split()
    for command in (*_GUESSES, *_GUESSED_TEXTS):
        try:
            decode_reply(command, data)
        except (CodecError, InstrumentRefused):
            continue
        if command in _GUESSED_TEXTS or _has_points_of(command.rstrip("0"), tokens):
            return command
    raise CodecError("unexpected_reply", "the reply looks like that of no known query", data=data)


def _has_points_of(name: str, tokens: list[str]) -> bool:
    return form_of(name, tokens).looks_like(tokens)


def encode_frame(command: str, values: Mapping[str, Value]) -> bytes:
    """The frame in which a unit reports `values` in answer to a query of the tables. Raises
    CodecError `field_count` when no form of the query holds all of them.
    """
    name, _argument = split(command)
    for form in queries.TABLES.get(name, ()):
        count = _tokens_for(form, values)
        if count is not None:
            return encode_reply(form.encode(values, count, {}))
    raise CodecError("field_count", f"no reply to {command} holds {', '.join(values)}")


def _tokens_for(form: Form, values: Mapping[str, Value]) -> int | None:
    """How many tokens it takes to say all values, None when the form cannot."""
    owners = {word.lstrip("!"): at for at, field in enumerate(form.fields) for word in field.bits}
    owners |= {field.name: at for at, field in enumerate(form.fields)}
    if not values.keys() <= owners.keys():
        return None
    return max([form.least, *(owners[name] + 1 for name in values)])


# An argument of each form that queries ask for.
_ARGUMENTS = {r"": "", r"\d": "0", r"\d{4}": "2026", r"\d{6}": "202606", r"\d{8}": "20260615"}


def _frames() -> Iterator[tuple[str, tuple[Channel, ...]]]:
    for name, forms in queries.TABLES.items():
        command = name + _ARGUMENTS[ARGUMENTS.get(name, "")]
        yield from ((command, tuple(_carried(form))) for form in forms)


def _carried(form: Form) -> Iterator[Channel]:
    """Channels of a form, each with the decimals that its token can carry."""
    for field in form.fields:
        decimals = len(field.mask.partition(".")[2])
        for channel in field.channels():
            if channel.kind is Kind.NUMBER and field.scale == 1:
                yield replace(channel, decimals=decimals)
            else:
                yield channel


FRAMES = tuple(_frames())
"""Queries that `encode_frame` can answer, each with the channels that its reply carries."""
