"""A real MQTT broker (mosquitto) on a free port of this machine, which may be killed and started
again.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fieldstation.transport.address import MqttPort

# Debian keeps it where only administrators look.
PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")

STARTS = 5
READY_S = 10.0


class Broker:
    """A broker whose files are in `folder`; `settings` are further lines of its configuration."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        self._folder = folder
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self.port = MqttPort("127.0.0.1", 0)

    async def start(self) -> None:
        """Start it, at the port that it had before if it ran already."""
        for _ in range(STARTS):
            number = self.port.port or _free_port()
            if await self._starts(number):
                self.port = MqttPort("127.0.0.1", number)
                return
        raise OSError(f"mosquitto did not start; see {self._folder}/mosquitto.log")

    async def stop(self, *, kill: bool = False) -> None:
        """End it; with `kill` it keeps nothing that it had not written."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill() if kill else process.terminate()
            await process.wait()

    async def _starts(self, number: int) -> bool:
        file = self._folder / "mosquitto.conf"
        file.write_text(
            f"listener {number} 127.0.0.1\npersistence true\n"
            f"persistence_location {self._folder}/\n"
            f"log_dest file {self._folder}/mosquitto.log\nuser root\n{self._settings}\n"
        )
        self._process = await asyncio.create_subprocess_exec(
            str(PROGRAM), "-c", str(file), stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(READY_S):
            while self._process.returncode is None:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", number)
                    writer.close()
                    await writer.wait_closed()
                    return True
                await asyncio.sleep(0.02)
        return False


@asynccontextmanager
async def broker(folder: Path, settings: str = "allow_anonymous true") -> AsyncIterator[Broker]:
    """A running broker until the block ends."""
    one = Broker(folder, settings)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
