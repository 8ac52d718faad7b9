"""One life of a station, the program as people start it: from its start to a SIGKILL at a chosen
system call, or at a chosen moment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from proof.wait import until

# Every call by which the journal reaches its files.
WRITING = "pwrite64,fdatasync,fsync,ftruncate,fallocate,rename,renameat2,unlink,unlinkat"
LOOK_S = 0.005
# util-linux: what this starts dies with whoever started it, so nothing outlives the laboratory.
TIED = ("setpriv", "--pdeathsig", "KILL")


def program(*arguments: str) -> list[str]:
    """`fieldstation` with some arguments."""
    return [*TIED, sys.executable, "-m", "fieldstation.cli", *arguments]


def injecting(fault: str) -> list[str]:
    """strace as the front of a command, doing `fault` to it as its `--inject` says."""
    # strace 6.1 gives no signal to a program that it stops by a filter, which costs half as much.
    quick = [] if "signal=" in fault else ["--seccomp-bpf"]
    return [
        *TIED, "strace", "-f", *quick, "-o", "/dev/null", "-e", "signal=none",
        "-e", f"trace={fault.partition(':')[0]}", "-e", f"inject={fault}",
    ]  # fmt: skip


class Life:
    """A running station. `fault` is what strace does to it, nothing when empty."""

    def __init__(self, config: Path, log: Path, fault: str = "") -> None:
        watch = injecting(fault) if fault else []
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*watch, *program("run", "--config", str(config))],
                stdout=subprocess.DEVNULL, stderr=out,
            )  # fmt: skip
        self._watched = bool(fault)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    async def end(self, most_s: float) -> bool:
        """Wait until it is dead; after `most_s` kill it from outside. Whether it died by itself."""
        alone = await self._dead_within(most_s)
        self.signal(signal.SIGKILL)
        await self._dead_within(60.0)
        return alone

    async def stop(self, most_s: float) -> int | None:
        """Stop it as systemd does; its exit code, None when it had to be killed."""
        self.signal(signal.SIGTERM)
        if await self._dead_within(most_s):
            return self._process.returncode
        self.signal(signal.SIGKILL)
        await self._dead_within(60.0)
        return None

    def signal(self, number: int) -> None:
        """Send a signal to the station, if it is still there to hear it."""
        with suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, number)

    @property
    def pid(self) -> int:
        """The station's process, which under strace is a child of ours."""
        if self._watched:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            with suppress(OSError):
                if found := children.read_text().split():
                    return int(found[-1])
        return self._process.pid

    async def _dead_within(self, most_s: float) -> bool:
        return await until(lambda: not self.alive, most_s, LOOK_S)
