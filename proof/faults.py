"""A disk that fails, fills, stalls or turns read-only, under a journal and a whole station."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.figure import Figure

from proof.account import Count
from proof.life import Life, injecting
from proof.part import Part, Progress, told, workers, zero
from proof.site import EVERY_S, Site, newest, site
from proof.wait import until
from proof.witness import Told, Verdict, examine

RUNS = 40  # of each kind
WORK_STEPS = 60
LAST_CALL = {"pwrite64": 400, "fdatasync": 70, "pread64": 120, "fsync": 2}
KINDS = ("fdatasync:error=EIO", "pwrite64:error=EIO", "pread64:error=EIO", "pwrite64:error=ENOSPC",
         "fdatasync:error=ENOSPC", "fsync:error=EIO")  # fmt: skip
STALL_S = 5.0
AWAY_S = 6.0
HEAL_S = 60.0
FAILING = "150..190"  # which of the writing calls fail
AFTERWARDS = 150  # readings to wait for
ROOM = "size=6m"
DISK = ("disk_full", "store")  # what a hole may say whose readings met no room, or no disk

UNTESTED = ("a card that fails for good while the station runs", "errors of a network file system")


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a journal's work with a fault put in."""

    seed: int
    fault: str


def prove(seed: int, share: float = 1.0) -> Part:
    """Errors at chosen calls; then a station on a disk that stalls, fills and turns read-only."""
    chance = random.Random(seed)
    jobs = []
    for kind in KINDS:
        for number in range(max(1, round(RUNS * share))):
            first = chance.randint(1, LAST_CALL[kind.partition(":")[0]])
            last = first + chance.choice((0, 0, 1, 30))
            jobs.append(Job(seed + number, f"{kind}:when={first}..{last}"))
    with workers() as pool:
        verdicts = told(pool.map(failed, jobs), Progress("disk errors", len(jobs)))
    bad = [
        f"seed {job.seed}, {job.fault}: {verdict}"
        for job, (verdict, _) in zip(jobs, verdicts, strict=True)
        if not verdict.good
    ]
    figures = [
        Figure("runs with disk errors", len(jobs), ""),
        Figure("readings accepted in them", sum(kept for _, kept in verdicts), ""),
        zero("accepted and lost", sum(len(verdict.lost) for verdict, _ in verdicts)),
        zero("runs after which anything was wrong", len(bad)),
    ]
    part = asyncio.run(_stations(seed))
    return Part((*figures, *part.figures), (*part.untested, *UNTESTED), (*bad, *part.failures))


def failed(job: Job) -> tuple[Verdict, int]:
    """The verdict on the journal after a run with the job's fault, and how many it accepted."""
    with tempfile.TemporaryDirectory() as scratch:
        work = [sys.executable, "-m", "proof.work", scratch, str(job.seed), str(WORK_STEPS)]
        done = subprocess.run(
            [*injecting(job.fault), *work], capture_output=True, text=True, check=False, timeout=120
        )
        heard = Told.of(done.stdout.splitlines())
        verdict = examine(Path(scratch), job.seed, heard, aside=True)
        if done.returncode:
            fault = done.stderr.strip().splitlines()[-1:]
            verdict = Verdict(wrong=(f"the work ended with {done.returncode}: {fault}",))
        return verdict, heard.kept


async def _stations(seed: int) -> Part:
    figures: list[Figure] = []
    notes: list[str] = []
    for run in (_stall, _full, _read_only, _broken_disk):
        if run is _full and os.geteuid() != 0:
            continue
        found, said = await run(seed)
        figures += found
        notes += said
    untested = ("a full disk under a station: this needs root",)
    return Part(tuple(figures), untested if os.geteuid() else (), tuple(notes))


Found = tuple[Sequence[Figure], Sequence[str]]
Act = Callable[[Path], None]


async def _stall(seed: int) -> Found:
    """One sync takes 5 s: the instrument is asked on its grid all the while."""
    with tempfile.TemporaryDirectory() as scratch:
        async with site(Path(scratch), seed) as here:
            here.start(f"fdatasync:delay_enter={int(STALL_S * 1e6)}:when=25")
            await until(lambda: len(here.twin.emitted) > 12 / EVERY_S, 60)
            times = [emission.utc_s for emission in here.twin.emitted]
            count = await _account(here)
    longest = max(after - before for before, after in pairwise(times))
    figures = (
        Figure("5 s stall of a sync: longest wait between two polls", longest, "s", most=1.0),
        zero("5 s stall: accepted and lost", count.lost),
    )
    return figures, count.notes


async def _full(seed: int) -> Found:
    """The disk has no room for a while."""

    def fill(folder: Path) -> None:
        with (folder / "ballast").open("wb") as file:
            while True:
                try:
                    os.write(file.fileno(), bytes(1024))
                except OSError:
                    return

    return await _away(seed, "full disk", fill, _empty)


def _empty(folder: Path) -> None:
    (folder / "ballast").unlink()


async def _read_only(seed: int) -> Found:
    """The disk says for many calls that it is read-only, as ext4 does after an error."""
    return await _failing(seed, "read-only disk", "EROFS")


async def _broken_disk(seed: int) -> Found:
    """The disk gives errors for many calls."""
    return await _failing(seed, "disk errors", "EIO")


async def _failing(seed: int, name: str, error: str) -> Found:
    with tempfile.TemporaryDirectory() as scratch:
        async with site(Path(scratch), seed) as here:
            life = here.start(f"pwrite64,fdatasync:error={error}:when={FAILING}")
            await until(lambda: newest(here.journal) > 20, 60)
            took_s = await _longest_rest(here, life)
            count = await _account(here)
    return _figures(name, took_s, not life.alive, count), count.notes


async def _longest_rest(here: Site, life: Life) -> float:
    """The longest time without a new reading on the disk; a station that ends is started again."""
    longest, seen, since = 0.0, newest(here.journal), time.monotonic()
    goal = seen + AFTERWARDS
    while seen < goal and time.monotonic() - since < HEAL_S:
        if not life.alive:
            life = here.start()
        await asyncio.sleep(0.05)
        if (now := newest(here.journal)) > seen:
            longest = max(longest, time.monotonic() - since)
            seen, since = now, time.monotonic()
    return max(longest, time.monotonic() - since)


async def _away(seed: int, name: str, break_it: Act, mend_it: Act) -> Found:
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "station"
        with _own_disk(data):
            return await _broken(name, Path(scratch), seed, break_it, mend_it)


async def _broken(name: str, folder: Path, seed: int, break_it: Act, mend_it: Act) -> Found:
    async with site(folder, seed) as here:
        data = here.journal.parent
        life = here.start()
        await until(lambda: newest(here.journal) > 50, 60)
        here.note()
        break_it(data)
        await _noting(here, AWAY_S)
        ended = not life.alive
        before = newest(here.journal)
        mend_it(data)
        mended = time.monotonic()
        if ended:
            here.start()
        await until(lambda: newest(here.journal) > before, HEAL_S)
        took_s = time.monotonic() - mended
        count = await _account(here)
    return _figures(name, took_s, ended, count), count.notes


async def _noting(here: Site, seconds: float) -> None:
    """Look at what is accepted all the while: a full disk gives up what the hub has."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        here.note()
        await asyncio.sleep(0.02)


async def _account(here: Site) -> Count:
    """Let it work on for a moment, then stop all and compare."""
    await asyncio.sleep(2.0)
    await here.end_life()
    await here.finish()
    return here.compare((*DISK, "stopped"))


def _figures(name: str, took_s: float, ended: bool, count: Count) -> Sequence[Figure]:
    right = count.missed - count.outside_holes - count.wrong_cause
    return (
        Figure(f"{name}: until readings are kept again", took_s, "s", most=HEAL_S),
        Figure(f"{name}: the station had to be started again", ended, ""),
        zero(f"{name}: accepted and lost", count.lost),
        zero(f"{name}: at the hub twice", count.doubled),
        Figure(f"{name}: told and not accepted", count.missed, ""),
        zero(f"{name}: of them in no hole", count.outside_holes),
        Figure(
            f"{name}: of them in a hole with the right cause",
            100.0 * right / count.missed if count.missed else 100.0, "%", least=95,
        ),
    )  # fmt: skip


@contextmanager
def _own_disk(folder: Path) -> Iterator[None]:
    """A small file system for the station alone."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", ROOM, "proof", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
