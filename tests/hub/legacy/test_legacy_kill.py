"""The hub killed while it takes an old batch: the rows end stored, and once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fieldstation.series.embedded import EmbeddedStore

ROWS = 25
# Serves a folder; kills itself once, at the `KILL_AFTER`th return from the function `KILL_AT`.
SERVE = """
import os, signal, sys
from pathlib import Path
from fieldstation.hub import run
from fieldstation.series.embedded import EmbeddedStore

data = Path(sys.argv[1])
run.setup(data)
from fieldstation.hub.legacy import desk, filing, spool, tables
from fieldstation.hub.stations import keys, pins
from fieldstation.hub.stations.models import Gateway

filing.ROWS_AT_ONCE = 10
if not Gateway.objects.exists():
    made = keys.new_gateway("old")
    print(made.id.hex, pins.make_pin(made)[0], flush=True)
places = {
    "kept": (spool.Spool, "keep"),
    "taken in": (desk.BatchDesk, "_take_in"),
    "chosen": (desk.BatchDesk, "_next"),
    "judged": (tables.Tables, "judge"),
    "stored": (EmbeddedStore, "apply"),
    "remembered": (tables.Tables, "save"),
    "filed": (desk.BatchDesk, "_filed"),
    "done": (desk.BatchDesk, "_store_rows"),
}
if where := os.environ.get("KILL_AT"):
    owner, name = places[where]
    real, left = getattr(owner, name), [int(os.environ["KILL_AFTER"])]

    def deadly(*args):
        answer = real(*args)
        left[0] -= answer is not None or where != "chosen"
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, deadly)
run.serve(data, port=0, scp_port=0, ready=lambda url: print(url, flush=True))
"""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(**environment: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("FIELDSTATION_HUB")}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SERVE, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env=kept | environment,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "after"),
    [
        ("kept", 1), ("taken in", 1), ("chosen", 1), ("judged", 5), ("stored", 1), ("stored", 2),
        ("remembered", 1), ("remembered", 3), ("filed", 1), ("done", 1),
    ],
)  # fmt: skip
def test_killed_anywhere_rows_end_stored_once(
    serve: Callable[..., subprocess.Popen[str]], tmp_path: Path, old: Any, where: str, after: int
) -> None:
    rows = [old.row(number, f"2021-01-14 15:{number // 3:02}", number) for number in range(ROWS)]
    process = serve(KILL_AT=where, KILL_AFTER=str(after))
    station, pin = line(process).split()
    with httpx.Client(base_url=line(process), timeout=20) as client:
        gateway = old.OldGateway(client, 0, "old", pin, station)
        gateway.register()
        slot = gateway.slot()
        data = old.zipped(old.table(rows), gateway.key)
        # The hub may die before the last answer of the transfer.
        asyncio.run(_copy(old, gateway, slot, data))
    assert process.wait(20) == -signal.SIGKILL
    again = serve()
    with httpx.Client(base_url=line(again), timeout=20) as gateway.client:
        first = asyncio.run(gateway.settled(slot["batchid"]))
        assert first["status"] == "Processed"
        # A client that never got its answer sends the same table once more.
        asyncio.run(gateway.upload(rows))
    again.send_signal(signal.SIGTERM)
    assert again.wait(20) == 0
    assert not list((tmp_path / "old-batches").iterdir())
    store = EmbeddedStore(tmp_path / "series.sqlite3", background=False)
    try:
        found = old.stored(store, station)
    finally:
        store.close()
    assert [row["number"] for row in found] == list(range(ROWS))
    assert [row["temperature"] for row in found] == list(range(ROWS))


async def _copy(old: Any, gateway: Any, slot: dict[str, Any], data: bytes) -> None:
    try:
        await gateway.copy(slot, data)
    except (old.TransferFailed, OSError, old.asyncssh.Error):
        return


@pytest.mark.slow
def test_without_the_option_no_port_is_open(tmp_path: Path, old: Any) -> None:
    code = SERVE.replace("scp_port=0, ", "")
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            station, pin = line(process).split()
            with httpx.Client(base_url=line(process), timeout=20) as client:
                gateway = old.OldGateway(client, 0, "old", pin, station)
                gateway.register()
                slot = gateway.slot()
            assert slot["port"] == 0
            assert not (tmp_path / "ssh_host_key").exists()
        finally:
            process.kill()
