"""A real full disk: a small file system in memory, in a user namespace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_NAMESPACE = ["unshare", "-Urm", sys.executable, "-c"]
_MOUNT = """
import os, subprocess, sys
from pathlib import Path
folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(folder)], check=True)
"""
_FULL = (
    _MOUNT
    + """
from fieldstation.batch.facts import Cause, Hole
from fieldstation.errors import StoreFull
from fieldstation.journal import open_journal
from fieldstation.journal.reserve import Reserve
from fieldstation.model import Channel, Instant, Kind, Layout, Reading, Trust
layout = Layout("meter", "status", (Channel("count", Kind.INTEGER), Channel("note", Kind.TEXT)))
boot = bytes(16)
def reading(index):
    moment = Instant(1_700_000_000_000_000 + index, index, boot, Trust.SYNCED)
    return Reading("meter", layout, moment, (index, "x" * 5000))
journal, _ = open_journal(folder / "journal.sqlite3", utc_us=lambda: 1)
reserve = Reserve(folder / "journal.reserve", 16 << 20)
assert reserve.make() and reserve.there and not reserve.short
kept, full = 0, False
while not full:
    try:
        kept += len(journal.append([reading(kept + place) for place in range(50)]))
    except StoreFull:
        full = True
assert len(journal.after(0, 10**6)) == kept > 1000
other = os.open(folder / "other", os.O_WRONLY | os.O_CREAT)
try:  # the last bytes go as well
    while True:
        os.write(other, bytes(4096))
except OSError:
    os.close(other)
assert reserve.short
hole = Hole(1, "meter", "", Cause.DISK_FULL, boot, 1, 2, 3)
reserve.give_up()
journal.write_hole(hole)
assert not reserve.make()
(folder / "other").unlink()
journal.settle("hub", 1, kept)
now = Instant(1_700_000_000_000_000, 0, boot, Trust.SYNCED)
assert journal.prune(["hub"], now=now, keep_us=1, keep_bytes=0) > 0
journal.append([reading(kept)])
assert journal.holes() == [hole]
assert journal.check().good
journal.close()
print("good")
"""
)


def _possible() -> bool:
    try:
        found = subprocess.run([*_NAMESPACE, "pass"], check=False, capture_output=True)
    except OSError:
        return False
    return found.returncode == 0


@pytest.mark.skipif(not _possible(), reason="this system allows no user namespaces")
def test_on_a_full_disk_the_reserve_takes_the_hole_and_room_heals(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*_NAMESPACE, _FULL, str(tmp_path)],
        check=False, capture_output=True, text=True, timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert ran.stdout == "good\n", ran.stderr


_READ_ONLY = (
    _MOUNT
    + """
import asyncio
from fieldstation.model import Instant, Trust
from fieldstation.station import collector as module
from fieldstation.station.clock import SystemClock
from fieldstation.station.collector import Collector
def mount(how):
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)
async def main():
    path = folder / "journal.sqlite3"
    async with Collector(path, SystemClock()):
        pass
    mount("ro")
    second = Collector(path, SystemClock())
    loop = asyncio.get_running_loop()
    began = loop.time()
    opening = asyncio.ensure_future(second.__aenter__())
    while not second.state.error:
        assert not opening.done(), opening.exception()
        await asyncio.sleep(0.05)
    assert loop.time() - began < 10, second.state.error
    mount("rw")
    await asyncio.wait_for(opening, 15)
    assert await second.ask(lambda journal: journal.check().good)
    await second.__aexit__(None, None, None)
asyncio.run(main())
print("good")
"""
)


@pytest.mark.skipif(not _possible(), reason="this system allows no user namespaces")
def test_a_read_only_file_system_is_told_and_waited_for(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*_NAMESPACE, _READ_ONLY, str(tmp_path)],
        check=False, capture_output=True, text=True, timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert ran.stdout == "good\n", ran.stderr
