"""The station as a whole: everything started in order, stopped in order.

1. One station works in a data folder; a second one is refused with a sentence.
   `test_a_second_station_on_the_same_folder_is_refused`
2. On SIGTERM and SIGINT the instruments stop first, then the sinks, then the journal writes what
   waits. `test_a_stop_keeps_what_was_read`
3. A part that ends by a defect ends the station, and the service manager starts it again; only
   instruments are shielded (supervisor).
4. Nothing that can be done later delays the first reading: what earlier runs left to account for is
   looked up beside the work (resuming).
5. A process that hangs is ended, by its service manager or by itself (notify).
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
from fieldstation.sinks.budget import Budget
from fieldstation.sinks.hub import HubSink
from fieldstation.sinks.pump import Pump
from fieldstation.sinks.reports import Reports
from fieldstation.station.alive import Progress
from fieldstation.station.clock import Clock, SystemClock
from fieldstation.station.collector import Collector
from fieldstation.station.config import Config, HubSettings
from fieldstation.station.health import Backlog, status_socket
from fieldstation.station.instrument import Instrument
from fieldstation.station.log import log_to_stderr
from fieldstation.station.notify import guard, notify, watchdog
from fieldstation.station.resuming import Resuming
from fieldstation.station.runs import tell_start
from fieldstation.station.supervisor import instruments, supervise
from fieldstation.station.timekeeper import Timekeeper

if TYPE_CHECKING:
    from fieldstation.station.listening import Listening

log = logging.getLogger(__name__)

JOURNAL = "journal.sqlite3"
LOCK = "station.lock"
MEGABYTE = 1_000_000
DAY_US = 86_400_000_000
HOUSEKEEPING_S = 3600.0
SIZE_S = 10.0
STOP_S = 10.0
# A stall of a bad card is shorter; a service manager's watchdog should be longer.
GUARD_S = 45.0


def run(config: Config) -> None:
    """Run the station until it is told to stop. Raises StoreUnavailable, StoreFull."""
    log_to_stderr()
    with _alone(config.station.data):
        asyncio.run(_until_signal(Station(config, SystemClock(), guard_s=GUARD_S)))


async def _until_signal(station: Station) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await station.run(told)


class Station:
    """A configured station. `run` may be called once. It ends the process when it hangs for
    `guard_s` (0: never).
    """

    def __init__(self, config: Config, clock: Clock, guard_s: float = 0.0) -> None:
        self._config = config
        self._clock = clock
        self._started = clock.now()
        self._guard_s = guard_s
        journal = config.journal
        self.collector = Collector(
            config.station.data / JOURNAL,
            clock,
            commit_every_s=journal.commit_every_s,
            most_bytes=journal.most_mb * MEGABYTE,
            make_room=self._prune,
            reserve_bytes=journal.reserve_mb << 20,
        )
        self.timekeeper = Timekeeper(clock, self.collector, self._date)
        self._progress = Progress(self.collector, clock, journal.commit_every_s)
        self.pumps = [self._hub_pump(config.hub)] if config.hub else []
        self._backlogs = {pump.name: Backlog() for pump in self.pumps}
        self.instruments: list[Instrument | Listening] = []

    async def run(self, told: asyncio.Event) -> None:
        """Work until `told` to stop, or until a part fails, which is raised."""
        async with self.collector, status_socket(self._config.station.data, self.status):
            self.instruments = self._progress.instruments = self._cast()
            await self.collector.ask(partial(tell_start, now=self._started))
            log.info("station runs", extra={"station": self._config.station.name})
            notify("READY=1")
            await self._work(told)
            log.info("station stops", extra={"station": self._config.station.name})

    def _cast(self) -> list[Instrument | Listening]:
        return instruments(self._config.instruments, self._clock, self.collector)

    def status(self) -> dict[str, Any]:
        """What `fieldstation status` shows."""
        now = self._clock.now()
        return {
            "station": self._config.station.name,
            "utc_us": now.utc_us,
            "clock": now.trust.name.lower(),
            "time": _plain(self.timekeeper.state),
            "boot": now.boot.hex(),
            "running_s": (now.mono_us - self._started.mono_us) / 1e6,
            "instruments": {one.settings.name: one.summary for one in self.instruments},
            "journal": _plain(self.collector.state) | {"disk_free_bytes": self._disk_free()},
            "sinks": {pump.name: _plain(pump.state) | self._waits(pump) for pump in self.pumps},
        }

    def _hub_sink(self, hub: HubSettings) -> HubSink:
        return HubSink(hub.url, hub.key_file, proxy=hub.proxy, ca_file=hub.ca_file)

    def _hub_pump(self, hub: HubSettings) -> Pump:
        sink = self._hub_sink(hub)
        reports = Reports(
            self.collector, sink, self._clock, sink=sink.name, disk_free=self._disk_free
        )
        return Pump(
            self.collector,
            sink,
            every_s=hub.upload_every_s,
            newest_first=True,
            reports=reports,
            budget=Budget(hub.bytes_per_day, lambda: self._clock.now().utc_us),
        )

    def _waits(self, pump: Pump) -> dict[str, Any]:
        """What waits for a sink, since when, and how long it will take."""
        since = self.collector.state.last_sequence - pump.state.newest
        backlog = self._backlogs[pump.name]
        return {
            "backlog": pump.state.backlog + max(0, since),
            "oldest_utc_us": backlog.oldest_utc_us,
            "drains_in_s": backlog.drains_in_s,
        }

    def _disk_free(self) -> int:
        return shutil.disk_usage(self._config.station.data).free

    async def _work(self, told: asyncio.Event) -> None:
        """Run all parts until the end, then stop them in order. The first failure is raised."""
        first = _start(*(supervise(instrument) for instrument in self.instruments))
        asked = [one for one in self.instruments if isinstance(one, Instrument)]
        resuming = Resuming(asked, self._clock, self.collector, self.timekeeper)
        then = _start(
            *(pump.run() for pump in self.pumps),
            self.timekeeper.run(),
            resuming.run(),
            self._housekeeping(),
            self._sizes(),
            watchdog(self._progress),
            guard(self._progress, self._guard_s),
        )
        writer = _start(self.collector.run())
        await _first_end(told, [*first, *then, *writer])
        notify("STOPPING=1")
        await _cancel(first)
        await _cancel(then)
        if told.is_set():
            self._tell("stopped", "the station was told to stop")
        self.collector.finish()
        await asyncio.wait(writer, timeout=STOP_S)
        for task in (*first, *then, *writer):
            if task.done() and not task.cancelled():
                task.result()

    def _tell(self, what: str, text: str) -> None:
        now = self._clock.now()
        self.collector.soon(lambda journal: journal.tell(now, what, text), 0.0)

    def _date(self, offset_us: int, lasting: bool) -> None:
        """The true time is known."""
        for one in self.instruments:
            if isinstance(one, Instrument):
                one.ledger.date(offset_us, lasting=lasting)

    async def _housekeeping(self) -> None:
        """Delete what has been delivered and is old, pack what waits long, now and every hour."""
        keep_bytes = self._config.journal.keep_mb * MEGABYTE
        sinks = [pump.name for pump in self.pumps]
        while True:
            with suppress(StoreError):
                while await self.collector.ask(partial(self._prune, keep_bytes=keep_bytes)):
                    pass
                while await self.collector.ask(lambda journal: journal.pack(sinks)):
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
        """Keep what `status` says of the journal's size and of what waits in it."""
        while True:
            with suppress(StoreError):
                self.collector.state.size_bytes = await self.collector.ask(lambda j: j.size_bytes)
                for name, backlog in self._backlogs.items():
                    work = partial(backlog.look, name=name, mono_us=self._clock.now().mono_us)
                    await self.collector.ask(work)
            await asyncio.sleep(SIZE_S)


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
