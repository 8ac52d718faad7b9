"""A folder with a configuration and a twin on a real pty, and station processes on it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.sinks.hubdouble import KEY, HubDouble

from fieldstation.instruments import registry
from fieldstation.journal import Reader
from fieldstation.model import Reading
from fieldstation.station.health import ask_status
from fieldstation.transport.host import pty_host

RUN = """
import sys
from pathlib import Path
from fieldstation.errors import FieldstationError
from fieldstation.station.config import load_config
from fieldstation.station.service import run
try:
    run(load_config(Path(sys.argv[1])))
except FieldstationError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


class Site:
    """A folder with a configuration, and the station processes that were started on it."""

    def __init__(self, folder: Path, port: str, hub: HubDouble | None, every_s: float) -> None:
        self.folder = folder
        self.file = folder / "site.toml"
        self.data = folder / "data"
        key = folder / "gateway.key"
        key.write_text(KEY)
        key.chmod(0o600)
        text = (
            f'[station]\ndata = "data"\n[instrument.inverter]\nkind = "axpert"\nport = "{port}"\n'
            f"every_s = {every_s}\n[journal]\ncommit_every_s = 0.05\n"
        )
        if hub is not None:
            text += f'[hub]\nurl = "{hub.url}"\nupload_every_s = 0.1\n'
        self.file.write_text(text)
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self, before: str = "", **env: str) -> asyncio.subprocess.Process:
        """Start the station; `before` is Python that its process runs first."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", before + RUN, str(self.file),
            stderr=asyncio.subprocess.PIPE, env=os.environ | env,
        )  # fmt: skip
        self.processes.append(process)
        return process

    async def status(self) -> dict[str, object]:
        return await asyncio.to_thread(ask_status, self.data)

    def kept(self) -> dict[tuple[bytes, int], Reading]:
        reader = Reader(self.data / "journal.sqlite3")
        try:
            return {(k.reading.instant.boot, k.sequence): k.reading for k in reader.after(0, 10**6)}
        finally:
            reader.close()


@asynccontextmanager
async def site_at(
    folder: Path, hub: HubDouble | None = None, every_s: float = 0.1
) -> AsyncIterator[Site]:
    async with pty_host(registry.twin("axpert", fast=True), time.time) as port:
        site = Site(folder, port, hub, every_s)
        try:
            yield site
        finally:
            for process in site.processes:
                if process.returncode is None:
                    process.kill()
                await process.wait()


async def said(process: asyncio.subprocess.Process, words: str) -> str:
    """The first line on standard error that holds `words`."""
    assert process.stderr is not None
    async with asyncio.timeout(20):
        while line := (await process.stderr.readline()).decode():
            if words in line:
                return line
    raise AssertionError(f"the station ended without saying {words!r}")
