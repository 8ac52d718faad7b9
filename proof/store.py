"""The crash-state explorer: opens every disk that a power cut could leave of a journal at work."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from benchmarks.figure import Figure

from fieldstation.journal.schema import PAGE_BYTES
from fieldstation.testing.crashlab import Disk, Model, disks
from fieldstation.testing.crashlab_trace import Said, Step, Sync, record, steps
from proof.part import Part, Progress, told, workers, zero
from proof.witness import Told, Verdict, examine
from proof.work import JOURNAL

FIRST_STEPS = 60  # of a work that others start on
EACH = 8  # disks after each step
MOST_S = 20.0
ANEW = '["anew"]'  # what is said when another journal takes over
THOROUGH = 4  # every so manyth disk is also sent from and written to


UNTESTED = (
    "sectors of less than 512 bytes, neighbouring blocks damaged, cards that lie about a flush",
    "the order in which xfs, btrfs and f2fs make names durable (any order is tried instead)",
)


@dataclass(slots=True)
class Tally:
    """What exploring one trace found."""

    states: int = 0
    accepted: int = 0
    syncs: int = 0
    packs: int = 0
    lost: int = 0
    wrong: int = 0
    damaged: int = 0
    unlike: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict, where: str) -> None:
        """Count one disk."""
        self.states += 1
        for name in ("lost", "wrong", "damaged", "unlike"):
            if found := getattr(verdict, name):
                setattr(self, name, getattr(self, name) + 1)
                self.notes.append(f"{where}: {name} {str(found)[:200]}")


class Start(StrEnum):
    """What a trace starts on."""

    EMPTY = "an empty folder"
    CUT = "a disk after a cut"
    DAMAGED = "a journal whose first page is gone"
    DAMAGED_CUT = "such a journal after a cut, with its log"
    FORM_1 = "a journal of form 1"


COUNTED = ("states", "accepted", "syncs", "packs", "lost", "wrong", "damaged", "unlike")
DAMAGED = (Start.DAMAGED, Start.DAMAGED_CUT)


@dataclass(frozen=True, slots=True)
class Job:
    """One trace to be made and explored. `settings` are further words for the work."""

    seed: int
    model: Model
    count: int
    each: int
    start: Start = Start.EMPTY
    settings: tuple[str, ...] = ()


EXTENT = {
    Start.EMPTY: (3, 50),
    Start.CUT: (3, 10),
    Start.DAMAGED: (2, 4),
    Start.DAMAGED_CUT: (2, 4),
    Start.FORM_1: (1, 0),
}
"""Traces of each model, and how many things each of them does."""


def prove(seed: int, share: float = 1.0) -> Part:
    """Explore traces of both models from all kinds of start."""
    jobs = []
    for start, (traces, count) in EXTENT.items():
        for number in range(max(1, round(traces * share))):
            jobs += [Job(seed + number, model, count, EACH, start) for model in Model]
    with workers() as pool:
        tallies = told(pool.map(explore, jobs), Progress("traces explored", len(jobs)))
    return _part(jobs, tallies)


def _part(jobs: Sequence[Job], tallies: Sequence[Tally]) -> Part:
    sums = Counter[str]()
    notes: list[str] = []
    starts, bad = Counter[Start](), Counter[Start]()
    for job, tally in zip(jobs, tallies, strict=True):
        starts[job.start] += tally.states
        bad[job.start] += tally.lost + tally.wrong + tally.damaged + tally.unlike
        notes += tally.notes
        for name in COUNTED:
            sums[name] += getattr(tally, name)
    return Part(
        (
            Figure("crash states", sums["states"], "", least=20_000),
            *(Figure(f"of them from {start.value}", starts[start], "") for start in Start),
            Figure("accepted readings behind them", sums["accepted"], ""),
            Figure("syncs", sums["syncs"], ""),
            Figure("packs made", sums["packs"], "", least=1),
            zero("states that lost accepted readings", sums["lost"], _from(bad)),
            zero("states with other values, cursors or holes", sums["wrong"]),
            zero("damaged states", sums["damaged"]),
            zero("states that a second opening finds different", sums["unlike"]),
        ),
        UNTESTED,
        tuple(notes),
    )


def _from(bad: Counter[Start]) -> str:
    """Which kinds of start the bad states come from."""
    named = ", ".join(f"{start.value}: {count}" for start, count in bad.items() if count)
    return f"anything wrong from {named}" if named else ""


def explore(job: Job) -> Tally:
    """Make the job's trace and open every disk that comes of it."""
    match job.start:
        case Start.CUT:
            return _explored(job, *_cut(job))
        case Start.DAMAGED:
            return _explored(job, *_damaged(job))
        case Start.DAMAGED_CUT:
            files, lines = _cut(job)
            return _explored(job, {**files, JOURNAL: _spoilt(job, files[JOURNAL])}, [*lines, ANEW])
        case Start.FORM_1:
            from proof.migration import migrated

            return migrated(job)
        case _:
            return _explored(job, {}, [])


def _cut(job: Job) -> tuple[Mapping[str, bytes], list[str]]:
    """A disk after a cut and what was said before it. Its log holds something that is not in the
    file yet, so that there is work to recover.
    """
    base = replace(job, count=FIRST_STEPS, each=4, start=Start.EMPTY)
    made, lines = traced(base, {})
    chance = random.Random(job.seed)
    found = list(disks(made, {}, chance, model=job.model, each=4))
    start = chance.choice([disk for disk in found if any(map(_hot, disk.files.items()))])
    return start.files, lines[: start.said]


def _hot(file: tuple[str, bytes]) -> bool:
    return file[0].endswith("-wal") and len(file[1]) > 4096


def _damaged(job: Job) -> tuple[Mapping[str, bytes], list[str]]:
    """A journal that cannot be opened any more, though every row is there. Of batches and
    revisions the new one knows nothing.
    """
    base = replace(job, count=FIRST_STEPS, each=4, start=Start.EMPTY, settings=("FULL", "end"))
    made, lines = traced(base, {})
    *_, end = disks(made, {}, random.Random(0), model=job.model, each=1)
    return {JOURNAL: _spoilt(job, end.files[JOURNAL])}, [*lines, ANEW]


def _spoilt(job: Job, file: bytes) -> bytes:
    """The file without its first page."""
    damage = bytes(PAGE_BYTES) if job.seed % 2 else random.Random(job.seed).randbytes(PAGE_BYTES)
    return damage + file[PAGE_BYTES:]


def _explored(job: Job, present: Mapping[str, bytes], before: Sequence[str]) -> Tally:
    made, lines = traced(job, present)
    said = [*before, *lines]
    syncs = sum(isinstance(step, Sync) for step in made)
    tally = Tally(accepted=Told.of(said).kept, syncs=syncs, packs=_packs(said))

    def judge(disk: Disk, scratch: Path) -> Verdict:
        heard = Told.of(said[: len(before) + disk.said])
        thorough, aside = tally.states % THOROUGH == 0, job.start in DAMAGED
        return examine(scratch, job.seed, heard, thorough=thorough, aside=aside)

    return judged(job, made, present, tally, judge)


def _packs(said: Iterable[str]) -> int:
    """How many packs were made."""
    told = [json.loads(line) for line in said]
    return sum(rest[0] for word, *rest in told if word == "packed")


def judged(
    job: Job,
    made: Sequence[Step],
    present: Mapping[str, bytes],
    tally: Tally,
    judge: Callable[[Disk, Path], Verdict],
) -> Tally:
    """Lay out every disk of a trace in a folder and add the judgement on it to the tally."""
    chance = random.Random(f"{job.seed} {job.model}")
    with tempfile.TemporaryDirectory(dir=memory()) as scratch:
        for disk in disks(made, present, chance, model=job.model, each=job.each):
            where = f"seed {job.seed}, {job.model}, {job.start}, step {disk.step} ({disk.how})"
            tally.add(_laid_out(disk, Path(scratch) / "disk", judge), where)
    return tally


def _laid_out(disk: Disk, folder: Path, judge: Callable[[Disk, Path], Verdict]) -> Verdict:
    folder.mkdir()
    try:
        for name, data in disk.files.items():
            (folder / name).write_bytes(data)
        with limited(MOST_S):
            return judge(disk, folder)
    except TimeoutError:
        return Verdict(damaged=(f"not opened within {MOST_S:g} s",))
    finally:
        shutil.rmtree(folder)


@contextmanager
def limited(most_s: float) -> Iterator[None]:
    """Raise TimeoutError in a block that takes longer; in a process's main thread only."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, most_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def traced(job: Job, present: Mapping[str, bytes]) -> tuple[list[Step], list[str]]:
    """The steps of a journal's work that starts with the files `present`, and what it said."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, trace = Path(scratch) / "data", Path(scratch) / "trace"
        folder.mkdir()
        for name, data in present.items():
            (folder / name).write_bytes(data)
        work = ["proof.work", str(folder), str(job.seed), str(job.count), *job.settings]
        record([sys.executable, "-m", *work], trace)
        made = steps(trace, folder, list(present))
    return made, [step.text for step in made if isinstance(step, Said)]


def memory() -> str | None:
    """A folder in memory, where there is one: what is tested there needs no disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
