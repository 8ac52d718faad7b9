"""Reading a journal: readings, facts, what each sink has, the ledger, and checking it all. A second
program may read while the station writes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fieldstation.batch.facts import ClockFact, Event, Fact, Hole
from fieldstation.batch.ranges import Range
from fieldstation.batch.report import Span
from fieldstation.errors import StoreDamaged
from fieldstation.journal import spares
from fieldstation.journal.about import read_about
from fieldstation.journal.cursors import Cursor, Cursors
from fieldstation.journal.facts import Facts, best_clock
from fieldstation.journal.faults import in_our_words
from fieldstation.journal.ledger import Account, Books
from fieldstation.journal.meter import Meter
from fieldstation.journal.quarantine import Quarantined, damaged_notes, given_up, quarantined
from fieldstation.journal.rowreader import HIGHEST, SCAN_ROWS, RowReader
from fieldstation.journal.runs import Runs
from fieldstation.journal.tallies import Key, key_of


@dataclass(frozen=True, slots=True)
class Check:
    """What a scan of the whole journal found: intact `rows`, numbers of `damaged` rows, faults of
    the file's `structure` in SQLite's words; intact `facts` and how many are damaged; rows of the
    small tables (`notes`) that do not fit their digests.
    """

    rows: int
    damaged: tuple[int, ...]
    structure: tuple[str, ...]
    facts: int = 0
    damaged_facts: int = 0
    notes: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing is damaged."""
        return not (self.damaged or self.structure or self.damaged_facts or self.notes)


class Reader(RowReader):
    """A journal opened for reading, with all that it holds. Belongs to the thread that opened it.

    Raises StoreUnavailable, StoreDamaged.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._facts = Facts(self._db)

    def kernel_of(self, boot: bytes) -> str:
        """The run of the machine in which this run of the station took place; "" when unknown."""
        return self._catalogue.kernels.get(boot, "")

    @property
    def order_of_runs(self) -> list[bytes]:
        """The runs of the station that are known, oldest first."""
        return self._catalogue.order

    def boots_of(self, kernel: str) -> list[bytes]:
        """The runs of the station in one run of the machine, oldest first."""
        return self._catalogue.boots_of(kernel)

    # --- facts ---

    @property
    def identity(self) -> str:
        """The name of this numbering of facts: 8 bytes in hex."""
        with in_our_words(self.path):
            return read_about(self._db).identity

    @property
    def revision(self) -> int:
        """The newest revision of a fact, 0 for none."""
        with in_our_words(self.path):
            return self._facts.revision

    def facts_after(self, revision: int, most: int) -> list[tuple[int, Fact]]:
        """The intact facts among the next `most` above `revision`, each with its own, in order."""
        with in_our_words(self.path):
            return self._facts.after(revision, most)

    def holes(self, most: int = 1000) -> list[Hole]:
        """The holes that were written last, newest first."""
        with in_our_words(self.path):
            return self._facts.of(Hole, most)

    def events(self, most: int = 1000) -> list[Event]:
        """The events that were written last, newest first."""
        with in_our_words(self.path):
            return self._facts.of(Event, most)

    def clock_of(self, boot: bytes) -> ClockFact | None:
        """The best that is known of the clock in the machine's run of this boot."""
        kernel = self.kernel_of(boot)
        with in_our_words(self.path):
            return best_clock(self._facts.of(ClockFact), kernel) if kernel else None

    @property
    def newest_hole(self) -> int:
        """The highest number that the station gave to a hole, 0 when there is none."""
        with in_our_words(self.path):
            return self._facts.newest_hole

    def newest_number(self, made: type[Hole | ClockFact | Event], boot: bytes) -> int:
        """The highest number of a fact of this kind in this run, 0 when there is none."""
        with in_our_words(self.path):
            return self._facts.newest_number(made, boot)

    # --- sinks ---

    def cursor(self, sink: str) -> Cursor:
        """How far the sink has come."""
        return self._known_cursors()[sink]

    @property
    def sinks(self) -> list[str]:
        """The names of the sinks that got something."""
        return self._known_cursors().names

    def unsettled(self, sink: str) -> list[Range]:
        """The ranges of sequences that the sink does not have, oldest first."""
        return self.cursor(sink).ranges.absent(0, self.last)

    def backlog(self, sink: str) -> int:
        """How many readings the sink does not have. Cheap: counts numbers, and a number may have no
        reading any more.
        """
        return sum(last - first + 1 for first, last in self.unsettled(sink))

    def oldest_utc_us(self, sink: str) -> int:
        """The time of the first reading that the sink does not have, 0 for none."""
        for first, last in self.unsettled(sink):
            for _, kept in self._rows(first, last, 1):
                if kept is not None:
                    return kept.reading.instant.utc_us
        return 0

    def settled_spans(self, sink: str, most: int) -> list[Span]:
        """What the sink should have of the readings that are here: at most `most` spans of runs,
        newest first. What was given up is left out.
        """
        with in_our_words(self.path):
            settled, boots = self.cursor(sink).ranges, self._catalogue.boots
            for pair in given_up(self._db, sink).pairs:
                settled.remove(*pair)
            spans: list[Span] = []
            for boot, first, last in self._known_runs().newest_first(self.last):
                if boot in boots:
                    known = reversed(settled.known(first, last))
                    spans += [(boots[boot], start, end) for start, end in known]
                if len(spans) >= most:
                    break
            return spans[:most]

    def sent_today(self, day: int) -> int:
        """Bytes sent on a day (days since 1970-01-01)."""
        with in_our_words(self.path):
            return self._known_meter()[day]

    def quarantined(self, most: int = 1000) -> list[Quarantined]:
        """What was set aside from delivery, newest first."""
        with in_our_words(self.path):
            return quarantined(self._db, most)

    def ledger(self, sink: str, first_day: int, last_day: int) -> list[Account]:
        """For each instrument and day (days since 1970-01-01, both included) where its readings
        are, in order of day and instrument.
        """
        with in_our_words(self.path), self._one_moment():
            about = read_about(self._db)
            first = self._db.execute("SELECT min(sequence) FROM reading").fetchone()[0]
            packed = self._packs.oldest
            first = min((one for one in (first, packed) if one is not None), default=None)
            books = Books(
                self._db,
                self._packs,
                self._facts,
                {number: owner for number, (owner, _) in self._catalogue.owners.items()},
                self._untallied(about.tallied),
                self.cursor(sink),
                self.last,
                whole=(first or self.last + 1) == about.origin + 1,
            )
            return books.accounts(first_day, last_day)

    # --- check ---

    def check(self) -> Check:
        """Read everything once: the file's structure and every row against its digest."""
        with in_our_words(self.path):
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check")]
        rows, damaged = 0, []
        for sequence, kept in self._walk():
            rows += kept is not None
            if kept is None:
                damaged.append(sequence)
        structure = () if found == ["ok"] else tuple(found)
        with in_our_words(self.path):
            self._catalogue.load()
            facts, damaged_facts = self._facts.damaged()
            notes = [*self._catalogue.damaged, *spares.damaged(self._db), *damaged_notes(self._db)]
            notes += self._packs.damaged()
            try:
                read_about(self._db)
            except StoreDamaged:
                notes.append("about")
        return Check(rows, tuple(damaged), structure, facts, damaged_facts, tuple(notes))

    # --- within ---

    def _known_cursors(self) -> Cursors:
        with in_our_words(self.path):
            return Cursors(self._db, read_about(self._db).origin)

    def _known_runs(self) -> Runs:
        return Runs(self._db, self.last)

    def _known_meter(self) -> Meter:
        return Meter(self._db)

    def _untallied(self, tallied: int) -> Counter[Key]:
        """Where the readings count that no tally holds yet, also those that were damaged since."""
        counts: Counter[Key] = Counter()
        while rows := self._raw(tallied + 1, HIGHEST, SCAN_ROWS):
            for row, (_, kept) in zip(rows, self._unpacked(rows), strict=True):
                if kept is not None:
                    counts[key_of(kept.reading)] += 1
                elif (place := self._place_of(row)) is not None:
                    counts[place.key] += 1
            tallied = rows[-1][0]
        return counts
