"""The SSH listener for old gateways: it takes batch files and knows nothing else.

1. A login is a gateway's key and the id of an open slot of that gateway, by password, nothing else.
2. A login has one session, and the session one command: `scp -t` to the folder that the hub named.
   No shell, terminal, subsystem, forwarding or other command (test_nothing_but_the_upload_is_open).
3. The host key is made once and is for the hub's user alone.
4. Connections, their time to log in, silence and the whole transfer are bounded.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
from pathlib import Path

import asyncssh

from fieldstation.errors import ConfigError, FieldstationError
from fieldstation.hub.legacy.desk import BatchDesk
from fieldstation.hub.legacy.scp import GO_ON, Piece, Reply, Sink, Whole
from fieldstation.hub.legacy.slots import folder_of
from fieldstation.hub.legacy.spool import Incoming
from fieldstation.hub.legacy.zipped import MOST_ZIP

HOST_KEY = "ssh_host_key"
MOST_CONNECTIONS = 64
LOGIN_WITHIN_S = 20
SILENT_S = 30.0
# An hour for the largest file on the slowest line.
WITHIN_S = 3600.0
# Pieces that wait before the client is held.
MOST_WAITING = 32


class Listener:
    """A running listener."""

    def __init__(self, desk: BatchDesk) -> None:
        self.desk = desk
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self._acceptor: asyncssh.SSHAcceptor | None = None

    async def open(self, listening: socket.socket, data: Path) -> None:
        """Begin to answer on this socket. Raises ConfigError."""
        self._acceptor = await asyncssh.listen(
            sock=listening,
            server_factory=lambda: Login(self),
            server_host_keys=[await asyncio.to_thread(host_key, data / HOST_KEY)],
            public_key_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            gss_kex=False,
            gss_auth=False,
            allow_pty=False,
            agent_forwarding=False,
            x11_forwarding=False,
            line_editor=False,
            encoding=None,
            login_timeout=LOGIN_WITHIN_S,
            keepalive_interval=SILENT_S,
            server_version="fieldstation",
        )
        self.desk.scp_port = self._acceptor.get_port()

    async def close(self) -> None:
        """Take no more connections and end those there are."""
        self.desk.scp_port = 0
        if self._acceptor is not None:
            self._acceptor.close()
            for connection in list(self.connections):
                connection.abort()
            await self._acceptor.wait_closed()


class Login(asyncssh.SSHServer):
    """One connection: a login, and after it one session."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._connection: asyncssh.SSHServerConnection | None = None
        self._tries = 0
        self._login: tuple[str, str] | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep count."""
        self._connection = conn
        if len(self._listener.connections) >= MOST_CONNECTIONS:
            conn.abort()
        else:
            self._listener.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep count."""
        if self._connection is not None:
            self._listener.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        """Nobody comes in without a login."""
        return True

    def password_auth_supported(self) -> bool:
        """The one way in."""
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """Whether this is a gateway's key and the id of its open slot; three tries."""
        self._tries += 1
        slot = await self._listener.desk.may_fill(username, password)
        if slot is not None:
            self._login = username, slot.id
        elif self._tries >= 3 and self._connection is not None:
            self._connection.abort()
        return slot is not None

    def session_requested(self) -> asyncssh.SSHServerSession[bytes] | bool:
        """The one session of this login."""
        login, self._login = self._login, None
        return Transfer(self._listener.desk, *login) if login else False


class Transfer(asyncssh.SSHServerSession[bytes]):
    """The session: one command, one file."""

    def __init__(self, desk: BatchDesk, key: str, slot: str) -> None:
        self._desk = desk
        self._command = ["scp", "-t", folder_of(key)]
        self._slot = slot
        self._sink = Sink(f"{slot}.zip", MOST_ZIP)
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """Keep the channel."""
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: object, term_modes: object) -> bool:
        """No terminal."""
        return False

    def exec_requested(self, command: str) -> bool:
        """Whether it is the one command."""
        try:
            return shlex.split(command) == self._command
        except ValueError:
            return False

    def session_started(self) -> None:
        """The client waits for the first byte."""
        self._task = asyncio.create_task(self._receive(), name="old-batch-transfer")

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Bytes of the dialogue."""
        self._arrived.put_nowait(data)
        if self._arrived.qsize() >= MOST_WAITING:
            self._channel.pause_reading()

    def eof_received(self) -> bool:
        """The client has said all; it may still listen."""
        self._arrived.put_nowait(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """What is not complete is dropped."""
        self._arrived.put_nowait(b"")

    async def _receive(self) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._take()
            self._exit(0)
        except FieldstationError as error:
            self._write(b"\x01scp: " + str(error).encode("ascii", "replace") + b"\n")
            self._exit(1)
        except (TimeoutError, asyncssh.Error, OSError):
            self._exit(1)

    async def _take(self) -> None:
        arriving = await self._desk.begin()
        try:
            self._write(GO_ON)
            await self._dialogue(arriving)
        finally:
            await asyncio.to_thread(arriving.drop)

    async def _dialogue(self, arriving: Incoming) -> None:
        while data := await self._next():
            for step in self._sink.feed(data):
                if isinstance(step, Reply):
                    self._write(step.data)
                elif isinstance(step, Piece):
                    await asyncio.to_thread(arriving.write, step.data)
                elif isinstance(step, Whole):
                    await self._desk.complete(arriving, self._slot)
                    self._write(GO_ON)

    async def _next(self) -> bytes:
        async with asyncio.timeout(SILENT_S):
            data = await self._arrived.get()
        if self._arrived.qsize() < MOST_WAITING:
            self._channel.resume_reading()
        return data

    def _write(self, data: bytes) -> None:
        if not self._channel.is_closing():
            self._channel.write(data)

    def _exit(self, status: int) -> None:
        if not self._channel.is_closing():
            self._channel.exit(status)


def host_key(path: Path) -> asyncssh.SSHKey:
    """The listener's own key, made when there is none. Raises ConfigError."""
    try:
        if not path.exists():
            _write_once(path, asyncssh.generate_private_key("ssh-ed25519").export_private_key())
        return asyncssh.read_private_key(path)
    except (OSError, asyncssh.KeyImportError) as error:
        raise ConfigError(
            f"The host key {path} cannot be used: {error}. Move it away to have a new one made."
        ) from error


def _write_once(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
