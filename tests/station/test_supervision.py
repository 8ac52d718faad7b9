"""A station that hangs is ended and started again: by its service manager, or by itself.

Real processes, a real pty; the test is the service manager. The tests print how long it took.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldstation.errors import NotFound, StoreUnavailable

from .site import Site, said, site_at

pytestmark = pytest.mark.slow

WATCHDOG_S = 2.0
HANGS_S = 3.0
GUARD = "import fieldstation.station.service as service\nservice.GUARD_S = 1.5\n"
# What a driver, a library or a dying card could do, brought about seconds after the start.
HANG = """
import threading, time
import fieldstation.station.service as service
from fieldstation.station.collector import Collector
enter = Collector.__aenter__
async def entered(self):
    import asyncio
    made = await enter(self)
    asyncio.get_running_loop().call_later({after}, {how})
    return made
Collector.__aenter__ = entered
"""
LOOP = HANG.format(after=HANGS_S, how="lambda: time.sleep(600)")
JOURNAL = HANG.format(after=HANGS_S, how="lambda: self._thread.submit(time.sleep, 600)")
# The writer's task is gone, the thread answers: nothing is ever written.
WRITER = """
import asyncio
import fieldstation.station.alive as alive
alive.UNWRITTEN_S = 0.5
from fieldstation.station.collector import Collector
commit = Collector.commit
async def stalls(self):
    if self.state.last_sequence > 3:
        await asyncio.Event().wait()
    await commit(self)
Collector.commit = stalls
"""


class Manager:
    """A service manager: starts a station, and again when it does not ping in time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.bind(str(self.path))
        self._channel.setblocking(False)
        self.environment = {
            "NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)),
        }  # fmt: skip

    async def hears(self) -> bytes:
        """The next message; nothing when the watchdog's time is over."""
        try:
            async with asyncio.timeout(WATCHDOG_S):
                return await asyncio.get_running_loop().sock_recv(self._channel, 100)
        except TimeoutError:
            return b""

    async def ready(self) -> None:
        async with asyncio.timeout(30):
            while await self.hears() != b"READY=1":
                pass

    async def until_silent(self) -> int:
        """How many pings came before they stopped."""
        pings = 0
        async with asyncio.timeout(30):
            while await self.hears() == b"WATCHDOG=1":
                pings += 1
        return pings

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path)
    yield made
    made.close()


async def _reads(site: Site, above: int = 0) -> None:
    """Return when the station has kept more readings than that."""
    async with asyncio.timeout(30):
        while True:
            try:
                status = await site.status()
            except (NotFound, StoreUnavailable):
                status = {"journal": {"last_sequence": 0}}
            if status["journal"]["last_sequence"] > above:  # type: ignore[index]
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("fault", ["loop", "journal", "writer", "stopped"])
async def test_what_hangs_is_not_pinged_for_and_a_restart_heals_it(
    tmp_path: Path, manager: Manager, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {"loop": LOOP, "journal": JOURNAL, "writer": WRITER, "stopped": ""}[fault]
    async with site_at(tmp_path) as site:
        process = await site.start(before, **manager.environment)
        await manager.ready()
        hung = time.monotonic() + HANGS_S
        await _reads(site)
        if fault == "stopped":
            process.send_signal(signal.SIGSTOP)
            hung = time.monotonic()
        await manager.until_silent()
        assert process.returncode is None
        process.kill()
        await process.wait()
        kept = len(site.kept())
        await site.start(**manager.environment)
        await _reads(site, kept)
        with capsys.disabled():
            print(f"\n{fault}: {time.monotonic() - hung:.1f} s from the hang to the next reading")
        assert await manager.hears() in (b"READY=1", b"WATCHDOG=1")
    assert time.monotonic() - hung < 2.5 * WATCHDOG_S + 5


async def test_a_station_that_works_is_pinged_for(tmp_path: Path, manager: Manager) -> None:
    async with site_at(tmp_path) as site:
        process = await site.start(**manager.environment)
        await manager.ready()
        assert [await manager.hears() for _ in range(4)] == [b"WATCHDOG=1"] * 4
        process.send_signal(signal.SIGTERM)
        assert await manager.hears() in (b"STOPPING=1", b"WATCHDOG=1")


@pytest.mark.parametrize(("fault", "stands"), [(LOOP, "<lambda>"), (JOURNAL, "_worker")])
async def test_a_blocked_loop_ends_the_process_with_a_traceback(
    tmp_path: Path, fault: str, stands: str
) -> None:
    async with site_at(tmp_path) as site:
        process = await site.start(GUARD + fault)
        await said(process, "station runs")
        began = time.monotonic()
        async with asyncio.timeout(20):
            _, error = await process.communicate()
        assert process.returncode == 1
        assert time.monotonic() - began < HANGS_S + 1.5 + 2.0
        assert "Timeout" in error.decode()
        assert stands in error.decode()
        assert "Thread" in error.decode()
        again = await site.start(GUARD)
        await said(again, "instrument is there")
