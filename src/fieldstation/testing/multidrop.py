"""Several units on one line: all hear what is asked, the one that is meant answers."""

from __future__ import annotations

import random
from collections.abc import Sequence

from fieldstation.model import Outgoing, Twin
from fieldstation.protocol.framing import FrameBuffer
from fieldstation.protocol.modbus import WIRES

RTU = WIRES["rtu"]
# The time after a reply in which a babbler falls in: before anyone may speak again.
BABBLE_S = 0.002


class Numbered:
    """`twin`, which answers on Modbus RTU as unit 1, with another `number`. Replies come in one
    piece.
    """

    def __init__(self, twin: Twin, number: int) -> None:
        self._twin = twin
        self._number = number
        self._buffer = FrameBuffer(RTU.request_end(number), RTU.limit)

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """As `Twin.receive`."""
        replies = []
        for frame in self._buffer.feed(data):
            number, _, pdu = RTU.unseal(frame)
            if number == self._number:
                pieces = self._twin.receive(RTU.seal(1, pdu), utc_s)
                _, _, answer = RTU.unseal(b"".join(piece.data for piece in pieces))
                replies.append(Outgoing(RTU.seal(number, answer), pieces[-1].delay_s))
        return replies


class MultiDrop:
    """The twins of `units` on one line, as one twin. With `babble` there is one more that puts
    that many bytes of noise behind each reply of the others. `heard` holds what was asked, and when
    (UTC seconds).
    """

    def __init__(self, units: Sequence[Twin], *, babble: int = 0, seed: int = 0) -> None:
        self._units = units
        self._babble = babble
        self._chance = random.Random(seed)
        self.heard: list[tuple[float, bytes]] = []

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """As `Twin.receive`."""
        self.heard.append((utc_s, data))
        replies = [piece for unit in self._units for piece in unit.receive(data, utc_s)]
        if replies and self._babble:
            noise = self._chance.randbytes(self._babble)
            replies.append(Outgoing(noise, replies[-1].delay_s + BABBLE_S))
        return replies
