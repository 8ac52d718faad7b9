"""Requests to a TriStar MPPT by name, and what their replies hold."""

from __future__ import annotations

from typing import Any

from fieldstation.errors import CodecError, InstrumentRefused
from fieldstation.instruments.tristar_mppt import channels
from fieldstation.instruments.tristar_mppt.forms import USUAL
from fieldstation.instruments.tristar_mppt.registers import decode_words, scale_of
from fieldstation.instruments.tristar_mppt.scaling import SYSTEMS
from fieldstation.model import Value
from fieldstation.protocol.modbus import (
    Identification,
    ReadBits,
    ReadIdentity,
    ReadWords,
    Request,
    Rtu,
    WriteBit,
    WriteWord,
    decode_request,
)

# Sections 1, 4 and 5. Input and holding registers are the same memory; the vendor's examples read
# RAM as input and EEPROM as holding registers, and so does this.
SCALE = ReadWords(0x0000, 5)
LIVE = ReadWords(0x0000, 80)
# Scaling terms, firmware and, as the last word, the battery voltage.
BATTERY = ReadWords(0x0000, 0x19)
CONTROL = ReadWords(0x0058, 4)
SETTINGS = ReadWords(0xE000, 34, 3)
STORED = ReadWords(0xE080, 13, 3)
IDENTITY = ReadWords(0xE0C0, 14, 3)

REQUESTS: dict[str, ReadWords] = {
    **{layout.name: LIVE for layout in channels.LIVE},
    "settings": SETTINGS,
    "scaled_settings": SETTINGS,
    "stored": STORED,
    "control": CONTROL,
    "identity": IDENTITY,
    "scale": SCALE,
}
"""The read that brings the values of each layout, and of the identity."""

# Behind a name: the battery that settings act on, as in `settings@24`.
ON = "@"

# Objects of a device identification (section 2.3).
IDENTITY_TEXTS = {0: "vendor_name", 1: "product_code", 2: "revision"}


def request_named(name: str) -> Request[Any]:
    """The request called `name`: a name of REQUESTS, or an RTU request in hexadecimal, a battery
    behind it left out. Raises CodecError `unknown_command`.
    """
    base = name.partition(ON)[0]
    if base in REQUESTS:
        return REQUESTS[base]
    try:
        _unit, _number, pdu = Rtu().unseal(bytes.fromhex(base))
        return decode_request(pdu)
    except (ValueError, CodecError, InstrumentRefused) as error:
        raise CodecError(
            "unknown_command",
            f"{name!r} is neither an RTU request in hex nor one of {', '.join(REQUESTS)}",
        ) from error


def system_named(name: str) -> int | None:
    """The battery behind a name, in V; None when there is none. Raises CodecError
    `unknown_command`.
    """
    system = name.partition(ON)[2]
    if system and system not in map(str, SYSTEMS):
        raise CodecError(
            "unknown_command", f"no battery has {system!r} V; one of {SYSTEMS} may follow {ON!r}"
        )
    return int(system) if system else None


def guess(data: bytes) -> ReadWords:
    """The read that a reply of this size answers. Raises CodecError `unexpected_reply`."""
    for request in (LIVE, *REQUESTS.values()):
        pdu = data[1:-2]
        if pdu[:1] in (b"\x03", b"\x04") and len(pdu) == request.reply_size(pdu):
            return ReadWords(request.start, request.count, pdu[0])
    raise CodecError(
        "unexpected_reply", "no usual read has a reply of this size; name its request", data=data
    )


def reply_values(request: Request[Any], pdu: bytes) -> dict[str, Any]:
    """What a reply holds: registers by name, scaled and not rounded, or the bits, texts and echoes
    of the other functions. Raises CodecError, InstrumentRefused.
    """
    value = request.decode_reply(pdu)
    match request:
        case ReadWords(start):
            return dict(words_values(start, value))
        case ReadBits(start):
            return {"start": start, "coils": list(value)}
        case ReadIdentity():
            return dict(identity_texts(value))
        case WriteBit(address, on):
            return {"coil": address, "value": on}
        case WriteWord(address, word):
            return {"register": address, "value": word} | words_values(address, (word,))
    return {}


def words_values(start: int, words: tuple[int, ...]) -> dict[str, Value]:
    """Values of a block, scaled by its own terms if it holds them. Raises CodecError
    `implausible`.
    """
    own = start == 0 and len(words) >= 4
    return decode_words(start, words, scale_of(words) if own else USUAL)


def identity_texts(page: Identification) -> dict[str, Value]:
    """The three texts of a device identification by name."""
    return {
        name: page.objects[number]
        for number, name in IDENTITY_TEXTS.items()
        if number in page.objects
    }
