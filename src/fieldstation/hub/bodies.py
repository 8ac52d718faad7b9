"""The one reader of what clients send, for every door of the hub; how long it waits: `patience`.

1. A body has to keep coming (test_a_body_that_drips_is_given_up), however slow the line is
   (test_a_slow_line_that_keeps_going_is_waited_for). Only waiting for the client counts
   (test_what_the_hub_takes_for_itself_is_not_the_clients_time).
2. No more than the limit is ever taken.
3. While bodies held in memory are large together, each has to hurry, so that slow ones cannot
   fill it (test_bodies_that_fill_the_memory_have_to_hurry).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from fieldstation.hub import patience


class Unread(Exception):
    """The request is refused before anything looks at it, with this status: 400 it ended early,
    408 it came too slowly, 413 it is too large (414, 431: so is its head).
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class Held:
    """How many bytes of unfinished bodies this process has in memory."""

    size: int = 0


HELD = Held()


async def whole(receive: Any, most_bytes: int) -> bytes:
    """The body of a request. Raises Unread."""
    taken: list[bytes] = []
    try:
        async for piece in pieces(receive, most_bytes):
            taken.append(piece)
            HELD.size += len(piece)
    finally:
        HELD.size -= sum(map(len, taken))
    return b"".join(taken)


async def pieces(receive: Any, most_bytes: int) -> AsyncGenerator[bytes]:
    """The body of a request as it comes. Raises Unread."""
    clock = asyncio.get_running_loop().time
    left_s, size, more = patience.BODY_PAUSE_S, 0, True
    while more:
        asked_s = clock()
        try:
            async with asyncio.timeout(left_s):
                message = await receive()
        except TimeoutError as error:
            raise Unread(408) from error
        if message["type"] == "http.disconnect":
            raise Unread(400)
        piece = message.get("body", b"")
        size += len(piece)
        if size > most_bytes:
            raise Unread(413)
        earned_s = len(piece) / patience.least_bytes_per_s(HELD.size)
        left_s = min(patience.BODY_PAUSE_S, left_s + earned_s - (clock() - asked_s))
        yield piece
        more = message.get("more_body", False)
