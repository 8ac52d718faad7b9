"""A capture as a twin: asked what was asked then, it says what was said then.

1. A request that was recorded several times gets its answers in the recorded order, and then from
   the first again. `test_answers_come_in_the_recorded_order_and_start_over`
2. An unknown request gets no answer, as from an instrument that does not know it, and `unknown` is
   told of it, once for each. `test_an_unknown_request_is_silence_and_is_told_once`
3. What an answer still had to say is dropped when the next request comes: it would stand before
   its answer. `test_the_rest_of_an_answer_does_not_delay_the_next`
4. A request of which no more comes within GAP_S is forgotten.
   `test_half_a_request_is_forgotten`
5. On an SPI bus a byte goes each way at once. Bytes that go on as recorded get what came in then;
   another byte is looked for from there on and round, where a run of it begins, as a command that
   is polled does. `test_a_clocked_unit_follows_who_asks`
6. A unit that is heard says each message once, at its time.
   `test_messages_are_said_again_once_and_in_time`
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

from fieldstation.errors import BadRequest
from fieldstation.model import Message, Outgoing
from fieldstation.protocol.capture import Answered, Piece, answered

GAP_S = 0.5
MOST_PENDING = 4096

# What a line reads as at which nobody is.
IDLE = 0xFF

Heard = tuple[tuple[float, bytes], ...]


class CaptureTwin:
    """See `Twin`. `speed` divides the recorded delays; infinity answers at once."""

    # How exactly the recorded instants are kept, in seconds.
    speaks_every_s = 0.01

    def __init__(
        self,
        pieces: Sequence[Piece],
        unknown: Callable[[bytes], None] = lambda _request: None,
        *,
        speed: float = 1.0,
    ) -> None:
        if not speed > 0:
            raise BadRequest(f"speed must be above 0, not {speed:g}")
        script = answered(pieces)
        self._answers: dict[bytes, deque[Heard]] = {}
        for one in script:
            if one.request:
                self._answers.setdefault(one.request, deque()).append(one.heard)
        self._prelude = _unasked(script)
        self._speed = speed
        self._unknown = unknown
        self._told: set[bytes] = set()
        self._pending = b""
        self._heard_s = -math.inf
        self._due: deque[tuple[float, bytes]] = deque()

    @property
    def requests(self) -> int:
        """How many different requests are known."""
        return len(self._answers)

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """As `Twin.receive`."""
        if self._prelude:
            self._say(self._prelude, utc_s)
            self._prelude = ()
        if utc_s - self._heard_s > GAP_S:
            self._pending = b""
        if data:
            self._heard_s = utc_s
            self._pending += data
            self._take(utc_s)
        return self._fallen_due(utc_s)

    def _take(self, utc_s: float) -> None:
        """Answer every whole request that has come."""
        while self._pending:
            known = [one for one in self._answers if self._pending.startswith(one)]
            if known:
                request = max(known, key=len)
                self._pending = self._pending[len(request) :]
                answers = self._answers[request]
                self._say(answers[0], utc_s)
                answers.rotate(-1)
            elif self._may_become_known():
                return
            else:
                self._tell(self._pending)
                self._pending = b""

    def _may_become_known(self) -> bool:
        return any(one.startswith(self._pending) for one in self._answers)

    def _tell(self, request: bytes) -> None:
        if request not in self._told and len(self._told) < MOST_PENDING:
            self._told.add(request)
            self._unknown(request)

    def _say(self, heard: Heard, utc_s: float) -> None:
        self._due = deque((utc_s + delay_s / self._speed, data) for delay_s, data in heard)

    def _fallen_due(self, utc_s: float) -> list[Outgoing]:
        said = []
        while self._due and self._due[0][0] <= utc_s:
            said.append(Outgoing(self._due.popleft()[1]))
        return said


class ClockedTwin:
    """See `Twin` and rule 5; `unknown` is told of each byte that was never sent."""

    def __init__(
        self, pieces: Sequence[Piece], unknown: Callable[[bytes], None] = lambda _request: None
    ) -> None:
        script = [one for one in answered(pieces) if one.request]
        self.requests = len({one.request for one in script})
        self._sent = b"".join(one.request for one in script)
        self._came = b"".join(_as_long(one.reply, len(one.request)) for one in script)
        self._unknown = unknown
        self._at = 0

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """As `Twin.receive`."""
        return [Outgoing(bytes(map(self._clock, data)))] if data else []

    def _clock(self, byte: int) -> int:
        at = self._at if self._sent[self._at : self._at + 1] == bytes((byte,)) else self._find(byte)
        if at is None:
            self._unknown(bytes((byte,)))
            return IDLE
        self._at = (at + 1) % len(self._sent)
        return self._came[at]

    def _find(self, byte: int) -> int | None:
        size = len(self._sent)
        places = (place % size for place in range(self._at, self._at + size))
        return next(
            (at for at in places if self._sent[at] == byte and self._sent[at - 1] != byte), None
        )


class CaptureSpeaker:
    """See `Speaker` and rule 6. `speed` divides the recorded times."""

    speaks_every_s = 0.05

    def __init__(self, pieces: Sequence[Piece], *, speed: float = 1.0) -> None:
        self._left = deque(pieces)
        self._speed = speed
        self._start_s: float | None = None

    def speak(self, utc_s: float) -> Sequence[Message]:
        """As `Speaker.speak`."""
        if self._start_s is None:
            self._start_s = utc_s
        said = []
        while self._left and self._left[0].t_s <= (utc_s - self._start_s) * self._speed:
            piece = self._left.popleft()
            said.append(Message(piece.topic, piece.data, piece.retained))
        return said


def _as_long(reply: bytes, length: int) -> bytes:
    return reply[:length].ljust(length, bytes((IDLE,)))


def _unasked(script: Sequence[Answered]) -> Heard:
    """What was said before the first request."""
    return script[0].heard if script and not script[0].request else ()
