"""The whole station as a process: real pty, real HTTP, real signals."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.sinks.hubdouble import hub_double, lost_reply, reset, status

from fieldstation.errors import ConfigError
from fieldstation.journal import Reader
from fieldstation.station.config import load_config

from .site import RUN, Site, said, site_at

pytestmark = pytest.mark.slow

KILLS = 4


async def _stopped(process: asyncio.subprocess.Process, number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    async with asyncio.timeout(15):
        _, error = await process.communicate()
    assert b"Traceback" not in error, error.decode()
    return process.returncode or 0


async def test_readings_travel_from_the_instrument_to_the_hub(tmp_path: Path) -> None:
    async with hub_double() as hub, site_at(tmp_path, hub) as site:
        process = await site.start()
        await hub.until(lambda: len(hub.stored) >= 20)
        found = await site.status()
        assert await _stopped(process) == 0
        kept = site.kept()
    assert hub.stored.items() <= kept.items()
    assert hub.doubled == 0
    instruments, journal = found["instruments"], found["journal"]
    assert instruments["inverter"]["state"] == "good"  # type: ignore[index]
    assert instruments["inverter"]["serial"]  # type: ignore[index]
    assert journal["last_sequence"] >= 20  # type: ignore[index]
    assert found["sinks"]["hub"]["error"] == ""  # type: ignore[index]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_keeps_what_was_read(tmp_path: Path, number: int) -> None:
    async with site_at(tmp_path) as site:
        process = await site.start()
        await said(process, "instrument is there")
        before = (await site.status())["instruments"]["inverter"]["readings"]  # type: ignore[index]
        assert await _stopped(process, number) == 0
        assert len(site.kept()) >= before > 0
        assert not (site.data / "status.sock").exists()


async def test_a_second_station_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with site_at(tmp_path) as site:
        first = await site.start()
        await said(first, "station runs")
        second = await site.start()
        async with asyncio.timeout(20):
            _, error = await second.communicate()
        assert second.returncode == 74
        assert error.decode().startswith(f"another station works in {site.data} already; stop it")
        first.kill()
        await first.wait()
        third = await site.start()
        await said(third, "station runs")
        assert await _stopped(third) == 0


async def test_nothing_accepted_is_lost_or_doubled_over_kills_and_a_bad_hub(
    tmp_path: Path,
) -> None:
    chance = random.Random(3)
    faults = [lost_reply, reset, status(500), status(200), status(502), lost_reply]
    async with hub_double() as hub, site_at(tmp_path, hub, 0.1) as site:
        for _ in range(KILLS):
            process = await site.start()
            await said(process, "instrument is there")
            hub.faults.extend(chance.sample(faults, 3))
            start = len(hub.stored)
            await hub.until(lambda start=start: len(hub.stored) > start)  # type: ignore[misc]
            await asyncio.wait({asyncio.create_task(process.wait())}, timeout=chance.random())
            process.kill()
            await process.wait()
        hub.faults.clear()
        last = await site.start()
        await said(last, "instrument is there")
        target = set(site.kept())
        await hub.until(lambda: target <= hub.stored.keys(), 30)
        assert await _stopped(last) == 0
        kept = site.kept()
    assert hub.doubled == 0
    assert hub.stored.items() <= kept.items()
    assert sorted(number for _, number in kept) == list(range(1, len(kept) + 1))
    assert len({boot for boot, _ in kept}) == KILLS + 1


async def test_the_time_between_two_runs_is_a_hole(tmp_path: Path) -> None:
    async with site_at(tmp_path) as site:
        first = await site.start()
        await said(first, "instrument is there")
        first.kill()
        await first.wait()
        second = await site.start()
        await said(second, "instrument is there")
        assert await _stopped(second) == 0
        reader = Reader(site.data / "journal.sqlite3")
        causes = [hole.cause for hole in reader.holes() if not hole.open]
        reader.close()
    assert "stopped" in causes


async def test_the_time_before_a_damaged_start_is_one_hole(tmp_path: Path) -> None:
    async with hub_double() as hub, site_at(tmp_path, hub) as site:
        process = await site.start()
        await hub.until(lambda: len(hub.stored) >= 10)
        await _stopped(process, signal.SIGKILL)
        before, journal = site.kept(), site.data / "journal.sqlite3"
        journal.write_bytes(bytes(1024) + journal.read_bytes()[1024:])
        process = await site.start()
        await said(process, "a damaged journal was salvaged")
        start = len(hub.stored)
        await hub.until(lambda: len(hub.stored) >= start + 10)
        assert await _stopped(process) == 0
        kept, reader = site.kept(), Reader(journal)
        holes = reader.holes()
        reader.close()
    assert before.items() <= kept.items()
    assert hub.doubled == 0
    (hole,) = [hole for hole in holes if hole.cause == "stopped"]
    assert hole.count > 0
    assert [hole for hole in holes if hole.open] == []
    times = [one.instant.utc_us for one in kept.values()]
    assert [at for at in times if hole.first_utc_us <= at <= hole.last_utc_us] == []


def test_an_unusable_data_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    site = Site(tmp_path, "/dev/ttyUSB0", None, 1.0)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(site.file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 74
    assert "cannot be used: File exists" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_station_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, fieldstation.station.service, fieldstation.sinks.hub\n"
        "heavy = {'numpy', 'pydantic', 'rich', 'typer', 'django', 'httpx', 'ssl'}\n"
        "print(sorted(heavy & sys.modules.keys() - {'ssl'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_wrong_configuration_never_starts(tmp_path: Path) -> None:
    site = Site(tmp_path, "/dev/ttyUSB0", None, 1.0)
    site.file.write_text(site.file.read_text() + "[hub]\n")
    with pytest.raises(ConfigError, match=r"\[hub\] needs url"):
        load_config(site.file)
    assert not site.data.exists()
    assert os.access(tmp_path, os.W_OK)
