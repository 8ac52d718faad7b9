"""What a journal must hold, by what was said of it, and whether it does.

Knows the seed and what was said, and asks the journal through its own methods only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fieldstation.batch.facts import DAY_US
from fieldstation.batch.ranges import Ranges
from fieldstation.errors import StoreError
from fieldstation.journal import Journal, open_journal
from fieldstation.model import Kept
from proof.mend import mend
from proof.work import JOURNAL, SINK, START_US, hole_of, reading_of

MOST = 1_000_000
MOST_BATCHES = 2000


@dataclass(slots=True)
class Told:
    """What follows from the lines said so far."""

    kept: int = 0
    sealed: tuple[str, int, int, int] | None = None
    received: Ranges = field(default_factory=Ranges)
    holes: dict[int, int] = field(default_factory=dict)
    revision: int = 0
    pruning: bool = False

    def hear(self, line: str) -> None:
        """Take in one line."""
        word, *rest = json.loads(line)
        if word == "kept":
            self.kept = rest[0]
        elif word == "sealed":
            self.sealed = tuple(rest)
        elif word == "receipt":
            self.received.add(*rest)
            self.sealed = None
        elif word == "hole":
            self.holes[rest[0]], self.revision = rest[1:]
        elif word == "asked":
            self.received.remove(*rest)
        elif word == "anew":  # another journal took over, which numbers batches and facts itself
            self.sealed, self.revision = None, 0
        elif word == "prune":
            self.pruning = True

    @classmethod
    def of(cls, lines: Iterable[str]) -> Told:
        """What follows from all of `lines`."""
        told = cls()
        for line in lines:
            told.hear(line)
        return told


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a journal that was opened after a cut; all empty: nothing."""

    lost: tuple[int, ...] = ()
    wrong: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.wrong or self.damaged or self.unlike)


def examine(
    folder: Path, seed: int, told: Told, *, thorough: bool = True, aside: bool = False
) -> Verdict:
    """Open the journal in `folder` as a station does, twice, and compare it with what was told;
    with `thorough` also send everything that is left, and go on writing. `aside` allows that it is
    put aside and salvaged.
    """
    path = folder / JOURNAL
    try:
        journal, put = open_journal(path, utc_us=lambda: START_US)
    except StoreError as error:
        return Verdict(damaged=(f"{type(error).__name__}: {error}",))
    try:
        damaged: tuple[str, ...] = () if put is None or aside else (f"put aside as {put.name}",)
        mend(journal, path, reading_of(seed, journal.last + 1).instant)
        check = journal.check()
        damaged += tuple(map(str, check.structure + check.damaged))
        damaged += ("a damaged fact",) * check.damaged_facts + check.notes
        first = _image(journal)
        lost, wrong = _against(first[0], seed, told)
        wrong += _facts(journal, seed, told)
        journal.close()
        journal, again = open_journal(path, utc_us=lambda: START_US)
        second = _image(journal)
        unlike = () if first == second and again is None else ("the second opening differs",)
        if thorough:
            if put is not None or aside:
                _hear_the_sink(journal, told)
            wrong += _goes_on(journal, seed, told)
    except (StoreError, LookupError, ValueError) as error:
        return Verdict(damaged=(f"{type(error).__name__}: {error}",))
    finally:
        journal.close()
    return Verdict(lost, wrong, damaged, unlike)


def _image(journal: Journal) -> tuple[list[Kept], object, object, object]:
    kept = journal.after(0, MOST)
    return kept, journal.cursor(SINK), journal.facts_after(0, MOST), journal.identity


def _against(
    kept: Sequence[Kept], seed: int, told: Told
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Accepted readings that are missing, and readings that are not what was written."""
    there = {one.sequence: one.reading for one in kept}
    lost = tuple(
        sequence
        for sequence in range(1, told.kept + 1)
        if sequence not in there and not (told.pruning and told.received.known(sequence, sequence))
    )
    wrong = tuple(
        f"reading {sequence} is another one"
        for sequence, reading in there.items()
        if reading != reading_of(seed, sequence)
    )
    return lost, wrong


def _facts(journal: Journal, seed: int, told: Told) -> tuple[str, ...]:
    there = {hole.number: hole for hole in journal.holes(MOST)}
    wrong = []
    for number, count in told.holes.items():
        hole = there.get(number)
        if hole is None or hole.count < count:
            wrong.append(f"hole {number} with {count} readings is not there")
    for number, hole in there.items():
        meant = hole_of(seed, number, hole.count)
        if (hole.first_utc_us, hole.last_utc_us) != (meant.first_utc_us, meant.last_utc_us):
            wrong.append(f"hole {number} is another one")
    if journal.revision < told.revision:
        wrong.append(f"revision {told.revision} is given again")
    days = (START_US // DAY_US, (START_US + journal.last * 10_000_000) // DAY_US)
    stored = sum(account.stored for account in journal.ledger(SINK, *days))
    if stored != journal.last:
        wrong.append(f"the ledger counts {stored} of {journal.last} stored readings")
    return tuple(wrong)


def _hear_the_sink(journal: Journal, told: Told) -> None:
    """What every first report of a station does: it names what it takes for settled, and the sink
    asks for what it misses of that. The pages of a damaged file may know an older cursor only.
    """
    for boot, first, last in journal.settled_spans(SINK, MOST_BATCHES):
        for start, end in told.received.absent(first, last):
            journal.resend(SINK, boot, start, end)


def _goes_on(journal: Journal, seed: int, told: Told) -> tuple[str, ...]:
    """The same batch goes out again, everything that the sink has not goes out, and the next
    reading has a new number.
    """
    wrong = []
    sent = Ranges(told.received.pairs)
    first = True
    for _ in range(MOST_BATCHES):
        if (sealed := journal.seal(SINK, 500)) is None:
            break
        if first and told.sealed is not None and told.sealed[1] == sealed.number:
            batch = (sealed.boot.hex(), sealed.number, sealed.first, sealed.last)
            if batch != told.sealed:
                wrong.append(f"batch {told.sealed} went out again as {batch}")
        first = False
        if any(one.reading != reading_of(seed, one.sequence) for one in sealed.kept):
            wrong.append(f"batch {sealed.number} holds other readings")
        sent.add(sealed.first, sealed.last)
        journal.settle(SINK, sealed.first, sealed.last)
    else:
        wrong.append("there is no end of batches to send")
    if told.kept and (never := sent.absent(1, told.kept)):
        wrong.append(f"readings {never} would never be sent")
    newest = journal.last
    (kept,) = journal.append([reading_of(seed, newest + 1)])
    if kept.sequence <= told.kept:
        wrong.append(f"sequence {kept.sequence} is given twice")
    return tuple(wrong)
