"""How long the server waits for a client, and for how many: uvicorn's protocol with limits.

1. The head of a request has to be here `HEAD_WITHIN_S` after its first byte, or after the
   connection was made, in at most `MOST_HEAD_BYTES` (test_a_head_that_drips_is_given_up,
   test_a_head_without_end_is_cut_off).
2. With `most_connections` open, a new one takes the place of the one that was waited for longest:
   for its head, its body or its next request. So thousands of clients that say nothing keep nobody
   out, and an answer that is being sent is never cut
   (test_a_thousand_silent_connections_keep_nobody_out).
3. A client that reads nothing for `READ_WITHIN_S` while there is more to send is left
   (test_a_client_that_reads_nothing_is_left).
4. A body is waited for `BODY_PAUSE_S`. Waiting uses this up and every byte that comes earns some of
   it back, at `LEAST_BYTES_PER_S`: no pause is longer, and no body slower on the whole. All of them
   are read in `bodies`.
"""

from __future__ import annotations

import asyncio
import resource
from functools import cache

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_WITHIN_S = 15.0
# Twice what pages and uploads accept, so that they can say so.
MOST_HEAD_BYTES = 65_536
# A thousand stations keep a connection each, and people some more. The rest is for files.
MOST_CONNECTIONS, FILES = 5000, 150
READ_WITHIN_S = 60.0
# A modem that changes its cell is silent for some ten seconds. With one bar it still gives 1,000
# bit/s and more, of which a packet's headers take a part.
BODY_PAUSE_S, LEAST_BYTES_PER_S = 30.0, 100.0
# What slow bodies may hold in memory together; beyond it, all come at least as fast as a largest
# one (1.2 MB) that takes two minutes.
SLOW_BYTES, HURRIED_BYTES_PER_S = 64 << 20, 10_000.0

REFUSAL = (
    "HTTP/1.1 {}\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)


@cache
def most_connections() -> int:
    """How many connections this process may have open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = MOST_CONNECTIONS if files == resource.RLIM_INFINITY else files - FILES
    return max(1, min(MOST_CONNECTIONS, room))


def least_bytes_per_s(held: int) -> float:
    """How fast a body has to come while this process holds so many bytes of unfinished ones."""
    return LEAST_BYTES_PER_S if held < SLOW_BYTES else HURRIED_BYTES_PER_S


class PatientProtocol(HttpToolsProtocol):
    """One connection. `waits_since` is the loop's time since which something is expected of the
    client, None while it is the hub's turn.
    """

    waits_since: float | None = None
    _head_bytes = 0
    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            self._make_room()
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        self._forget_unread()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()
        super().data_received(data)
        if self._head is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse("431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._forget_head()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.waits_since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.waits_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(READ_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._forget_unread()
        super().resume_writing()

    def _expect_head(self) -> None:
        if self._head is None:
            self.waits_since = self.loop.time()
            self._head = self.loop.call_later(HEAD_WITHIN_S, self._refuse, "408 Request Timeout")

    def _forget_head(self) -> None:
        self._head_bytes = 0
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _forget_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _refuse(self, status: str) -> None:
        self._forget_head()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(REFUSAL.format(status).encode())
        self.transport.close()

    def _make_room(self) -> None:
        """Close the connection that was waited for longest, if there is one."""
        since = {
            one: one.waits_since
            for one in self.connections
            if isinstance(one, PatientProtocol) and one.waits_since is not None
        }
        if since:
            min(since, key=since.__getitem__).transport.abort()
