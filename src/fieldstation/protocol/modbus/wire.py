"""Frames around Modbus PDUs: RTU for serial lines, MBAP for TCP.

1. A frame's length follows from the request that it answers, not from its own count where that can
   be helped: a damaged count must not make the reader wait (test_damaged_count_ends_at_once).
2. RTU: the CRC is tested before anything else is believed
   (test_every_single_bit_flip_in_an_rtu_frame_is_noticed).
3. TCP: each request has another number, and only a reply with that number is its reply
   (test_tcp_reply_with_another_number_is_refused).
4. An answering end finds the next good request in a stream of anything: what cannot begin a request
   is given up byte by byte (test_server_finds_the_request_after_garbage).
"""

from __future__ import annotations

import struct
from typing import Any, Protocol

from fieldstation.errors import ChecksumMismatch, CodecError, FrameTooLong
from fieldstation.model.talk import FrameEnd
from fieldstation.protocol.checksum import crc16_modbus
from fieldstation.protocol.modbus.arriving import request_size
from fieldstation.protocol.modbus.refusal import REFUSED
from fieldstation.protocol.modbus.request import PDU_LIMIT, Request


class Wire(Protocol):
    """How PDUs travel. `limit` is the longest frame in bytes, `numbered` whether frames tell
    requests apart by a number (else it is 0), `name` the word in the configuration.
    """

    name: str
    limit: int
    numbered: bool

    def seal(self, unit: int, pdu: bytes, number: int = 0) -> bytes:
        """The frame around `pdu`."""
        ...

    def unseal(self, frame: bytes) -> tuple[int, int, bytes]:
        """Unit, number and PDU of a whole frame. Raises CodecError."""
        ...

    def reply_end(self, unit: int, request: Request[Any]) -> FrameEnd:
        """Where the reply to `request` ends."""
        ...

    def request_end(self, unit: int) -> FrameEnd:
        """Where a request ends in what arrives at `unit`; raises CodecError for what is none."""
        ...


class Rtu:
    """Unit, PDU, CRC-16 with its low byte first (MODBUS over Serial Line V1.02, section 2.5.1)."""

    name = "rtu"
    limit = PDU_LIMIT + 3
    numbered = False

    def seal(self, unit: int, pdu: bytes, number: int = 0) -> bytes:
        body = bytes([unit]) + pdu
        return body + crc16_modbus(body).to_bytes(2, "little")

    def unseal(self, frame: bytes) -> tuple[int, int, bytes]:
        if len(frame) < 4:
            raise CodecError("too_short", "a Modbus frame has at least 4 bytes", data=frame)
        if crc16_modbus(frame):
            raise ChecksumMismatch("the Modbus frame was damaged on the line", data=frame)
        return frame[0], 0, frame[1:-2]

    def reply_end(self, unit: int, request: Request[Any]) -> FrameEnd:
        function = request.function

        def end(data: bytes) -> int | None:
            _expect(data, unit, (function, function | REFUSED))
            if len(data) < 2:
                return None
            size = 2 if data[1] & REFUSED else request.reply_size(data[1:])
            return _whole(data, size and size + 3, self.limit)

        return end

    def request_end(self, unit: int) -> FrameEnd:
        def end(data: bytes) -> int | None:
            if len(data) < 2:
                return None
            try:
                size = request_size(data[1:])
            except KeyError:
                return self._unknown_end(data, unit)
            return _whole(data, size and size + 3, self.limit)

        return self.checked(end)

    def checked(self, end: FrameEnd) -> FrameEnd:
        """`end` for a stream that may hold anything: a frame whose CRC is wrong is none."""

        def checked(data: bytes) -> int | None:
            length = end(data)
            if length is not None:
                self.unseal(data[:length])
            return length

        return checked

    def _unknown_end(self, data: bytes, unit: int) -> int | None:
        """A function of unknown length ends where the CRC fits; it deserves a refusal, so it is
        waited for.
        """
        if data[0] != unit or data[1] & REFUSED:
            raise CodecError("bad_start", "this does not begin a Modbus request", data=data)
        crc = crc16_modbus(data[:3])
        for length in range(4, len(data) + 1):
            crc = crc16_modbus(data[length - 1 : length], crc)
            if crc == 0:
                return length
        return _whole(data, None, self.limit)


class Tcp:
    """MBAP header (number, protocol 0, length, unit) and PDU (MODBUS Messaging on TCP/IP V1.0b,
    section 3.1.3).
    """

    name = "tcp"
    limit = PDU_LIMIT + 7
    numbered = True

    def seal(self, unit: int, pdu: bytes, number: int = 0) -> bytes:
        return struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu

    def unseal(self, frame: bytes) -> tuple[int, int, bytes]:
        if len(frame) < 8 or self._length(frame) != len(frame):
            raise CodecError("bad_length", "the Modbus TCP frame is cut or torn", data=frame)
        return frame[6], int.from_bytes(frame[:2], "big"), frame[7:]

    def reply_end(self, unit: int, request: Request[Any]) -> FrameEnd:
        return self._end

    def request_end(self, unit: int) -> FrameEnd:
        return self._end

    def _end(self, data: bytes) -> int | None:
        return _whole(data, self._length(data) if len(data) >= 6 else None, self.limit)

    def _length(self, data: bytes) -> int:
        _, protocol, length = struct.unpack(">HHH", data[:6])
        if protocol or not 2 <= length <= PDU_LIMIT + 1:
            raise CodecError("bad_start", "this does not begin a Modbus TCP frame", data=data)
        return 6 + int(length)


WIRES: dict[str, Wire] = {wire.name: wire for wire in (Rtu(), Tcp())}
"""Wires by the word in the configuration; they hold no state."""


def _expect(data: bytes, unit: int, functions: tuple[int, int]) -> None:
    if data[:1] and data[0] != unit:
        raise CodecError("wrong_unit", f"a frame of unit {data[0]}, not of {unit}", data=data)
    if data[1:2] and data[1] not in functions:
        raise CodecError("wrong_function", "a frame of another function", data=data)


def _whole(data: bytes, length: int | None, limit: int) -> int | None:
    """`length` once that many bytes are there. Raises FrameTooLong when no frame is that long."""
    if length is None and len(data) < limit:
        return None
    if length is None or length > limit:
        raise FrameTooLong(f"no Modbus frame is longer than {limit} bytes", data=data)
    return length if len(data) >= length else None
