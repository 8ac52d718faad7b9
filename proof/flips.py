"""Bytes changed in a journal's file: whatever is read afterwards is what was written, or is not
given out at all; and the station goes on.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figure import Figure

from fieldstation.errors import StoreError
from fieldstation.journal import Journal, Reader, open_journal
from fieldstation.journal.schema import PAGE_BYTES
from proof.part import Part, Progress, told, workers, zero
from proof.store import memory
from proof.work import JOURNAL, SINK, START_US, hole_of, reading_of

SMALL_ROWS, LARGE_ROWS = 30, 600
RANDOM_FLIPS = 10_000
GO_ON = 10  # every so manyth random flip is also opened for writing
SLICE = 500  # flips of one job
MOST = 1_000_000

UNTESTED = ("flips in the computer's memory before the digest is made",)
_LEAF, _INTERIOR = 0x0D, 0x05


@dataclass(frozen=True, slots=True)
class Job:
    """Flips of one journal: (byte, the bits that change, whether the byte belongs to a row)."""

    content: bytes
    seed: int
    rows: int
    flips: tuple[tuple[int, int, bool], ...]
    write: bool


@dataclass(slots=True)
class Seen:
    """What flips came to."""

    flips: int = 0
    in_rows: int = 0
    noticed: int = 0
    unnoticed: int = 0
    harmless: int = 0
    wrong: int = 0
    opened: int = 0
    stuck: int = 0
    notes: list[str] = field(default_factory=list)


def prove(seed: int, share: float = 1.0) -> Part:
    """Every byte of a small journal, random ones of a larger."""
    small, large = made(seed, SMALL_ROWS), made(seed, LARGE_ROWS)
    chance = random.Random(seed)
    rows = set(row_bytes(small))
    every = range(0, len(small), max(1, round(1 / share)))
    first = [(place, chance.randrange(1, 256), place in rows) for place in every]
    rows = set(row_bytes(large))
    places = [chance.randrange(len(large)) for _ in range(round(RANDOM_FLIPS * share))]
    then = [(place, chance.randrange(1, 256), place in rows) for place in places]
    jobs = [
        *_jobs(small, seed, SMALL_ROWS, first, write=False),
        *_jobs(large, seed, LARGE_ROWS, then, write=True),
    ]
    with workers() as pool:
        found = told(pool.map(flipped, jobs), Progress("pieces of a journal flipped", len(jobs)))
    return _part(found, len(first))


def _part(found: Sequence[Seen], small: int) -> Part:
    def total(name: str) -> int:
        return sum(getattr(seen, name) for seen in found)

    return Part(
        (
            Figure("bytes changed", total("flips"), "", note=f"{small} one after the other"),
            Figure("in a row", total("in_rows"), ""),
            Figure("of these noticed", total("noticed"), ""),
            Figure("of these without any effect on what is read", total("harmless"), ""),
            zero("of these neither", total("unnoticed")),
            zero("wrong values given out", total("wrong")),
            Figure("opened for writing", total("opened"), ""),
            zero("of these that could not go on", total("stuck")),
        ),
        UNTESTED,
        tuple(note for seen in found for note in seen.notes),
    )


def made(seed: int, rows: int) -> bytes:
    """A journal of so many readings, with facts and a sink, as one file."""
    with tempfile.TemporaryDirectory(dir=memory()) as scratch:
        path = Path(scratch) / JOURNAL
        journal, _ = open_journal(path, utc_us=lambda: START_US)
        journal.append([reading_of(seed, number) for number in range(1, rows + 1)])
        for number in range(1, 6):
            journal.write_hole(hole_of(seed, number, number))
        sealed = journal.seal(SINK, rows // 3)
        assert sealed is not None
        journal.settle(SINK, sealed.first, sealed.last)
        journal.close()
        return path.read_bytes()


def row_bytes(content: bytes) -> Iterator[int]:
    """Where the cells of the readings' and facts' tables lie (SQLite file format, section 1.6)."""
    with tempfile.TemporaryDirectory(dir=memory()) as scratch:
        path = Path(scratch) / JOURNAL
        path.write_bytes(content)
        db = sqlite3.connect(path)
        roots = db.execute("SELECT rootpage FROM sqlite_schema WHERE name IN ('reading', 'fact')")
        pages = [int(root) for (root,) in roots]
        db.close()
    while pages:
        start = (pages.pop() - 1) * PAGE_BYTES
        kind, cells = content[start], int.from_bytes(content[start + 3 : start + 5], "big")
        if kind == _INTERIOR:
            pages.append(int.from_bytes(content[start + 8 : start + 12], "big"))
        table = start + (12 if kind == _INTERIOR else 8)
        for entry in range(table, table + 2 * cells, 2):
            cell = start + int.from_bytes(content[entry : entry + 2], "big")
            if kind == _INTERIOR:
                pages.append(int.from_bytes(content[cell : cell + 4], "big"))
            elif kind == _LEAF:
                yield from range(cell, _cell_end(content, cell))


def _cell_end(content: bytes, cell: int) -> int:
    """Behind the cell, whose payload is short enough to lie on its page as a whole."""
    payload, after = _varint(content, cell)
    _, after = _varint(content, after)
    return after + payload


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    while True:
        value = value << 7 | content[place] & 0x7F
        place += 1
        if content[place - 1] < 0x80:
            return value, place


def _jobs(
    content: bytes, seed: int, rows: int, flips: Sequence[tuple[int, int, bool]], *, write: bool
) -> Iterator[Job]:
    for start in range(0, len(flips), SLICE):
        yield Job(content, seed, rows, tuple(flips[start : start + SLICE]), write)


def flipped(job: Job) -> Seen:
    """Read the journal after each of the job's flips."""
    seen = Seen()
    with tempfile.TemporaryDirectory(dir=memory()) as scratch:
        path = Path(scratch) / JOURNAL
        path.write_bytes(job.content)
        good, _ = _read(path)
        for number, (place, bits, in_row) in enumerate(job.flips):
            changed = bytearray(job.content)
            changed[place] ^= bits
            path.write_bytes(changed)
            seen.flips += 1
            seen.in_rows += in_row
            found, noticed = _read(path)
            where = f"seed {job.seed}, {job.rows} rows, byte {place} changed by {bits:#04x}"
            if not found <= good:
                seen.wrong += 1
                seen.notes.append(f"{where}: wrong {sorted(found - good, key=repr)[:1]}")
            if in_row:
                _judge(seen, noticed or found != good, path, where)
            if job.write and number % GO_ON == 0:
                seen.opened += 1
                if fault := _goes_on(Path(scratch), changed, job.seed):
                    seen.stuck += 1
                    seen.notes.append(f"{where}: {fault}")
    return seen


def _judge(seen: Seen, noticed: bool, path: Path, where: str) -> None:
    if noticed:
        seen.noticed += 1
    elif _checked(path):
        seen.harmless += 1
    else:
        seen.unnoticed += 1
        seen.notes.append(f"{where}: not noticed")


def _checked(path: Path) -> bool:
    """Whether a full check finds every row as it was, so that the byte carried no meaning."""
    reader = Reader(path)
    try:
        check = reader.check()
        return not check.damaged and not check.damaged_facts
    finally:
        reader.close()


def _read(path: Path) -> tuple[set[object], bool]:
    """All readings and facts that the journal gives out, and whether it said that not all is
    well.
    """
    found: set[object] = set()
    try:
        reader = Reader(path)
    except StoreError:
        return found, True
    try:
        found.update((kept.sequence, kept.reading) for kept in reader.after(0, MOST))
        found.update(reader.facts_after(0, MOST))
    except StoreError:
        return found, True
    finally:
        reader.close()
    return found, False


def _goes_on(scratch: Path, content: bytes | bytearray, seed: int) -> str:
    """What keeps a station from working with this file; nothing when it can."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        path = Path(folder) / JOURNAL
        path.write_bytes(content)
        try:
            journal, _ = open_journal(path, utc_us=lambda: START_US)
            try:
                _work(journal, seed)
            except StoreError:  # found at work: put aside, and a new one goes on
                journal.release()
                journal, _ = open_journal(path, utc_us=lambda: START_US, damaged=True)
                _work(journal, seed)
            journal.close()
        except (StoreError, LookupError, ValueError, TypeError, sqlite3.Error) as error:
            return f"{type(error).__name__}: {error}"
    return ""


def _work(journal: Journal, seed: int) -> None:
    journal.append([reading_of(seed, journal.last + 1)])
    for _ in range(4):
        if (sealed := journal.seal(SINK, MOST)) is None:
            return
        journal.settle(SINK, sealed.first, sealed.last)
