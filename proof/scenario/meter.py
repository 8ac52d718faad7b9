"""A small instrument with a ledger of its own: every reading it gives has another number, so one
that is lost, doubled or changed shows wherever it comes to light.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fieldstation.errors import LinkNotFound
from fieldstation.model import (
    Channel,
    Conversation,
    Exchange,
    Identity,
    Kind,
    Layout,
    Outgoing,
    Poll,
    SerialLine,
    Value,
    ask,
)
from fieldstation.testing.echo import decode_number, frame, frame_end
from fieldstation.transport.link import Link
from fieldstation.transport.loopback import LoopLink

LAYOUT = Layout("meter", "status", (Channel("count", Kind.INTEGER), Channel("half", Kind.NUMBER)))
GOOD, SILENT, GARBLED, UNPLUGGED = "good", "silent", "garbled", "unplugged"


@dataclass(slots=True)
class MeterTwin:
    """Answers each request with the next number. `given` are the true times (microseconds) of the
    numbers it gave intact, by number.
    """

    true_us: Callable[[], int]
    mode: str = GOOD
    count: int = 0
    given: dict[int, int] = field(default_factory=dict)

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """As `Twin.receive`."""
        if self.mode in (SILENT, UNPLUGGED):
            return []
        if data.startswith(b"who"):
            return [Outgoing(frame(b"=0"), 0.01)]
        self.count += 1
        reply = frame(b"=%d" % self.count)
        if self.mode == GARBLED:
            return [Outgoing(b"#" + reply[1:], 0.02)]
        self.given[self.count] = self.true_us()
        return [Outgoing(reply, 0.02)]

    def link(self, wall_s: Callable[[], float]) -> Link:
        """A link to it. Raises LinkNotFound while it is unplugged."""
        if self.mode == UNPLUGGED:
            raise LinkNotFound("the meter is not plugged in")
        return LoopLink(self, wall_s)


def _exchange(word: bytes) -> Exchange[int]:
    return Exchange(word + b"\n", frame_end, decode_number, 1.0, 0.01, 2, word.decode())


class MeterDriver:
    """The meter's driver."""

    kind = "meter"
    default_every_s = 10.0
    line = SerialLine()
    resync: Exchange[Any] | None = _exchange(b"who")

    def identify(self) -> Conversation[Identity]:
        """As `Driver.identify`."""
        yield from ask(_exchange(b"who"))
        return Identity("meter", "1", "M")

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """As `Driver.plan`."""
        return [Poll(LAYOUT, self._status)]

    def _status(self) -> Conversation[dict[str, Value]]:
        count = yield from ask(_exchange(b"read"))
        return {"count": count, "half": count / 2}
