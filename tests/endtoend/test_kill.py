"""Station and hub as people run them, killed in the middle of everything, with nothing said.

The twin's serial line, the journal, HTTP and the hub's store are all real. What counts at the end:
every reading that the journal accepted is at the hub, with its own time and values, once.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from fieldstation.cli.hub import write_secret
from fieldstation.errors import StoreUnavailable
from fieldstation.instruments import registry
from fieldstation.journal import Reader
from fieldstation.model import Kept, Trust
from fieldstation.series.embedded import EmbeddedStore
from fieldstation.transport.host import pty_host

pytestmark = pytest.mark.slow

SITE = """
[station]
name = "kill"
data = "station"
[instrument.inverter]
kind = "axpert"
port = "{port}"
every_s = 0.2
[journal]
commit_every_s = 0.05
[hub]
url = "http://127.0.0.1:{hub}"
key_file = "gateway.key"
upload_every_s = 0.2
"""
PATIENCE_S = 60.0
PLACED_WITHIN_US = 1_000_000
READINGS_BETWEEN_KILLS = 8
KILLS = ("station", "hub", "station", "hub", "hub", "station")


class Program:
    """`fieldstation` with some arguments, killed and started again at will."""

    def __init__(self, *arguments: str) -> None:
        self._command = [sys.executable, "-m", "fieldstation.cli", *arguments]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """As a power cut does it: no signal that could be caught."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """Stop it as systemd does."""
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE_S)


@contextmanager
def program(*arguments: str) -> Iterator[Program]:
    """A running program that does not outlive the block."""
    running = Program(*arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


async def until(what: Callable[[], bool]) -> None:
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.05)


def kept_in(journal: Path) -> list[Kept]:
    """What the journal holds, looked at while the station writes."""
    try:
        reader = Reader(journal)
    except StoreUnavailable:  # the station has not made it yet
        return []
    try:
        return reader.after(0, 1_000_000)
    finally:
        reader.close()


def settled_in(journal: Path) -> int:
    """Up to where the hub's receipts reach."""
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as db:
        row = db.execute("SELECT settled FROM sink").fetchone()
    return int(row[0]) if row else 0


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[tuple[Path, int]]:
    """A configuration, with a twin on a real pty behind it, and the port the hub will have."""
    async with pty_host(registry.twin("axpert", seed=5, fast=True), time.time) as port:
        hub_port = free_port()
        file = folder / "site.toml"
        file.write_text(SITE.format(port=port, hub=hub_port), encoding="utf-8")
        yield file, hub_port


def add_gateway(folder: Path) -> None:
    """Register the station in a process of its own; Django serves one folder for each process."""
    command = ["hub", "add-gateway", "kill", "--data", str(folder / "hub")]
    made = subprocess.run(
        [sys.executable, "-m", "fieldstation.cli", *command],
        capture_output=True,
        text=True,
        check=True,
    )
    write_secret(folder / "gateway.key", made.stdout.strip())


async def test_nothing_accepted_is_lost_or_doubled_whoever_is_killed(tmp_path: Path) -> None:
    add_gateway(tmp_path)
    journal = tmp_path / "station" / "journal.sqlite3"
    async with site(tmp_path) as (config, hub_port):
        hub_arguments = ("serve", "--data", str(tmp_path / "hub"), "--port", str(hub_port))
        with (
            program(*hub_arguments) as hub,
            program("run", "--config", str(config)) as station,
        ):
            for victim in KILLS:
                goal = len(kept_in(journal)) + READINGS_BETWEEN_KILLS
                await until(lambda goal=goal: len(kept_in(journal)) >= goal)  # type: ignore[misc]
                one = hub if victim == "hub" else station
                one.kill()
                one.start()
            goal = kept_in(journal)[-1].sequence
            await until(lambda: settled_in(journal) >= goal)
            assert station.end() == 0
            assert hub.end() == 0
    compare(kept_in(journal), tmp_path / "hub" / "series.sqlite3", settled_in(journal))


def compare(kept: list[Kept], series: Path, settled: int) -> None:
    """The store holds the journal's readings from the first on, each once with its time and
    values, and at least those that a receipt has settled.
    """
    store = EmbeddedStore(series, background=False)
    try:
        (entry,) = store.catalogue()
        names = ["battery_voltage", "ac_output_active_power"]
        columns = store.read(entry.station, "inverter", names, 0, entry.last_us + 1)
    finally:
        store.close()
    assert len({one.sequence for one in kept}) == len(kept) >= len(KILLS) * READINGS_BETWEEN_KILLS
    due = sum(one.sequence <= settled for one in kept)
    assert due <= entry.readings <= len(kept)
    delivered = [one.reading for one in kept[: entry.readings]]
    status = [reading for reading in delivered if reading.layout.name == "status"]
    errors_us = np.abs(columns.times_us - [reading.instant.utc_us for reading in status])
    # A machine whose clock nobody disciplines learns the time from the hub, in a round trip.
    synced = np.array([reading.instant.trust is Trust.SYNCED for reading in status])
    assert (errors_us[synced] == 0).all()
    assert (errors_us < PLACED_WITHIN_US).all()
    for name in names:
        expected = np.array([reading.by_name()[name] for reading in status])
        assert np.array_equal(np.asarray(columns.values[name], float), expected)
