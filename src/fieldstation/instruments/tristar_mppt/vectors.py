"""Vector entries of the TriStar MPPT (its sheet, section 12) and what they decode to. An RTU reply
with a `system_voltage` also gives the charge settings as they act on such a battery.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fieldstation.errors import CodecError, InstrumentRefused
from fieldstation.instruments.tristar_mppt import old
from fieldstation.instruments.tristar_mppt.forms import FORMS, Scale
from fieldstation.instruments.tristar_mppt.registers import REGISTERS, decode_words
from fieldstation.instruments.tristar_mppt.reply import (
    ON,
    reply_values,
    request_named,
    system_named,
)
from fieldstation.instruments.tristar_mppt.scaling import scaled
from fieldstation.instruments.tristar_mppt.values import shown
from fieldstation.model import Value
from fieldstation.protocol.modbus import Rtu, Tcp, decode_request

Entry = Mapping[str, Any]


def vector_frame(entry: Entry) -> tuple[str, bytes]:
    """Name and bytes of the RTU reply that an entry holds. Raises CodecError `no_frame`."""
    if entry.get("kind") != "rtu_frame":
        raise CodecError("no_frame", f"an entry of kind {entry.get('kind')!r} holds no RTU reply")
    system = f"{ON}{entry['system_voltage']}" if "system_voltage" in entry else ""
    return str(entry["request"]) + system, bytes.fromhex(entry["response"])


def decode_vector(entry: Entry) -> dict[str, Any]:
    """The `decoded` of one entry. Raises CodecError: that of the reply, or `bad_vector`."""
    decode = _KINDS.get(entry.get("kind", ""))
    if decode is None:
        raise CodecError("bad_vector", f"no entry is of kind {entry.get('kind')!r}")
    try:
        return decode(entry)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise CodecError(
            "bad_vector", f"entry {entry.get('id')!r} is not of the form of its kind: {error!r}"
        ) from error


def _scale(entry: Entry) -> Scale:
    terms = [FORMS["scale"].decode(entry[name], Scale(1, 1)) for name in ("v_pu", "i_pu")]
    return Scale(*(float(term or 0) for term in terms))


def _block(entry: Entry, block: Mapping[str, Any]) -> dict[str, Value]:
    return decode_words(block["start"], block["values"], _scale(entry))


def _registers(entry: Entry) -> dict[str, Any]:
    return shown(_block(entry, entry["registers"]))


def _rtu(entry: Entry) -> dict[str, Any]:
    name, data = vector_frame(entry)
    _unit, _number, pdu = Rtu().unseal(data)
    request = request_named(name)
    try:
        values = reply_values(request, pdu)
    except InstrumentRefused:
        return {"exception": pdu[1]}
    return _shown_reply(values | scaled(values, system_named(name)))


def _tcp(entry: Entry) -> dict[str, Any]:
    tcp = Tcp()
    _unit, asked, request = tcp.unseal(bytes.fromhex(entry["request"]))
    _unit, answered, pdu = tcp.unseal(bytes.fromhex(entry["response"]))
    if asked != answered:
        raise CodecError("wrong_number", "the reply answers another request")
    return _shown_reply(reply_values(decode_request(request), pdu))


def _shown_reply(values: Mapping[str, Any]) -> dict[str, Any]:
    registers = {register.name for register in REGISTERS}
    plain = {name: value for name, value in values.items() if name not in registers}
    return plain | shown({name: values[name] for name in values if name in registers})


def _encode(entry: Entry) -> dict[str, Any]:
    [register] = [each for each in REGISTERS if each.address == entry["register"]]
    words = register.form.encode(float(entry["physical"]), _scale(entry))
    return {"raw": words[0], "read_back": register.form.decode(words, _scale(entry))}


def _old_instantaneous(entry: Entry) -> dict[str, Any]:
    return old.instantaneous(_block(entry, entry["registers"]), old.SPELLINGS[entry["variant"]])


def _old_daily(entry: Entry) -> dict[str, Any]:
    values: dict[str, Value] = {}
    for block in entry["registers"]:
        values |= _block(entry, block)
    return old.daily(values, old.SPELLINGS[entry["variant"]])


_KINDS = {
    "registers": _registers,
    "rtu_frame": _rtu,
    "tcp_frame": _tcp,
    "encode": _encode,
    "legacy_instantaneous": _old_instantaneous,
    "legacy_daily": _old_daily,
}
