"""Taps that keep what passes, for a capture.

1. Bytes have the instant at which they came, also while nobody waited for them.
   `test_what_is_said_between_the_rounds_has_its_own_instant`
"""

from __future__ import annotations

import asyncio

from fieldstation.errors import LinkLost
from fieldstation.model import Message
from fieldstation.protocol.capture import Piece, Way
from fieldstation.transport.link import Link
from fieldstation.transport.mailbox import Mailbox
from fieldstation.transport.tap import Passed, Tap


class Recorder:
    """A tap that keeps what passes; time starts with it."""

    def __init__(self) -> None:
        self._start_s = asyncio.get_running_loop().time()
        self.pieces: list[Piece] = []

    def __call__(self, passed: Passed) -> None:
        """Keep one piece."""
        self.pieces.append(Piece(passed.at_s - self._start_s, passed.way, passed.data))

    def hear(self, message: Message) -> None:
        """Keep a message that comes from a broker now."""
        t_s = asyncio.get_running_loop().time() - self._start_s
        self.pieces.append(Piece(t_s, Way.IN, message.payload, message.topic, message.retained))


class ListeningLink:
    """A link that is always listened to, and tells `tap` each piece at its instant. It owns `link`
    and closes it.
    """

    def __init__(self, link: Link, tap: Tap, name: str) -> None:
        self._link = link
        self._tap = tap
        self._mailbox = Mailbox(name)
        self._ear = asyncio.create_task(self._listen())
        self.read = self._mailbox.read

    async def write(self, data: bytes) -> None:
        """As `Link.write`."""
        self._tell(Way.OUT, data)
        await self._link.write(data)

    async def drain(self) -> bytes:
        """As `Link.drain`."""
        self._hear(await self._link.drain())
        return await self._mailbox.drain()

    async def aclose(self) -> None:
        """As `Link.aclose`."""
        self._ear.cancel()
        await asyncio.wait([self._ear])
        await self._link.aclose()

    async def _listen(self) -> None:
        try:
            while True:
                self._hear(await self._link.read())
        except LinkLost as error:
            self._mailbox.connection_lost(error)

    def _hear(self, data: bytes) -> None:
        if data:
            self._tell(Way.IN, data)
            self._mailbox.data_received(data)

    def _tell(self, way: Way, data: bytes) -> None:
        self._tap(Passed(way, asyncio.get_running_loop().time(), data))
