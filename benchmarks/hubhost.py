"""A hub in a process of its own, as users run it, and what it costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class HubHost:
    """A running hub: its address, its process, and after the end all CPU it used."""

    address: str
    process: subprocess.Popen[str]
    cpu_s: float = 0.0

    def cpu_now_s(self) -> float:
        """User and system CPU seconds so far, of all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self) -> int:
        """Memory that is resident now."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096


@contextmanager
def hub_host(data: Path) -> Iterator[HubHost]:
    """Run a hub on a free port until the block ends; then its background work is finished too, and
    `cpu_s` holds all that it used.
    """
    command = [sys.executable, "-m", "fieldstation.cli", "serve", "--data", str(data)]
    process = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address:
            raise SystemExit(f"the hub did not start (exit code {process.wait()})")
        host = HubHost(address, process)
        yield host
        process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        host.cpu_s = usage.ru_utime + usage.ru_stime
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
