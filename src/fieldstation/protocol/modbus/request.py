"""A Modbus request and its reply, without the frame around them (a PDU: function, then data).

Sections are those of the MODBUS Application Protocol Specification V1.1b3.

1. A reply is believed only when its function, length and echoed fields are those of the request
   (test_reply_of_another_shape_is_no_reply).
2. A refusal is InstrumentRefused on both ends, its code one of REFUSALS
   (test_every_refusal_crosses_the_wire).
3. What a request may ask for is checked where it is made and where it arrives, by the same line
   (test_count_outside_the_limits_is_refused_with_illegal_value).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from fieldstation.errors import CodecError
from fieldstation.protocol.modbus.refusal import REFUSED, refuse

T = TypeVar("T")

# Section 4.1.
PDU_LIMIT = 253


class Request(ABC, Generic[T]):
    """One request; T is what its reply holds. Making one that no unit may answer raises the
    refusal that a unit would give.
    """

    function: int

    @abstractmethod
    def encode(self) -> bytes:
        """The request's PDU."""

    @abstractmethod
    def reply_size(self, pdu: bytes) -> int | None:
        """Bytes of the reply's PDU that begins with `pdu` (at least one byte); None while that
        cannot be told.
        """

    @abstractmethod
    def encode_reply(self, value: T) -> bytes:
        """The PDU that answers with `value`."""

    @abstractmethod
    def _value(self, pdu: bytes) -> T:
        """The value in a reply of this function."""

    def decode_reply(self, pdu: bytes) -> T:
        """The value of a reply. Raises InstrumentRefused, and CodecError for what answers another
        request.
        """
        if len(pdu) >= 2 and pdu[0] == self.function | REFUSED:
            raise refuse(pdu[1], str(self))
        if not pdu or pdu[0] != self.function:
            raise CodecError("wrong_function", f"a reply, but not to {self}", data=pdu)
        return self._value(pdu)


def limit(ok: bool, what: str) -> None:
    """Refuse `what` as an illegal value unless it is ok."""
    if not ok:
        raise refuse(3, what)


def counted(pdu: bytes, size: int, request: Request[Any]) -> bytes:
    """The data behind a byte count of `size`."""
    if len(pdu) != 2 + size or pdu[1] != size:
        raise CodecError("bad_length", f"the reply to {request} has the wrong length", data=pdu)
    return pdu[2:]
