"""A field site in the laboratory: a twin on a pty, a station that dies again and again, a hub; and
the comparison of what each of them knows at the end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fieldstation.batch.ranges import Ranges
from fieldstation.cli.hub import write_secret
from fieldstation.errors import StoreError
from fieldstation.journal import Reader
from fieldstation.transport.host import pty_host
from proof.account import Count, Row, hub_rows, row_of, settle_accounts
from proof.emitted import KIND, TellingTwin, plan
from proof.life import Life, program
from proof.wait import until

MOST = 1_000_000
INSTRUMENT = "controller"
EVERY_S = 0.2
PATIENCE_S = 60.0
RECENT = 500  # rows before the newest that are looked at again, for a number given twice
CONFIG = """
[station]
name = "proof"
data = "station"
[instrument.controller]
kind = "{kind}"
port = "{port}"
every_s = {every_s}
[journal]
commit_every_s = 0.05
keep_mb = 1
[hub]
url = "http://127.0.0.1:{hub}"
key_file = "gateway.key"
upload_every_s = 0.2
"""


class Site:
    """One site. `accepted` are readings by sequence, as the journal held them after each death."""

    def __init__(self, folder: Path, twin: TellingTwin) -> None:
        self.folder = folder
        self.twin = twin
        self.accepted: dict[int, Row] = {}
        self.again: list[int] = []
        self.waiting = Ranges()
        self._life: Life | None = None
        self.hub_command: list[str] = []
        self._hub: subprocess.Popen[bytes] | None = None

    @property
    def journal(self) -> Path:
        """The station's journal."""
        return self.folder / "station" / "journal.sqlite3"

    def start(self, fault: str = "") -> Life:
        """A new life of the station, with what strace does to it."""
        self._life = Life(self.folder / "site.toml", self.folder / "station.log", fault)
        return self._life

    def resident_bytes(self) -> int:
        """Memory of the station that runs."""
        assert self._life is not None
        pages = int(Path(f"/proc/{self._life.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def clear(self) -> None:
        """Leave nothing running."""
        if self._life is not None:
            self._life.signal(signal.SIGKILL)
        self.kill_hub()

    def start_hub(self) -> None:
        """Start the hub on the port that it has had before."""
        with (self.folder / "hub.log").open("ab") as log:
            self._hub = subprocess.Popen(self.hub_command, stdout=log, stderr=log)

    def kill_hub(self) -> None:
        """As a power cut does it."""
        assert self._hub is not None
        self._hub.kill()
        self._hub.wait()

    def stop_hub(self) -> int:
        """Stop it as systemd does; its exit code."""
        assert self._hub is not None
        self._hub.terminate()
        return self._hub.wait(PATIENCE_S)

    def note(self) -> None:
        """Remember what the journal holds; the station must be dead."""
        if not self.journal.exists():
            return
        try:
            reader = Reader(self.journal)
        except StoreError:
            return  # killed before the tables were there
        try:
            for kept in reader.after(max(self.accepted, default=0) - RECENT, MOST):
                row = row_of(kept.reading)
                if self.accepted.setdefault(kept.sequence, row) != row:
                    self.again.append(kept.sequence)
        finally:
            reader.close()

    async def drain(self, most_s: float = PATIENCE_S) -> int | None:
        """Let the station live until the hub has everything, and stop it. Its exit code."""
        life = self.start()
        goal = max(self.accepted, default=0)
        await until(
            lambda: not life.alive or (newest(self.journal) > goal and self._settled(goal)), most_s
        )
        code = await life.stop(PATIENCE_S)
        self.note()
        self.waiting = waiting_in(self.journal)
        return code

    async def end_life(self) -> None:
        """Stop the station that runs."""
        if self._life is not None:
            await self._life.stop(PATIENCE_S)
        self.note()

    def _settled(self, goal: int) -> bool:
        return not waiting_in(self.journal).known(1, goal)

    async def finish(self) -> tuple[int | None, int]:
        """Let everything arrive, and stop both programs; their exit codes."""
        return await self.drain(), self.stop_hub()

    def compare(self, causes: Sequence[str] = ("stopped",)) -> Count:
        """Twin's ledger, journal and hub against each other, after `finish`. A hole has the right
        cause if it is one of `causes`.
        """
        reader = Reader(self.journal)
        holes = [hole for hole in reader.holes(MOST) if hole.instrument == INSTRUMENT]
        reader.close()
        hub = hub_rows(self.folder / "hub" / "series.sqlite3", [poll.layout for poll in plan()])
        count = settle_accounts(self.twin, self.accepted, self.waiting, hub, holes, causes, EVERY_S)
        count.doubled += len(self.again)
        count.notes += [f"sequence {number} was given twice" for number in self.again]
        return count


def waiting_in(journal: Path) -> Ranges:
    """What the hub does not have, seen from outside."""
    reader = Reader(journal)
    try:
        return Ranges(reader.unsettled("hub"))
    finally:
        reader.close()


def newest(journal: Path) -> int:
    """The newest sequence, seen from outside; 0 while there is no journal."""
    try:
        reader = Reader(journal)
    except StoreError:
        return 0
    try:
        return reader.last
    finally:
        reader.close()


@asynccontextmanager
async def site(folder: Path, seed: int) -> AsyncIterator[Site]:
    """A site in `folder` with its twin and its hub running."""
    twin = TellingTwin(seed)
    async with pty_host(twin, time.time) as port:
        number = _free_port()
        text = CONFIG.format(kind=KIND, port=port, hub=number, every_s=EVERY_S)
        (folder / "site.toml").write_text(text, encoding="utf-8")
        made = await asyncio.create_subprocess_exec(
            *program("hub", "add-gateway", "proof", "--data", str(folder / "hub")),
            stdout=subprocess.PIPE,
        )
        key, _ = await made.communicate()
        write_secret(folder / "gateway.key", key.decode().strip())
        here = Site(folder, twin)
        here.hub_command = program("serve", "--data", str(folder / "hub"), "--port", str(number))
        here.start_hub()
        try:
            yield here
        finally:
            here.clear()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
