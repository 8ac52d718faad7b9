"""A twin in memory as a link: no port, no process, the same bytes."""

from __future__ import annotations

from collections.abc import Callable

from fieldstation.model import Twin
from fieldstation.transport.mailbox import Mailbox
from fieldstation.transport.pace import Outbox, Voice


class LoopLink:
    """A line with `twin` at its other end. `wall` tells the twin the UTC time in seconds since
    1970; `speed` divides its delays (`math.inf`: answers at once).
    """

    def __init__(self, twin: Twin, wall: Callable[[], float], *, speed: float = 1.0) -> None:
        self._twin = twin
        self._wall = wall
        self._mailbox = Mailbox("loop:")
        self._outbox = Outbox(self._mailbox.data_received, speed)
        self._voice = Voice(twin, wall, self._outbox, speed)
        self.read = self._mailbox.read
        self.drain = self._mailbox.drain

    async def write(self, data: bytes) -> None:
        """Give `data` to the twin."""
        self._mailbox.check()
        self._outbox.put(self._twin.receive(data, self._wall()))

    async def aclose(self) -> None:
        """Hang up: later calls raise LinkLost."""
        self._voice.close()
        self._outbox.close()
        self._mailbox.connection_lost(None)
