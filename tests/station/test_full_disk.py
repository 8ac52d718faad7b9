"""A whole station on a disk that is really full for a while."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from proof.wait import until
from tests.sinks.hubdouble import hub_double, reset

from fieldstation.batch.facts import Hole, State
from fieldstation.errors import StoreError
from fieldstation.journal import Reader

from .site import Site, said, site_at

pytestmark = pytest.mark.slow

EVERY_US = 1_000_000
LATE_US = 2_000_000  # a reading may come after the due time that follows its own
# Memory holds thousands of readings; here those of some seconds.
FORGETFUL = "from fieldstation.station import collector\ncollector.MOST_WAITING = 5\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB of its own."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system is mounted here, which takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))


async def test_readings_that_found_no_room_are_a_hole_with_its_end(
    tmp_path: Path, disk: Path
) -> None:
    """The hub is away, so nothing may be deleted; what is to be said finds room in the reserve."""
    async with hub_double() as hub, site_at(tmp_path, hub, EVERY_US / 1e6) as site:
        hub.faults.extend([reset] * 10_000)
        hub.report_faults.extend([reset] * 10_000)
        process = await site.start(FORGETFUL)
        await said(process, "instrument is there")
        _fill(disk)
        await said(process, "the journal takes no readings")
        assert await until(lambda: [hole.open for hole in _full(site)] == [True], 60)
        (disk / "ballast").unlink()
        await said(process, "the journal takes readings again")
        assert await until(lambda: _kept_since_it_closed(site), 60)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        (hole,) = _full(site)
        times = _times(site)
    assert hole.state is State.LOST
    assert hole.count == (hole.last_utc_us - hole.first_utc_us) / EVERY_US + 1
    assert times[0] < hole.first_utc_us
    assert times[-1] > hole.last_utc_us
    inside = [at for at in times if hole.first_utc_us + LATE_US < at <= hole.last_utc_us]
    assert inside == []


def _kept_since_it_closed(site: Site) -> bool:
    holes = _full(site)
    return not any(hole.open for hole in holes) and _times(site)[-1] > holes[0].last_utc_us


def _times(site: Site) -> list[int]:
    """When the station kept what every poll gives."""
    readings = [one for one in site.kept().values() if one.layout.name == "status"]
    return sorted(one.instant.utc_us for one in readings)


def _full(site: Site) -> list[Hole]:
    try:
        with closing(Reader(site.data / "journal.sqlite3")) as reader:
            holes = [hole for hole in reader.holes() if hole.cause == "disk_full"]
    except StoreError:
        return []
    return [hole for hole in holes if not hole.layout]
