"""How the station is doing, told over a socket in its data folder to whoever asks.

The state lives in memory and is written nowhere: a file rewritten every few seconds would cost the
disk more than the readings do.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldstation.errors import NotFound, StoreUnavailable

if TYPE_CHECKING:
    from fieldstation.journal import Journal

# How fast a backlog goes is seen over this time.
PACE_US = 120_000_000

SOCKET = "status.sock"
ANSWER_S = 5.0
MOST_BYTES = 1 << 20


class Backlog:
    """What waits for one sink, seen from time to time: the time of the oldest reading (0: none) and
    how many seconds all of it will take at the present pace, None while it does not shrink.
    """

    def __init__(self) -> None:
        self.oldest_utc_us = 0
        self._seen: deque[tuple[int, int]] = deque()

    def look(self, journal: Journal, name: str, mono_us: int) -> None:
        """See how much waits now."""
        self.oldest_utc_us = journal.oldest_utc_us(name)
        self._seen.append((mono_us, journal.backlog(name)))
        while mono_us - self._seen[0][0] > PACE_US:
            self._seen.popleft()

    @property
    def drains_in_s(self) -> float | None:
        """See above."""
        if len(self._seen) < 2:
            return None
        (from_us, before), (until_us, after) = self._seen[0], self._seen[-1]
        if not after < before or until_us <= from_us:
            return None
        return after * (until_us - from_us) / 1e6 / (before - after)


@asynccontextmanager
async def status_socket(data: Path, status: Callable[[], dict[str, Any]]) -> AsyncIterator[None]:
    """Answer every connection with the status as JSON, until the block ends. The caller holds the
    data folder, so a socket left there is nobody's.
    """

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(json.dumps(status(), allow_nan=False).encode() + b"\n")
            await writer.drain()
        writer.close()

    path = data / SOCKET
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _short(data) as folder:
        listener.bind(f"{folder}/{SOCKET}")
    path.chmod(0o660)
    server = await asyncio.start_unix_server(answer, sock=listener)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def ask_status(data: Path) -> dict[str, Any]:
    """The status of the station that works in the folder `data`. Raises NotFound when none does,
    StoreUnavailable when it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(ANSWER_S)
        try:
            with _short(data) as folder:
                channel.connect(f"{folder}/{SOCKET}")
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
            raise NotFound(
                f"no station is running on {data}; start one with: fieldstation run"
            ) from error
        except OSError as error:
            raise StoreUnavailable(
                f"the station on {data} cannot be asked: {error.strerror}"
            ) from error
        try:
            found: dict[str, Any] = json.loads(_read(channel))
        except (OSError, ValueError) as error:
            raise StoreUnavailable(f"the station on {data} does not answer") from error
    return found


def _read(channel: socket.socket) -> bytes:
    answer = bytearray()
    while len(answer) < MOST_BYTES and (piece := channel.recv(65_536)):
        answer += piece
    return bytes(answer)


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A name for the folder that fits the 107 bytes that a socket's path may have."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
