"""The computer at the field site: its clocks, its disk, and the station that runs on it.

1. A kill leaves what the disk holds between two works of the journal: the folder is copied there
   and the next life works on the copy; whatever the old one still does is in the void.
   (What a cut leaves in the middle of a write is the crash-state explorer's matter.)
2. Time is scripted: monotonic time runs with the event loop, the wall clock is moved at will.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from fieldstation.errors import StoreUnavailable
from fieldstation.model import Instant, Kept, Reading, SerialLine, Trust
from fieldstation.sinks.hub import HubSink
from fieldstation.sinks.pump import Pump
from fieldstation.station.config import (
    Config,
    HubSettings,
    InstrumentSettings,
    JournalSettings,
    StationSettings,
)
from fieldstation.station.instrument import Instrument
from fieldstation.station.port import Bus, Port
from fieldstation.station.service import Station
from proof.scenario.meter import MeterDriver, MeterTwin

if TYPE_CHECKING:
    from fieldstation.station.listening import Listening

EVERY_S = 30.0
UPLOAD_S = 60.0
RESTART_S = 2.0
UNSET_US = 1_577_836_800_000_000  # 2020-01-01: where a machine without a clock battery starts


class MachineClock:
    """The clocks of one machine, as a station sees them; see `station.clock.Clock`."""

    def __init__(self, true_us: Callable[[], int], rng: random.Random) -> None:
        self._true_us = true_us
        self._rng = rng
        self.boot = bytes(16)
        self.reboot(0, trusted=True)

    def reboot(self, error_us: int, *, trusted: bool) -> None:
        """The machine starts: monotonic time begins anew, the wall clock is off by `error_us`."""
        self.kernel = str(self._rng.getrandbits(64))
        self._started_us = self._true_us() - 20_000_000
        self.error_us, self.trusted = error_us, trusted

    def new_run(self) -> None:
        """The station program starts."""
        self.boot = self._rng.randbytes(16)

    def now(self) -> Instant:
        """As `Clock.now`."""
        true_us = self._true_us()
        trust = Trust.SYNCED if self.trusted else Trust.UNSYNCED
        return Instant(true_us + self.error_us, true_us - self._started_us, self.boot, trust)


class LabStation(Station):
    """A station whose ports lead to twins in memory and whose hub is reached through `wire`."""

    def __init__(
        self,
        config: Config,
        clock: MachineClock,
        twins: dict[str, MeterTwin],
        wire: httpx.AsyncBaseTransport,
    ) -> None:
        self.dead = False
        self._twins = twins
        self._wire = wire
        super().__init__(config, clock)

    def _cast(self) -> list[Instrument | Listening]:
        return [self._instrument(one) for one in self._config.instruments]

    def _instrument(self, one: InstrumentSettings) -> Instrument:
        twin, clock = self._twins[one.name], self._clock
        port = Port(
            Bus(), "loop:", one.line, loop_link=lambda: twin.link(lambda: clock.now().utc_us / 1e6)
        )
        return Instrument(one, MeterDriver(), clock, self.collector, port=port)

    def _hub_sink(self, hub: HubSettings) -> HubSink:
        sink = super()._hub_sink(hub)
        sink._web._new_client = lambda: httpx.AsyncClient(transport=self._wire)  # type: ignore[method-assign]
        return sink

    @property
    def pump(self) -> Pump:
        """The way to the hub."""
        return self.pumps[0]


class Machine:
    """One machine: folder, clock, instruments, and the station's present life."""

    def __init__(
        self,
        name: str,
        folder: Path,
        true_us: Callable[[], int],
        rng: random.Random,
        wire: httpx.AsyncBaseTransport,
        key: str,
    ) -> None:
        self.name = name
        self._true_us = true_us
        self.first_us: int | None = None
        self.clock = MachineClock(true_us, rng)
        self.twins = {f"meter{place}": MeterTwin(true_us) for place in (1, 2)}
        self.accepted: dict[tuple[bytes, int], Kept] = {}
        self.starts = self.steps = 0
        self.doubts: list[str] = []  # what makes the number of due readings unknowable
        self._folder = folder
        self._lives = 0
        self._wire = wire
        self.key_file = folder / "gateway.key"
        folder.mkdir()
        self.write_key(key)
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.station: LabStation | None = None
        self.failures: list[str] = []

    @property
    def data(self) -> Path:
        """The folder of the present life."""
        return self._folder / f"life{self._lives}"

    def write_key(self, key: str) -> None:
        """Put a key in its file."""
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(key)

    # --- life and death ---

    def start(self) -> None:
        """Start the station program."""
        if self._task is not None:
            return
        self.clock.new_run()
        self.starts += 1
        if self.first_us is None:
            self.first_us = self._true_us()
        self._told = asyncio.Event()
        self.station = LabStation(self._config(), self.clock, self.twins, self._wire)
        self.data.mkdir(exist_ok=True)
        _listen(self.station, self.accepted)
        self._task = asyncio.get_running_loop().create_task(self.station.run(self._told))
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A station that ends by itself is started again, as systemd does."""
        if task is self._task:
            self.failures.append("" if task.cancelled() else repr(task.exception()))
            self.station = self._task = None
            asyncio.get_running_loop().call_later(RESTART_S, self.start)

    async def stop(self) -> None:
        """Stop it as systemd does."""
        task, self._task = self._task, None
        if task is not None:
            self._told.set()
            await asyncio.wait({task})
        self.station = None

    async def kill(self, image: Path | None = None) -> None:
        """Kill it (rule 1), and let the next life begin on `image` instead of its own disk if one
        is given.
        """
        station, task = self.station, self._task
        self.station = self._task = None
        if station is None or task is None:
            return
        fresh = self._folder / f"life{self._lives + 1}"
        await station.collector.ask(lambda _: self._die(station, fresh if image is None else None))
        if image is not None:
            shutil.copytree(image, fresh)
        self._lives += 1
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task

    def _die(self, station: LabStation, target: Path | None) -> None:
        """On the journal's thread: nothing is written after the disk was copied."""
        station.dead = True
        if target is not None:
            _copy(self.data, target)

    async def copy(self, station: LabStation, target: Path) -> None:
        """What the disk holds now, as another folder."""
        source = self.data
        await station.collector.ask(lambda _: _copy(source, target))

    def _config(self) -> Config:
        hub = HubSettings("http://hub.test", self.key_file, UPLOAD_S)
        meters = tuple(
            InstrumentSettings(name, "meter", "loop:", EVERY_S, SerialLine()) for name in self.twins
        )
        return Config(
            self._folder / "site.toml",
            StationSettings(self.name, self.data),
            meters,
            hub,
            JournalSettings(1.0, 90, 1000, 4000, 0),
        )


def _copy(source: Path, target: Path) -> None:
    target.mkdir()
    for file in source.iterdir():
        if file.is_file():
            shutil.copyfile(file, target / file.name)


def _listen(station: LabStation, accepted: dict[tuple[bytes, int], Kept]) -> None:
    """Note every reading whose commit is reported to whoever waits for it."""
    collector = station.collector
    plain = collector._write

    def write(readings: list[Reading], riders: list[Any]) -> list[Any]:
        if station.dead:
            raise StoreUnavailable("the machine is off")
        before = collector._journal.last
        results = plain(readings, riders)
        for one in collector._journal.after(before, len(readings)) if readings else ():
            accepted[one.reading.instant.boot, one.sequence] = one
        return results

    collector._write = write  # type: ignore[method-assign]
