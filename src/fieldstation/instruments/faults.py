"""Faults that any line can have, put between a twin and whoever talks to it.

1. A fault is ordered by name: `late` strikes every reply, `late:0.05` one in twenty, `late*3` the
   next three replies and then no more.
2. Which replies are struck depends on the seed alone
   (`test_chance_strikes_its_share_and_repeats_for_a_seed`).
3. FAULTS are those of a line, SPOKEN those of a node that publishes, PLUGS those of the socket that
   a line ends in: who serves a twin has to pull that plug.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fieldstation.errors import BadRequest, NotFound
from fieldstation.instruments.chance import between, chance
from fieldstation.model import Message, Outgoing, Speaker, Twin, speaks_every_s

ORDER = re.compile(r"(?P<name>[a-z_0-9]+)(:(?P<chance>0?\.\d+|0|1(\.0+)?))?(\*(?P<next>\d+))?\Z")

# A reply that comes after every deadline in use (2.5 s), as units under load were seen to do.
LATE_S = 6.0
# Slower than any line setting, yet it never falls silent for long.
DRIBBLE_S = 0.25
# A unit that lost its supply hears and says nothing for so long.
REBOOT_S = 3.0
# A node that lost its radio is away for so long.
AWAY_S = 20.0


@dataclass(slots=True)
class Fault:
    """One ordered fault: its chance per reply, and how many replies it has left (None = no end)."""

    name: str
    chance: float = 1.0
    left: int | None = None
    drawn: int = 0


class FaultPlan:
    """The faults ordered for one twin. Raises BadRequest for an order that cannot be read."""

    def __init__(self, orders: Iterable[str] = (), seed: int = 0) -> None:
        self._faults = [_read(order) for order in orders]
        self._seed = seed

    @property
    def names(self) -> list[str]:
        """Names as ordered."""
        return [fault.name for fault in self._faults]

    def require(self, known: Collection[str]) -> None:
        """Raise NotFound with the nearest name when a fault is not in `known`."""
        for name in self.names:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1, 0) or ["none"]
                raise NotFound(f"no fault is called {name!r}; the nearest name is {near[0]!r}")

    def strikes(self, name: str) -> bool:
        """Whether the fault hits the reply at hand; asking counts as one reply."""
        return any(self._hit(fault) for fault in self._faults if fault.name == name)

    def _hit(self, fault: Fault) -> bool:
        if fault.left == 0:
            return False
        fault.drawn += 1
        if chance(self._seed, fault.name, fault.drawn) >= fault.chance:
            return False
        if fault.left is not None:
            fault.left -= 1
        return True


def _read(order: str) -> Fault:
    found = ORDER.match(order)
    if found is None:
        raise BadRequest(
            f"fault {order!r} cannot be read; write a name, name:chance or name*count, "
            "such as late:0.05 or silence*3"
        )
    count = found["next"]
    return Fault(found["name"], float(found["chance"] or 1), int(count) if count else None)


Reply = Sequence[Outgoing]
Draw = Callable[[int], int]
"""A whole number below the given one."""


def _silence(_reply: Reply, _draw: Draw) -> Reply:
    """The reply never comes."""
    return ()


def _flip(reply: Reply, draw: Draw) -> Reply:
    """One bit of it is wrong."""
    data = bytearray(_joined(reply))
    data[draw(len(data))] ^= 1 << draw(8)
    return _retimed(bytes(data), reply)


def _truncate(reply: Reply, draw: Draw) -> Reply:
    """It stops somewhere."""
    data = _joined(reply)
    return _retimed(data[: draw(len(data))], reply)


def _lose_byte(reply: Reply, draw: Draw) -> Reply:
    """One byte of it is missing."""
    data = _joined(reply)
    at = draw(len(data))
    return _retimed(data[:at] + data[at + 1 :], reply)


def _late(reply: Reply, _draw: Draw) -> Reply:
    """It comes six seconds late, after every deadline."""
    return [replace(piece, delay_s=piece.delay_s + LATE_S) for piece in reply]


def _duplicate(reply: Reply, _draw: Draw) -> Reply:
    """It comes twice."""
    again_s = reply[-1].delay_s
    return [*reply, *(replace(piece, delay_s=piece.delay_s + again_s) for piece in reply)]


def _garbage(reply: Reply, draw: Draw) -> Reply:
    """Up to twelve other bytes come before it."""
    junk = bytes(draw(256) for _ in range(1 + draw(12)))
    return [Outgoing(junk, reply[0].delay_s), *reply]


def _slow(reply: Reply, _draw: Draw) -> Reply:
    """It comes one byte at a time, four in a second."""
    start_s = reply[0].delay_s
    data = _joined(reply)
    return [Outgoing(data[at : at + 1], start_s + at * DRIBBLE_S) for at in range(len(data))]


def _reboot(reply: Reply, draw: Draw) -> Reply:
    """It stops in the middle, and for three seconds the unit is deaf and dumb."""
    data = _joined(reply)
    return _retimed(data[: (len(data) + draw(len(data))) // 2], reply)


def _joined(reply: Reply) -> bytes:
    return b"".join(piece.data for piece in reply)


def _retimed(data: bytes, reply: Reply) -> Reply:
    """`data` cut to the sizes and times of the pieces of `reply`."""
    pieces, at = [], 0
    for piece in reply:
        part = data[at : at + len(piece.data)]
        at += len(part)
        if part:
            pieces.append(replace(piece, data=part))
    return pieces


FAULTS: dict[str, Callable[[Reply, Draw], Reply]] = {
    "silence": _silence,
    "flip": _flip,
    "truncate": _truncate,
    "lose_byte": _lose_byte,
    "late": _late,
    "duplicate": _duplicate,
    "garbage": _garbage,
    "slow": _slow,
    "reboot": _reboot,
}
"""Name of each fault and what it makes of a reply (at least one byte)."""

PLUGS = {
    "unplug": "is pulled out, and comes back under another device name",
    "stranger": "is pulled out, and for a while another unit is plugged in here",
}
"""Faults of the socket that a line ends in."""


class FaultyTwin:
    """A twin whose replies suffer the faults of a plan. `seed` decides which and where. After a
    reboot it is deaf and dumb for REBOOT_S; what it remembers, it still knows.
    """

    def __init__(self, twin: Twin, plan: FaultPlan, seed: int = 0) -> None:
        self._twin = twin
        self._plan = plan
        self._seed = seed
        self._drawn = 0
        self._back_s = -math.inf
        self.speaks_every_s = speaks_every_s(twin)

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """What the twin answers, after the faults that strike this reply."""
        if self._back_s - REBOOT_S <= utc_s < self._back_s:
            return ()
        reply: Reply = self._twin.receive(data, utc_s)
        for name, spoil in FAULTS.items():
            if reply and self._plan.strikes(name):
                reply = spoil(reply, self._draw)
                self._back_s = utc_s + REBOOT_S if name == "reboot" else self._back_s
        return reply

    def _draw(self, limit: int) -> int:
        self._drawn += 1
        return int(between(0, limit, self._seed, "spoil", self._drawn))


Said = Sequence[Message]

SPOKEN = {
    "silence": "is not heard",
    "unplug": f"is not heard, nor for the {AWAY_S:g} s that follow",
    "garbage": "is heard with bytes that mean nothing",
    "truncate": "is heard as far as somewhere in its middle",
    "flip": "is heard with one bit wrong, which no checksum tells",
    "duplicate": "is heard twice",
    "late": f"is heard {LATE_S:g} s afterwards",
}
"""Faults that any node can have which publishes by itself: what becomes of all that it says at one
time. Where a node's twin has a fault of the same name, it is the twin's.
"""


class FaultySpeaker:
    """A node's twin whose words suffer the faults of a plan, but those named in `own`, which it
    shows itself. `seed` decides which and how.
    """

    def __init__(
        self, speaker: Speaker, plan: FaultPlan, seed: int = 0, own: Collection[str] = ()
    ) -> None:
        self._speaker = speaker
        self._plan = plan
        self._seed = seed
        self._own = own
        self._drawn = 0
        self._back_s = -math.inf
        self._held: list[tuple[float, Message]] = []
        self.speaks_every_s = speaker.speaks_every_s

    def speak(self, utc_s: float) -> Said:
        """What is heard of what the node says."""
        said = list(self._speaker.speak(utc_s))
        away = self._back_s - AWAY_S <= utc_s < self._back_s
        if said and not away and self._strikes("unplug"):
            away, self._back_s = True, utc_s + AWAY_S
        if said and (away or self._strikes("silence")):
            said = []
        for name, spoil in self._spoilers.items():
            if said and self._strikes(name):
                said = [replace(message, payload=spoil(message.payload)) for message in said]
        if said and self._strikes("duplicate"):
            said = [message for message in said for _ in range(2)]
        if said and self._strikes("late"):
            self._held += [(utc_s + LATE_S, message) for message in said]
            said = []
        due = [message for at_s, message in self._held if at_s <= utc_s]
        self._held = [(at_s, message) for at_s, message in self._held if at_s > utc_s]
        return [*due, *said]

    @property
    def _spoilers(self) -> Mapping[str, Callable[[bytes], bytes]]:
        return {"garbage": self._junk, "truncate": self._cut, "flip": self._flipped}

    def _strikes(self, name: str) -> bool:
        return name not in self._own and self._plan.strikes(name)

    def _junk(self, _payload: bytes) -> bytes:
        return bytes(self._draw(256) for _ in range(1 + self._draw(40)))

    def _cut(self, payload: bytes) -> bytes:
        return payload[: self._draw(len(payload))]

    def _flipped(self, payload: bytes) -> bytes:
        return _joined(_flip([Outgoing(payload)], self._draw)) if payload else payload

    def _draw(self, limit: int) -> int:
        self._drawn += 1
        return int(between(0, limit, self._seed, "junk", self._drawn))
