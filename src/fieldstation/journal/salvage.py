"""What can still be believed of a journal that was put aside.

1. A row is believed only if its digest fits, whatever page it is found on.
   `test_no_page_of_garbage_yields_a_reading`
2. The digest of a reading names its instrument, layout and boot. Where the tables that tell these
   are lost, whatever is known of them is tried.
   `test_readings_outlive_the_tables_of_streams_and_boots`
3. Memory stays bounded: one bit for each reading, beside what the small tables hold.
4. Work goes in steps of STEP_PAGES pages, each a fraction of a second.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fieldstation.batch.facts import Fact, Tally
from fieldstation.batch.model import Announcement
from fieldstation.batch.ranges import Ranges
from fieldstation.journal.catalogue import OLDER, age
from fieldstation.journal.cursors import Cursor
from fieldstation.journal.digest import digest
from fieldstation.journal.facts import fact_in
from fieldstation.journal.packs import opened
from fieldstation.journal.pages import PageFile, Record
from fieldstation.journal.quarantine import Counts, Quarantined
from fieldstation.journal.rows import Stream, unpack
from fieldstation.journal.tallies import Key, key_of
from fieldstation.model import Kept, Layout

STEP_PAGES = 32
_BLOCK = 4096  # sequences whose bits lie together
# No station gives so many numbers: 1000 readings a second for 8000 years.
_MOST_SEQUENCE = 1 << 48

READING, PACK = "niiiiitb", "niitbb"
_NOT_ROWS = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Run:
    """What the table of boots says of one. `number`: under which it goes back, None where that is
    not known.
    """

    kernel: str
    started_utc_us: int
    number: int | None = None


class Seen:
    """A set of sequences, one bit each."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}
        self.count = 0

    def add(self, sequence: int) -> bool:
        """Whether it is new."""
        block, place = divmod(sequence, _BLOCK)
        bits = self._blocks.setdefault(block, bytearray(_BLOCK // 8))
        mark = 1 << place % 8
        new = not bits[place // 8] & mark
        bits[place // 8] |= mark
        self.count += new
        return new

    def ranges(self) -> Ranges:
        """The same as ranges."""
        found = Ranges()
        for block in sorted(self._blocks):
            bits = self._blocks[block]
            if bits.count(0xFF) == len(bits):
                found.add(block * _BLOCK, (block + 1) * _BLOCK - 1)
                continue
            for place in range(_BLOCK):
                if bits[place // 8] & 1 << place % 8:
                    found.add(block * _BLOCK + place, block * _BLOCK + place)
        return found


class Salvage:
    """All that is found in the file `aside`, which is the `nth` newest of those that wait.
    `announcements` and `boots` are what is known of streams and runs from elsewhere. Take all
    `steps`, then look at the rest.
    """

    def __init__(
        self,
        aside: Path,
        announcements: Iterable[Announcement] = (),
        boots: Iterable[bytes] = (),
        nth: int = 1,
    ) -> None:
        self.aside = aside
        self._nth = nth
        self.announcements = {(one.instrument, one.layout.id): one for one in announcements}
        self.layouts = {one.layout.id: one.layout for one in self.announcements.values()}
        self.runs = dict.fromkeys(boots, Run("", 0))
        self.cursors: dict[str, Cursor] = {}
        self.quarantine: dict[tuple[str, int, int], tuple[Quarantined, Counts]] = {}
        self.seen = Seen()
        self.counts: Counter[Key] = Counter()
        """Readings found, by run, instrument and day."""
        self.untallied: Counter[Key] = Counter()
        """Those of them that no tally held yet."""
        self.shares: dict[bytes, Counter[tuple[str, str]]] = {}
        """Readings found of each run, by instrument and name of the layout."""
        self.newest: dict[tuple[str, str], Kept] = {}
        """The newest reading found, by instrument and name of the layout."""
        self.tallied = 0
        self._facts: dict[tuple[bytes, bytes], tuple[int, Fact]] = {}
        self._streams: dict[int, set[tuple[str, str]]] = {}
        self._boots: dict[int, set[bytes]] = {}
        self._words: dict[tuple[str, str], tuple[int, str, str]] = {}
        self._pairs: list[tuple[str, Layout]] = []

    def steps(self) -> Iterator[list[Kept]]:
        """Go through the file twice: for what gives readings their meaning, then for them. Each
        step gives the readings that were not found before, and may take a fraction of a second.
        """
        with PageFile(self.aside) as file:
            for records in _stepwise(file):
                for record in records:
                    if record.shape not in (READING, PACK):
                        with suppress(*_NOT_ROWS):
                            self._learn(record)
                yield []
            self._gather()
            for records in _stepwise(file):
                yield self._readings(records)

    @property
    def facts(self) -> list[Fact]:
        """The facts found, without tallies, as they were written last."""
        ordered = sorted(self._facts.values(), key=lambda found: found[0])
        return [fact for _, fact in ordered if not isinstance(fact, Tally)]

    @property
    def tallies(self) -> dict[Key, int]:
        """What the tallies found say."""
        facts = (fact for _, fact in self._facts.values())
        return {
            (fact.boot, fact.instrument, fact.day): fact.stored
            for fact in facts
            if isinstance(fact, Tally)
        }

    # --- what gives meaning ---

    def _learn(self, record: Record) -> None:
        """Take in a row of a small table, of this form or of the first one."""
        match record.shape:
            case "tttb" if _intact(record):
                what, _, row = record.values
                self._from_copy(_text(what), json.loads(_text(row)))
            case "ttttb" | "tttt":
                self._layout(_text(record.values[3]))
            case "nttittb":
                self._stream(record.rowid, *record.values[1:6], believed=_intact(record))
            case "nttitt":
                self._stream(record.rowid, *record.values[1:6], believed=True)
            case "nttib":
                self._boot(record.rowid, _text(record.values[1]), *record.values[2:4])
            case "nbti":
                self._boot(record.rowid, bytes(_data(record.values[1])).hex(), *record.values[2:4])
            case "ntttb" if _intact(record):
                self._fact(record)
            case "titbiiib" if _intact(record):
                self._cursor(record)
            case "ntiiib" if digest(*record.values[1:-1]) == record.values[-1]:
                self.tallied = max(self.tallied, _number(record.values[4]))
            case "ntiittitb" if _intact(record):
                self._set_apart(record)
            case _:
                pass

    def _from_copy(self, what: str, row: list[Any]) -> None:
        if what == "layout":
            self._layout(row[3])
        elif what == "stream":
            self._stream(*row, believed=True)
        elif what == "boot":
            self._boot(*row)

    def _layout(self, definition: str) -> None:
        layout = Layout.from_json(json.loads(definition))
        self.layouts[layout.id] = layout  # its id follows from what it says

    def _stream(self, number: int, *row: Any, believed: bool) -> None:
        instrument, layout_id, every_us, serial, model = map(_plain, row)
        self._streams.setdefault(number, set()).add((instrument, layout_id))
        if believed:
            self._words[instrument, layout_id] = every_us, serial, model

    def _boot(self, number: int, boot: str, kernel: Any, started_utc_us: Any) -> None:
        known = bytes.fromhex(boot)
        if len(known) == 16:
            self._boots.setdefault(number, set()).add(known)
            self.runs[known] = Run(_plain(kernel), _plain(started_utc_us))

    def _fact(self, record: Record) -> None:
        kind, key, body, mark = map(_data, record.values[1:])
        fact = fact_in((record.rowid, kind, key, body, mark))
        if fact is not None and record.rowid > self._facts.get((kind, key), (0,))[0]:
            self._facts[kind, key] = record.rowid, fact

    def _cursor(self, record: Record) -> None:
        name, settled, islands, boot, number, first, last, _ = record.values
        pairs = tuple((low, high) for low, high in json.loads(_text(islands)))
        flight = (_data(boot), _number(number), _number(first), _number(last))
        new = Cursor(_text(name), _number(settled), pairs, *flight)
        known = self.cursors.get(new.name)
        if known is None or _older(known, new):
            self.cursors[new.name] = new

    def _set_apart(self, record: Record) -> None:
        _, sink, first, last, code, message, found, readings, _ = map(_plain, record.values)
        counts = Counter({(name, day): count for name, day, count in json.loads(readings)})
        entry = Quarantined(sink, first, last, code, message, found)
        self.quarantine[sink, first, last] = entry, counts

    def _gather(self) -> None:
        """Bring together what stood on different pages."""
        for (instrument, layout_id), words in self._words.items():
            if layout_id in self.layouts:
                told = Announcement(instrument, self.layouts[layout_id], *words)
                self.announcements.setdefault((instrument, layout_id), told)
        known = [(age(number), boot) for number, boots in self._boots.items() for boot in boots]
        for place, (_, boot) in enumerate(sorted(known)):
            self.runs[boot] = replace(self.runs[boot], number=OLDER * self._nth + place)
        named = {pair for pairs in self._streams.values() for pair in pairs}
        self._pairs = [
            (instrument, self.layouts[layout_id])
            for instrument, layout_id in sorted({*self.announcements, *named})
            if layout_id in self.layouts
        ]

    # --- readings ---

    def _readings(self, records: Iterable[Record]) -> list[Kept]:
        found = []
        for record in records:
            for kept in self._believed(record):
                if kept.sequence < _MOST_SEQUENCE and self.seen.add(kept.sequence):
                    self._count(kept)
                    found.append(kept)
        return found

    def _believed(self, record: Record) -> list[Kept]:
        """The readings of a row of theirs, or of a pack, whose body has a digest of its own."""
        if record.shape == PACK:
            return opened(_data(record.values[5]), self.layouts) or []
        kept = self._reading(record) if record.shape == READING else None
        return [kept] if kept is not None else []

    def _count(self, kept: Kept) -> None:
        reading, key = kept.reading, key_of(kept.reading)
        self.counts[key] += 1
        self.untallied[key] += kept.sequence > self.tallied
        share = self.shares.setdefault(reading.instant.boot, Counter())
        kind = (reading.instrument, reading.layout.name)
        share[kind] += 1
        if kind not in self.newest or self.newest[kind].sequence < kept.sequence:
            self.newest[kind] = kept

    def _reading(self, record: Record) -> Kept | None:
        """The reading, under the first stream and boot that its digest fits."""
        row = (record.rowid, *record.values[1:])
        number, boot_number = row[1], row[2]
        named = self._streams.get(_number(number), set())
        pairs = [(name, self.layouts[key]) for name, key in named if key in self.layouts]
        boots = self._boots.get(_number(boot_number)) or self.runs
        for instrument, layout in pairs or self._pairs:
            for boot in boots:
                stream = Stream(_number(number), instrument, layout)
                with suppress(*_NOT_ROWS):
                    kept = unpack(row, {stream.number: stream}, {_number(boot_number): boot})
                    if kept is not None:
                        return kept
        return None


def highest(aside: Path) -> int:
    """The highest number that the file tells of: of a row that looks like a reading, believed or
    not, or that an intact cursor or the journal itself names. No reading in it has a higher one.
    """
    found = 0
    with PageFile(aside) as file:
        for page in file.pages():
            numbers = (number for record in file.records(page) for number in _given(record))
            found = max([found, *(number for number in numbers if number < _MOST_SEQUENCE)])
    return found


def _given(record: Record) -> tuple[int, ...]:
    """The numbers that a row says were given."""
    match record.shape:
        case "niiiiitb":
            return (record.rowid,)
        case "niitbb":
            return (_number(record.values[1]),)
        case "titbiiib" if _intact(record):
            return _number(record.values[1]), _number(record.values[6])
        case "ntiiib" if digest(*record.values[1:-1]) == record.values[-1]:
            return (_number(record.values[2]),)
        case _:
            return ()


def waiting(path: Path) -> list[Path]:
    """The files put aside from the journal `path` that were not gone through, oldest first."""
    name = re.escape(path.stem) + r"\.damaged-[^.]*" + re.escape(path.suffix)
    try:
        found = [one for one in path.parent.iterdir() if re.fullmatch(name, one.name)]
    except OSError:
        return []
    return sorted(found, key=lambda one: (len(one.name), one.name))  # a second of one moment is -2


def done_name(aside: Path) -> Path:
    """What the file is called when it was gone through."""
    return aside.with_name(aside.name.replace(".damaged-", ".salvaged-"))


def _stepwise(file: PageFile) -> Iterator[list[Record]]:
    records: list[Record] = []
    for count, page in enumerate(file.pages(), 1):
        records += file.records(page)
        if count % STEP_PAGES == 0:
            yield records
            records = []
    yield records


def _older(known: Cursor, new: Cursor) -> bool:
    """Whether `new` should be believed before `known`: later, or as late and saying less, for what
    is sent twice does no harm.
    """
    if known.number != new.number:
        return known.number < new.number
    return _covered(new) < _covered(known)


def _covered(cursor: Cursor) -> int:
    return cursor.settled + sum(last - first + 1 for first, last in cursor.islands)


def _intact(record: Record) -> bool:
    """Whether a row fits the digest in its last column; its number is part of what it says."""
    parts = [record.rowid if part is None else part for part in record.values[:-1]]
    return digest(*parts) == record.values[-1]


def _data(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("neither a text nor a blob")
    return value


def _text(value: object) -> str:
    return _data(value).decode()


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("not a number")
    return value


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
