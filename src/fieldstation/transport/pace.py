"""A twin's bytes put on a line when they are due."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from fieldstation.model import Outgoing, Twin, speaks_every_s


class Outbox:
    """Sends what a twin gives, each piece after its delay and never before an earlier piece.

    `speed` divides the delays: 1 is real, `math.inf` sends at once.
    """

    def __init__(self, send: Callable[[bytes], None], speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self._send = send
        self._speed = speed
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, pieces: Sequence[Outgoing]) -> None:
        """Take `pieces`, whose delays count from now."""
        now = asyncio.get_running_loop().time()
        for piece in pieces:
            due = now + piece.delay_s / self._speed
            if self._waiting:
                due = max(due, self._waiting[-1][0])
            self._waiting.append((due, piece.data))
        if self._timer is None:
            self._send_due()

    def close(self) -> None:
        """Forget what was not sent."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send_due(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._waiting:
            due, data = self._waiting[0]
            if due > loop.time():
                self._timer = loop.call_at(due, self._send_due)
                return
            self._waiting.popleft()
            self._send(data)


class Voice:
    """Lets a twin that also speaks unasked speak into `outbox`, until closed. `wall` gives the UTC
    time in seconds since 1970; at infinite speed there is no time to speak in.
    """

    def __init__(
        self, twin: Twin, wall: Callable[[], float], outbox: Outbox, speed: float = 1.0
    ) -> None:
        self._twin = twin
        self._wall = wall
        self._outbox = outbox
        self._every_s = speaks_every_s(twin) / speed
        self._timer: asyncio.TimerHandle | None = None
        if self._every_s:
            self._rest()

    def close(self) -> None:
        """Fall silent."""
        if self._timer is not None:
            self._timer.cancel()

    def _speak(self) -> None:
        self._outbox.put(self._twin.receive(b"", self._wall()))
        self._rest()

    def _rest(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._speak)
