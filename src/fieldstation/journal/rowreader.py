"""The readings of a journal, in sequence and from the end.

Rows and packs give the same readings. One that does not fit its digest is never given out: it is
skipped, and its number is reported to `on_damage`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fieldstation.batch.model import Announcement
from fieldstation.errors import StoreUnavailable
from fieldstation.journal.about import read_about
from fieldstation.journal.catalogue import Catalogue
from fieldstation.journal.faults import in_order, in_our_words
from fieldstation.journal.packs import Pack, Packs
from fieldstation.journal.rows import COLUMNS, Row, unpack
from fieldstation.journal.schema import open_readable
from fieldstation.journal.tallies import Place
from fieldstation.model import Kept

SCAN_ROWS = 5000  # rows looked at in one step of a scan, so that memory stays flat
NEAR = 100  # rows on each side of a damaged one among which an intact one is looked for
_APART_US = 3600 * 1_000_000  # a time that is further off than this from its neighbour's is damaged

HIGHEST = (1 << 63) - 1

Numbered = tuple[int, Kept | None]
"""A row's sequence, and its reading if it is intact."""


class RowReader:
    """A journal's file, opened for reading. Belongs to the thread that opened it.

    Raises StoreUnavailable, StoreDamaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with in_our_words(path):
            self._db = self._open()
            with ExitStack() as undo:
                undo.callback(self._db.close)
                self._catalogue = Catalogue(self._db)
                self._packs = Packs(self._db, self._catalogue)
                undo.pop_all()

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists():
            raise StoreUnavailable(f"there is no journal at {self.path}: has the station run?")
        return open_readable(self.path)

    def close(self) -> None:
        """Release the file."""
        with in_our_words(self.path):
            self._db.close()

    def on_damage(self, sequences: Sequence[int]) -> None:
        """Called with the numbers of damaged rows that a read met; a reader cannot note them."""

    @property
    def last(self) -> int:
        """The newest sequence ever given, 0 for none."""
        return self._newest()

    def _newest(self) -> int:
        with in_our_words(self.path):
            newest = self._db.execute("SELECT max(sequence) FROM reading").fetchone()[0] or 0
            return max(newest, self._packs.newest, read_about(self._db).floor)

    @property
    def size_bytes(self) -> int:
        """Bytes of the file that hold something; pages freed by pruning are used again first."""
        with in_our_words(self.path):
            pages, free, size = (
                self._db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            return int((pages - free) * size)

    @property
    def announcements(self) -> dict[tuple[str, str], Announcement]:
        """What is known about every stream, by instrument and layout id."""
        return dict(self._catalogue.announcements)

    def after(self, sequence: int, limit: int) -> list[Kept]:
        """Intact readings with numbers above `sequence`, in order, out of the next `limit`
        rows.
        """
        return [kept for _, kept in self._scan(sequence, limit) if kept is not None]

    def recent(self, limit: int, instrument: str | None = None) -> list[Kept]:
        """The newest `limit` intact readings (of one instrument), newest first."""
        streams = [
            str(number)
            for number, stream in self._catalogue.streams.items()
            if instrument in (None, stream.instrument)
        ]
        if not streams or limit < 1:
            return []
        rows = self._intact(self._raw(0, HIGHEST, limit, down=True, streams=streams))
        down_to = rows[-1][0] if len(rows) == limit else 0
        found: list[Numbered] = []
        with in_our_words(self.path):
            for pack in self._packs.downwards(down_to, self.last):
                if any(str(share.stream) in streams for share in pack.shares):
                    found += [
                        (number, kept)
                        for number, kept in reversed(self._opened(pack))
                        if kept and instrument in (None, kept.reading.instrument)
                    ]
                if len(found) >= limit:
                    break
        return [kept for _, kept in _in_order(rows, found, down=True)[:limit] if kept is not None]

    # --- within ---

    def _walk(self) -> Iterator[Numbered]:
        position = 0
        while step := self._scan(position, SCAN_ROWS):
            yield from step
            position = step[-1][0]

    def _scan(self, sequence: int, limit: int) -> list[Numbered]:
        return self._rows(sequence + 1, HIGHEST, limit)

    def _rows(self, first: int, last: int, most: int, *, down: bool = False) -> list[Numbered]:
        """Up to `most` readings from `first` to `last`, or from `last` down to `first`."""
        if most < 1:
            return []
        rows = self._raw(first, last, most, down=down)
        if len(rows) == most:
            first, last = (rows[-1][0], last) if down else (first, rows[-1][0])
        found = self._from_packs(first, last, most, down=down)
        if len(found) >= most:  # no row beyond them is wanted
            edge = found[most - 1][0]
            rows = [row for row in rows if (row[0] > edge if down else row[0] < edge)]
        alone = self._intact(rows)
        return _in_order(alone, found, down=down)[:most] if found else alone

    def _from_packs(self, first: int, last: int, most: int, *, down: bool) -> list[Numbered]:
        found: list[Numbered] = []
        with in_our_words(self.path):
            packs = self._packs.downwards if down else self._packs.upwards
            for pack in packs(first, last):
                opened = self._opened(pack)
                found += [
                    one for one in (reversed(opened) if down else opened) if first <= one[0] <= last
                ]
                if len(found) >= most:
                    break
        return found

    def _opened(self, pack: Pack) -> list[Numbered]:
        """The readings of a pack with their numbers, None in place of each when it is damaged."""
        kept = self._packs.readings(pack)
        if kept is None:
            self._catalogue.load()  # another program may have added a layout since
            kept = self._packs.readings(pack)
        if kept is None:
            numbers = range(pack.first, pack.last + 1)
            self.on_damage(numbers)
            return [(number, None) for number in numbers]
        return [(one.sequence, one) for one in kept]

    def _intact(self, rows: list[Row]) -> list[Numbered]:
        """Rows with their numbers, None in place of a damaged one."""
        found = self._unpacked(rows)
        if any(kept is None for _, kept in found):
            with in_our_words(self.path):
                self._catalogue.load()  # another program may have added a stream since
            found = self._unpacked(rows)
            damaged = [sequence for sequence, kept in found if kept is None]
            if damaged:
                self.on_damage(damaged)
        return found

    def _raw(
        self, first: int, last: int, most: int = -1, *, down: bool = False,
        streams: Sequence[str] = (),
    ) -> list[Row]:  # fmt: skip
        """Up to `most` rows (-1: all) from `first` to `last`, or down from `last`, as they are."""
        among = f"AND stream IN ({', '.join(streams)})" if streams else ""
        query = (
            f"SELECT {COLUMNS} FROM reading WHERE sequence BETWEEN ? AND ? {among}"  # noqa: S608 - no text from outside
            f" ORDER BY sequence {'DESC' if down else 'ASC'} LIMIT ?"
        )
        with in_our_words(self.path):
            rows = self._db.execute(query, (first, last, most)).fetchall()
            in_order([row[0] for row in rows], first, last, down=down)
        return rows

    def _unpacked(self, rows: Sequence[Row]) -> list[Numbered]:
        streams, boots = self._catalogue.streams, self._catalogue.boots
        return [(row[0], unpack(row, streams, boots)) for row in rows]

    def _place_of(self, row: Row) -> Place | None:
        """Where a row counts that may be damaged: by what it says where this can be, else by its
        nearest neighbour. None when not even its instrument is known.
        """
        sequence, stream, boot_number, utc_us, mono_us = row[:5]
        owner = self._catalogue.owners.get(stream)
        if owner is None:
            return None
        boot = self._catalogue.boots.get(boot_number)
        near = self._near(sequence)
        if near is not None:
            instant = near.reading.instant
            boot = boot or instant.boot
            apart_us = utc_us - instant.utc_us
            both_us = apart_us - (mono_us - instant.mono_us)  # two clocks of one run agree
            if min(abs(apart_us), abs(both_us)) > _APART_US:
                utc_us = instant.utc_us
        return Place(boot, *owner, utc_us) if boot is not None else None

    def _near(self, sequence: int) -> Kept | None:
        before = self._raw(0, sequence - 1, NEAR, down=True)
        for _, kept in self._unpacked([*before, *self._raw(sequence + 1, HIGHEST, NEAR)]):
            if kept is not None:
                return kept
        return None

    @contextmanager
    def _one_moment(self) -> Iterator[None]:
        """Whatever is read within is of one state of the file."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")


def _in_order(rows: list[Numbered], packed: list[Numbered], *, down: bool) -> list[Numbered]:
    """Each number once: what is packed while it is read may be found in both places."""
    both = dict(rows) | dict(packed)
    return sorted(both.items(), reverse=down, key=lambda one: one[0])
