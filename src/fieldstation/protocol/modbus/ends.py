"""The two ends of a Modbus line: a client makes exchanges, a server answers bytes with bytes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

from fieldstation.errors import CodecError, InstrumentRefused
from fieldstation.model import Exchange
from fieldstation.protocol.framing import FrameBuffer
from fieldstation.protocol.modbus.arriving import decode_request
from fieldstation.protocol.modbus.refusal import encode_refusal
from fieldstation.protocol.modbus.request import Request
from fieldstation.protocol.modbus.wire import Wire

T = TypeVar("T")

Answer = Callable[[Request[Any]], Any]
"""Gives the value of a request's reply; raises InstrumentRefused for a no (`refusal.refuse`)."""


class Client:
    """Asks `unit` (1 to 247, on TCP 0 to 255). Seconds as in Exchange."""

    def __init__(
        self, wire: Wire, unit: int, *, timeout_s: float = 1.0, quiet_s: float = 0.01
    ) -> None:
        self._wire = wire
        self._unit = unit
        self._timeout_s = timeout_s
        self._quiet_s = quiet_s
        self._numbers = count(1)

    def exchange(self, request: Request[T], attempts: int = 3) -> Exchange[T]:
        """`request` as an exchange; on TCP no two of the same client have the same number."""
        number = next(self._numbers) & 0xFFFF if self._wire.numbered else 0

        def decode(frame: bytes) -> T:
            unit, answered, pdu = self._wire.unseal(frame)
            if unit != self._unit:
                raise CodecError(
                    "wrong_unit", f"a frame of unit {unit}, not of {self._unit}", data=frame
                )
            if answered != number:
                raise CodecError("wrong_number", "a reply to an earlier request", data=frame)
            return request.decode_reply(pdu)

        return Exchange(
            self._wire.seal(self._unit, request.encode(), number),
            self._wire.reply_end(self._unit, request),
            decode,
            timeout_s=self._timeout_s,
            quiet_s=self._quiet_s,
            attempts=attempts,
            name=str(request),
        )


class Server:
    """Answers requests to `unit`; everything else on the line is ignored."""

    def __init__(self, wire: Wire, unit: int, answer: Answer) -> None:
        self._wire = wire
        self._unit = unit
        self._answer = answer
        self._buffer = FrameBuffer(wire.request_end(unit), wire.limit)

    def feed(self, data: bytes) -> list[bytes]:
        """The reply frames to the requests that `data` completes."""
        replies = [self._reply(frame) for frame in self._buffer.feed(data)]
        return [reply for reply in replies if reply is not None]

    @property
    def pending(self) -> int:
        """Bytes kept because their request is not complete; less than the wire's limit."""
        return self._buffer.pending

    def silence(self) -> None:
        """The line fell silent: what is incomplete will stay so."""
        self._buffer.clear()

    def _reply(self, frame: bytes) -> bytes | None:
        unit, number, pdu = self._wire.unseal(frame)
        if unit != self._unit:
            return None
        try:
            request = decode_request(pdu)
            reply = request.encode_reply(self._answer(request))
        except InstrumentRefused as refusal:
            reply = encode_refusal(pdu[0], refusal)
        return self._wire.seal(unit, reply, number)
