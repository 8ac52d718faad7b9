"""A journal at work, step by step as a seed says, telling on standard output what it is about to
do and what it was told is done. Run as `python -m proof.work FOLDER SEED STEPS
[SYNCHRONOUS]`; the last word weakens the journal, to see that the laboratory notices.

What it says (one JSON list a line), and what follows from it for whoever opens the file later:

1. `["kept", n]`: readings up to sequence n are accepted.
2. `["sealed", boot, number, first, last]`: this range goes out, and the same again after a restart.
3. `["receipt", first, last]`: the sink has the range, or will never take it; it may be settled and
   deleted now.
4. `["asked", first, last]`: the sink lost the range and gets it again.
5. `["hole", number, count, revision]`: the hole is written with this count, as this revision.
6. `["prune"]`: from here on settled readings may go.
7. `["packed", n]`: n more packs lie in the journal; nothing follows from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from fieldstation.batch.facts import Cause, Hole
from fieldstation.errors import StoreError
from fieldstation.journal import Journal, Sealed, open_journal
from fieldstation.journal.faults import in_our_words
from fieldstation.journal.packs import Sizes
from fieldstation.model import Channel, Instant, Kind, Layout, Reading, Trust
from proof.mend import mend

PACKED = Sizes(2, 12)  # a few readings make a pack, so that short works have many
TRIES = 100
START_US = 1_790_000_000_000_000
PERIOD_US = 10_000_000
BOOT_READINGS = 97  # readings of one run of the station
INSTRUMENTS = 3
JOURNAL = "journal.sqlite3"
SINK = "hub"
NAMES = ("battery_voltage", "battery_current", "load_power", "state_of_charge", "charging", "note")
KINDS = (Kind.NUMBER, Kind.NUMBER, Kind.INTEGER, Kind.NUMBER, Kind.FLAG, Kind.TEXT)
LAYOUT = Layout("proof", "status", tuple(Channel(n, k) for n, k in zip(NAMES, KINDS, strict=True)))

Say = Callable[..., None]


@cache
def boot_of(seed: int, sequence: int) -> bytes:
    """The run that takes the reading of this sequence."""
    return hashlib.blake2b(f"{seed} {sequence // BOOT_READINGS}".encode(), digest_size=16).digest()


@cache
def reading_of(seed: int, sequence: int) -> Reading:
    """The reading that has this sequence: whoever knows the seed knows every value."""
    chance = random.Random(seed << 32 | sequence)
    moment = START_US + sequence * PERIOD_US // INSTRUMENTS
    boot = boot_of(seed, sequence)
    return Reading(
        f"unit-{sequence % INSTRUMENTS}",
        LAYOUT,
        Instant(moment, moment - START_US, boot, Trust.SYNCED),
        (
            chance.choice((None, round(chance.uniform(44, 58), 2))),
            chance.uniform(-90, 90),
            chance.randrange(5000),
            round(chance.random() * 100, 1),
            chance.random() < 0.5,
            chance.choice(("", "bulk", "float", "équilibrée")) * chance.randint(0, 3),
        ),
    )


def hole_of(seed: int, number: int, count: int) -> Hole:
    """The hole of this number after `count` missed readings."""
    begin = START_US + number * PERIOD_US
    last = begin + (count - 1) * PERIOD_US
    return Hole(number, "unit-0", "", Cause.SILENT, boot_of(seed, 0), begin, last, count)


def opened(path: Path) -> Journal:
    """The journal, with the notes' time standing still."""
    return open_journal(path, utc_us=lambda: START_US)[0]


class Work:
    """A seeded sequence of everything that a station does to its journal."""

    def __init__(self, folder: Path, seed: int, say: Say, synchronous: str = "") -> None:
        self._path = folder / JOURNAL
        self._seed = seed
        self._say = say
        self._chance = random.Random(seed)
        self._synchronous = synchronous
        self._open_again()
        self._holes = self.journal.newest_hole

    def run(self, count: int, *, end: bool = False) -> None:
        """Do `count` things; with `end` the last of them is an append."""
        ways = (
            (self.append, 52), (self.send, 18), (self.miss, 8), (self.prune, 6),
            (self.checkpoint, 5), (self.start_again, 4), (self.send_again, 4), (self.give_up, 3),
            (self.pack, 10),
        )  # fmt: skip
        works, weights = zip(*ways, strict=True)
        for work in self._chance.choices(works, weights, k=count):
            try:
                work()
            except StoreError:  # what was not said is not promised; a station starts again
                self.journal.release()
                self._open_again()
        if end:
            self.append()
        with suppress(StoreError):
            self.journal.close()

    def append(self) -> None:
        """A group of readings, small ones more often."""
        size = self._chance.choice((1, 1, 2, 3, 5, 8, 20))
        after = self.journal.last
        self.journal.append([reading_of(self._seed, after + 1 + n) for n in range(size)])
        self._say("kept", self.journal.last)

    def send(self) -> None:
        """A batch to the sink, of the oldest or the newest; its receipt gets lost now and then."""
        sealed = self._seal()
        if sealed is not None and self._chance.random() < 0.8:
            self._say("receipt", sealed.first, sealed.last)
            self.journal.settle(SINK, sealed.first, sealed.last)

    def give_up(self) -> None:
        """A batch that the sink refuses for good."""
        sealed = self._seal()
        if sealed is not None:
            self._say("receipt", sealed.first, sealed.last)
            self.journal.quarantine(SINK, sealed.first, sealed.last, "refused", "too odd")

    def send_again(self) -> None:
        """The sink lost what it had of one run."""
        if not (spans := self.journal.settled_spans(SINK, 3)):
            return
        span = self._chance.choice(spans)
        if self.journal.resend(SINK, *span):
            self._say("asked", *span[1:])

    def miss(self) -> None:
        """A hole opens, or the last one grows."""
        self._holes += self._holes == 0 or self._chance.random() < 0.5
        count = self.journal.last + 1
        revision = self.journal.write_fact(hole_of(self._seed, self._holes, count))
        self._say("hole", self._holes, count, revision)

    def prune(self) -> None:
        """Delete some of what the sink has."""
        now = Instant(START_US * 2, 0, bytes(16), Trust.SYNCED)
        self._say("prune")
        self.journal.prune([SINK], now=now, keep_us=1, keep_bytes=1 << 40)

    def pack(self) -> None:
        """Turn what waits long into packs."""
        before = self._packs
        while self.journal.pack([SINK], self._chance.randint(0, 20), PACKED):
            pass
        self._say("packed", self._packs - before)

    def checkpoint(self) -> None:
        """Bring the log into the file, as happens by itself every thousand pages."""
        with in_our_words(self._path):
            self.journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def start_again(self) -> None:
        """Close and open the journal; a new run begins."""
        self.journal.close()
        self._open()
        self.journal.begin(reading_of(self._seed, self.journal.last + 1).instant, "kernel")

    @property
    def _packs(self) -> int:
        with in_our_words(self._path):
            return int(self.journal._db.execute("SELECT count(*) FROM pack").fetchone()[0])

    def _open_again(self) -> None:
        """Open the journal as soon as the disk lets it."""
        for _ in range(TRIES):
            with suppress(StoreError):
                return self._open()
        raise SystemExit("the journal cannot be opened any more")

    def _seal(self) -> Sealed | None:
        fresh = self._chance.random() < 0.4
        sealed = self.journal.seal(SINK, self._chance.randint(1, 60), fresh=fresh)
        if sealed is not None:
            batch = (sealed.boot.hex(), sealed.number, sealed.first, sealed.last)
            self._say("sealed", *batch)
        return sealed

    def _open(self) -> None:
        self.journal = opened(self._path)
        mend(self.journal, self._path, reading_of(self._seed, self.journal.last + 1).instant)
        if self._synchronous:
            self.journal._db.execute(f"PRAGMA synchronous={self._synchronous}")


def say_line(handle: int, *words: object) -> None:
    """Write one line in one call, so that it stands in its place among the others."""
    os.write(handle, (json.dumps(words) + "\n").encode())


def main(folder: str, seed: str, count: str, synchronous: str = "", end: str = "") -> None:
    """Work in `folder`, saying everything on standard output."""
    Work(Path(folder), int(seed), partial(say_line, 1), synchronous).run(int(count), end=bool(end))


if __name__ == "__main__":
    main(*sys.argv[1:])
