"""A link that spoils replies as real lines do, by a script or by a seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from fieldstation.errors import LinkLost
from fieldstation.model import Outgoing
from fieldstation.transport.link import Link
from fieldstation.transport.mailbox import Mailbox
from fieldstation.transport.pace import Outbox


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one reply. The default is nothing.

    `deaf`: the request is lost on its way, so there is no reply. `drop`: the reply is lost.
    `delay_s`: it comes later, and so does everything after it. `copies`: it comes that often.
    `garbage` comes before it. `split_at`: bytes behind that index come `gap_s` later. `flip`: the
    bit of that number (modulo the length) is wrong.
    """

    deaf: bool = False
    drop: bool = False
    delay_s: float = 0.0
    copies: int = 1
    garbage: bytes = b""
    split_at: int = 0
    gap_s: float = 0.0
    flip: int | None = None


HEALTHY = Fault()


def spoil(reply: bytes, fault: Fault) -> list[Outgoing]:
    """What comes of `reply` under `fault`, `deaf` left aside."""
    if fault.drop:
        return []
    if fault.flip is not None and reply:
        place = fault.flip % (8 * len(reply))
        spoilt = bytearray(reply)
        spoilt[place // 8] ^= 1 << place % 8
        reply = bytes(spoilt)
    stream = fault.garbage + reply * fault.copies
    first, rest = stream[: fault.split_at or None], stream[fault.split_at or len(stream) :]
    pieces = [Outgoing(first, fault.delay_s), Outgoing(rest, fault.delay_s + fault.gap_s)]
    return [piece for piece in pieces if piece.data]


def random_faults(seed: int, share: float = 0.3) -> Iterator[Fault]:
    """Endless faults: about `share` of the replies suffer one of the kinds."""
    chance = random.Random(seed)
    while True:
        kinds = (
            Fault(deaf=True),
            Fault(drop=True),
            Fault(delay_s=chance.uniform(0.1, 9.0)),
            Fault(copies=chance.randint(2, 3)),
            Fault(garbage=chance.randbytes(chance.randint(1, 40))),
            Fault(split_at=chance.randint(1, 20), gap_s=chance.uniform(0.0, 4.0)),
            Fault(flip=chance.randrange(4096)),
        )
        yield chance.choice(kinds) if chance.random() < share else HEALTHY


class FaultyLink:
    """`inner` with one Fault for each request in turn; after the script all is healthy.

    What `inner` gives between two requests counts as the reply to the first of them, so `inner`
    should answer at once (a LoopLink with `speed=math.inf`).
    """

    def __init__(self, inner: Link, script: Iterable[Fault] = ()) -> None:
        self._inner = inner
        self._script = iter(script)
        self._mailbox = Mailbox("the faulty link")
        self._outbox = Outbox(self._mailbox.data_received)
        self._fault = HEALTHY
        self._pump = asyncio.ensure_future(self._carry())
        self.read = self._mailbox.read
        self.drain = self._mailbox.drain

    async def write(self, data: bytes) -> None:
        """Send, unless the next fault makes the other side deaf."""
        self._mailbox.check()
        self._fault = next(self._script, HEALTHY)
        if not self._fault.deaf:
            await self._inner.write(data)
            # The pump takes the answer while the fault is this request's.
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        """Close both links."""
        self._pump.cancel()
        with suppress(asyncio.CancelledError):
            await self._pump
        self._outbox.close()
        self._mailbox.connection_lost(None)
        await self._inner.aclose()

    async def _carry(self) -> None:
        try:
            while True:
                self._outbox.put(spoil(await self._inner.read(), self._fault))
        except LinkLost as error:
            self._mailbox.connection_lost(error)
