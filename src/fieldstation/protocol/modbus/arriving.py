"""Requests as they arrive at the answering end."""

from __future__ import annotations

import struct
from typing import Any

from fieldstation.protocol.modbus.bits import unpack_bits, unpack_words
from fieldstation.protocol.modbus.reads import ReadBits, ReadIdentity, ReadWords
from fieldstation.protocol.modbus.refusal import refuse
from fieldstation.protocol.modbus.request import Request, limit
from fieldstation.protocol.modbus.writes import WriteBit, WriteBits, WriteWord, WriteWords

# Bytes of a request's PDU; those that carry data say how much in their sixth byte.
_SIZES = {1: 5, 2: 5, 3: 5, 4: 5, 5: 5, 6: 5, 15: 6, 16: 6, 0x2B: 4}


def request_size(pdu: bytes) -> int | None:
    """Bytes of the request's PDU that begins with `pdu`; None while that cannot be told. Raises
    KeyError for a function that this module does not know.
    """
    size = _SIZES[pdu[0]]
    if size != 6:
        return size
    return size + pdu[5] if len(pdu) >= size else None


def decode_request(pdu: bytes) -> Request[Any]:
    """The request in a PDU that arrived. Raises InstrumentRefused with what the unit has to
    answer.
    """
    function = pdu[0]
    if function not in _SIZES:
        raise refuse(1, f"function {function}")
    if request_size(pdu) != len(pdu):
        raise refuse(3, f"a request of {len(pdu)} bytes with function {function}")
    if function == 0x2B:
        return _identity_request(pdu)
    address, value = struct.unpack(">HH", pdu[1:5])
    if function in (1, 2):
        return ReadBits(address, value, function)
    if function in (3, 4):
        return ReadWords(address, value, function)
    if function == 5:
        limit(value in (0, 0xFF00), "a coil value that is neither on nor off")
        return WriteBit(address, value == 0xFF00)
    if function == 6:
        return WriteWord(address, value)
    return _long_write(function, address, value, pdu[6:])


def _identity_request(pdu: bytes) -> ReadIdentity:
    if pdu[1] != 0x0E:
        raise refuse(1, f"encapsulated interface {pdu[1]}")
    return ReadIdentity(pdu[2], pdu[3])


def _long_write(function: int, start: int, count: int, data: bytes) -> Request[Any]:
    needed = (count + 7) // 8 if function == 15 else 2 * count
    limit(len(data) == needed, f"{len(data)} bytes for {count} values")
    if function == 15:
        return WriteBits(start, unpack_bits(data, count))
    return WriteWords(start, unpack_words(data))
