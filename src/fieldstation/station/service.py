"""The station as a whole: everything started in order, stopped in order.

1. One station works in a data folder; a second one is refused with a sentence.
   `test_a_second_station_on_the_same_folder_is_refused`
2. On SIGTERM and SIGINT the instruments stop first, then the sinks, then the journal writes what
   waits. `test_a_stop_keeps_what_was_read`
3. A part that ends by a defect ends the station, and the service manager starts it again; only
   instruments are shielded (supervisor).
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldstation.errors import StoreError, StoreUnavailable
from fieldstation.journal import Journal
from fieldstation.sinks.hub import HubSink
from fieldstation.sinks.pump import Pump
from fieldstation.station.clock import Clock, SystemClock
from fieldstation.station.collector import Collector
from fieldstation.station.config import Config, HubSettings
from fieldstation.station.health import status_socket
from fieldstation.station.instrument import Instrument
from fieldstation.station.log import log_to_stderr
from fieldstation.station.notify import notify, watchdog
from fieldstation.station.supervisor import instruments, supervise

if TYPE_CHECKING:
    from fieldstation.station.listening import Listening

log = logging.getLogger(__name__)

JOURNAL = "journal.sqlite3"
LOCK = "station.lock"
MEGABYTE = 1_000_000
DAY_US = 86_400_000_000
HOUSEKEEPING_S = 3600.0
SIZE_S = 60.0
STOP_S = 10.0


def run(config: Config) -> None:
    """Run the station until it is told to stop. Raises StoreUnavailable, StoreFull."""
    log_to_stderr()
    with _alone(config.station.data):
        asyncio.run(_until_signal(Station(config, SystemClock())))


async def _until_signal(station: Station) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await station.run(told)


class Station:
    """A configured station. `run` may be called once."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._started = clock.now()
        journal = config.journal
        self.collector = Collector(
            config.station.data / JOURNAL,
            clock,
            commit_every_s=journal.commit_every_s,
            most_bytes=journal.most_mb * MEGABYTE,
            make_room=self._prune,
        )
        self.pumps = [_hub_pump(self.collector, config.hub)] if config.hub else []
        self.instruments: list[Instrument | Listening] = []

    async def run(self, told: asyncio.Event) -> None:
        """Work until `told` to stop, or until a part fails, which is raised."""
        async with self.collector, status_socket(self._config.station.data, self.status):
            self.instruments = instruments(self._config.instruments, self._clock, self.collector)
            await self._resume()
            log.info("station runs", extra={"station": self._config.station.name})
            notify("READY=1")
            await self._work(told)
            log.info("station stops", extra={"station": self._config.station.name})

    def status(self) -> dict[str, Any]:
        """What `fieldstation status` shows."""
        now = self._clock.now()
        return {
            "station": self._config.station.name,
            "utc_us": now.utc_us,
            "clock": now.trust.name.lower(),
            "boot": now.boot.hex(),
            "running_s": (now.mono_us - self._started.mono_us) / 1e6,
            "instruments": {one.settings.name: one.summary for one in self.instruments},
            "journal": _plain(self.collector.state)
            | {"disk_free_bytes": shutil.disk_usage(self._config.station.data).free},
            "sinks": {
                pump.name: _plain(pump.state)
                | {"backlog": self.collector.state.last_sequence - pump.state.settled}
                for pump in self.pumps
            },
        }

    async def _work(self, told: asyncio.Event) -> None:
        """Run all parts until the end, then stop them in order. The first failure is raised."""
        first = _start(*(supervise(instrument) for instrument in self.instruments))
        then = _start(
            *(pump.run() for pump in self.pumps),
            self._housekeeping(),
            self._sizes(),
            watchdog(self._alive),
        )
        writer = _start(self.collector.run())
        await _first_end(told, [*first, *then, *writer])
        notify("STOPPING=1")
        await _cancel(first)
        await _cancel(then)
        self.collector.finish()
        await asyncio.wait(writer, timeout=STOP_S)
        for task in (*first, *then, *writer):
            if task.done() and not task.cancelled():
                task.result()

    async def _resume(self) -> None:
        """Account for the time since the last run: after the last reading, or the last hole."""
        for instrument in self.instruments:
            name = instrument.settings.name
            reached = await self.collector.ask(partial(_reached, name=name))
            if reached:
                instrument.resume(reached)

    async def _housekeeping(self) -> None:
        """Delete what has been delivered and is old, now and every hour."""
        keep_bytes = self._config.journal.keep_mb * MEGABYTE
        while True:
            with suppress(StoreError):
                while await self.collector.ask(partial(self._prune, keep_bytes=keep_bytes)):
                    pass
            await asyncio.sleep(HOUSEKEEPING_S)

    def _prune(self, journal: Journal, keep_bytes: int = 0) -> int:
        return journal.prune(
            [pump.name for pump in self.pumps],
            now=self._clock.now(),
            keep_us=int(self._config.journal.keep_days * DAY_US),
            keep_bytes=keep_bytes,
        )

    async def _sizes(self) -> None:
        """Keep the journal's size in the status."""
        while True:
            with suppress(StoreError):
                self.collector.state.size_bytes = await self.collector.ask(lambda j: j.size_bytes)
            await asyncio.sleep(SIZE_S)

    async def _alive(self) -> None:
        await self.collector.ask(lambda journal: journal.last)


def _reached(journal: Journal, name: str) -> int:
    """Up to when the instrument is accounted for, in UTC microseconds; 0 when it is new."""
    readings = [kept.reading.instant.utc_us for kept in journal.recent(1, name)]
    holes = [hole.last_utc_us for hole in journal.holes() if hole.instrument == name]
    return max(readings + holes, default=0)


def _start(*works: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    return [asyncio.get_running_loop().create_task(work) for work in works]


async def _first_end(told: asyncio.Event, parts: list[asyncio.Task[None]]) -> None:
    """Return when `told`, or when a part fails."""
    (waiting,) = _start(_heard(told))
    running = {waiting, *parts}
    try:
        while not waiting.done():
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            if any(task.exception() for task in done):
                return
    finally:
        waiting.cancel()


async def _heard(told: asyncio.Event) -> None:
    await told.wait()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=STOP_S)


def _hub_pump(collector: Collector, hub: HubSettings) -> Pump:
    sink = HubSink(hub.url, hub.key_file, proxy=hub.proxy, ca_file=hub.ca_file)
    return Pump(collector, sink, every_s=hub.upload_every_s)


def _plain(state: Any) -> dict[str, Any]:
    return {name: getattr(state, name) for name in state.__slots__}


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the data folder for this process. The lock goes with the process, however it ends."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o750)
        handle = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise StoreUnavailable(
            f"the data folder {data} cannot be used: {error.strerror}; check its owner, or name"
            " another one in [station] data"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreUnavailable(
                f"another station works in {data} already; stop it, or name another folder in"
                " [station] data"
            ) from error
        yield
    finally:
        os.close(handle)
