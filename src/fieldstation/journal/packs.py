"""Many readings as one row, for a journal whose sink is away for long: a tenth of the bytes, and
sent as they lie here.

1. A pack holds up to MOST readings of one run without a gap in their numbers. Its body is the batch
   that will be sent, with the digest that every batch has.
   `test_a_pack_goes_out_as_the_bytes_that_lie_in_the_journal`
2. Its outline says how many readings of which stream and day it holds, under a digest of its own,
   so that what a damaged body held is known. `test_a_flipped_bit_in_a_pack_costs_this_pack_only`
3. A damaged outline costs nothing: it is read from the body again.
   `test_a_damaged_outline_costs_no_reading`
4. Where both are damaged, the numbers are known, and what lies around them.
   `test_a_pack_of_which_nothing_is_left_becomes_holes`
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fieldstation.batch import decode, encode
from fieldstation.batch.facts import DAY_US
from fieldstation.batch.model import Batch, UnknownLayout
from fieldstation.errors import CodecError
from fieldstation.journal.catalogue import Catalogue
from fieldstation.journal.digest import digest
from fieldstation.journal.faults import in_order
from fieldstation.model import Kept, Layout, Trust

# What one flipped bit can cost. Twice as many would save half a byte of six for each reading.
MOST = 600


class Sizes(NamedTuple):
    """How many readings make a pack; `most` is at most MOST."""

    least: int = 60  # fewer, between two restarts, gain little: the pages of a row of their own
    most: int = MOST


USUAL = Sizes()

_HEAD = "first, last, boot, CAST(outline AS BLOB), digest"

Row = tuple[Any, ...]


class Share(NamedTuple):
    """Readings of a stream on one day, and the first and last time among them."""

    stream: int
    day: int
    readings: int
    from_us: int
    to_us: int


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack says of itself. No `shares`: nothing that can be believed."""

    first: int
    last: int
    boot: int
    synced: bool
    shares: tuple[Share, ...]

    @property
    def newest_utc_us(self) -> int:
        """The latest time in it."""
        return max((share.to_us for share in self.shares), default=0)


class Packs:
    """The table `pack` of one file. `put` runs within the caller's transaction."""

    def __init__(self, db: sqlite3.Connection, catalogue: Catalogue) -> None:
        self._db = db
        self._catalogue = catalogue

    def upwards(self, first: int, last: int) -> Iterator[Pack]:
        """The packs that hold a number from `first` to `last`."""
        below = first - MOST
        while row := self._db.execute(
            f"SELECT {_HEAD} FROM pack WHERE first > ? AND first <= ?"  # noqa: S608
            " ORDER BY first LIMIT 1",
            (below, last),
        ).fetchone():
            in_order([row[0]], below + 1, last)
            pack = self._pack(row)
            below = pack.first
            if pack.last >= first:
                yield pack

    def downwards(self, first: int, last: int) -> Iterator[Pack]:
        """The same from the newest on."""
        while row := self._db.execute(
            f"SELECT {_HEAD} FROM pack WHERE first <= ? AND first > ?"  # noqa: S608
            " ORDER BY first DESC LIMIT 1",
            (last, first - MOST),
        ).fetchone():
            in_order([row[0]], first - MOST + 1, last)
            pack = self._pack(row)
            if pack.last >= first:
                yield pack
            last = pack.first - 1

    @property
    def newest(self) -> int:
        """The last number in a pack, 0 for none."""
        query = f"SELECT {_HEAD} FROM pack ORDER BY first DESC LIMIT 1"  # noqa: S608
        row = self._db.execute(query).fetchone()
        return self._pack(row).last if row else 0

    @property
    def oldest(self) -> int | None:
        """The first number in a pack."""
        found: int | None = self._db.execute("SELECT min(first) FROM pack").fetchone()[0]
        return found

    def body(self, pack: Pack) -> bytes:
        """The bytes of its batch, intact or not."""
        query = "SELECT CAST(body AS BLOB) FROM pack WHERE first = ?"
        found = self._db.execute(query, (pack.first,)).fetchone()
        return bytes(found[0]) if found and found[0] is not None else b""

    def readings(self, pack: Pack) -> list[Kept] | None:
        """Its readings, None when it is damaged."""
        kept = opened(self.body(pack), self._catalogue.layouts)
        if not kept or (kept[0].sequence, kept[-1].sequence) != (pack.first, pack.last):
            return None
        return kept

    def put(self, kept: Sequence[Kept], body: bytes) -> None:
        """Put a pack in the place of the rows of these readings."""
        first, last = kept[0].sequence, kept[-1].sequence
        boot = self._catalogue.boot_of(kept[0].reading.instant.boot)
        head = (first, last, boot, self._outline(kept))
        self._db.execute("DELETE FROM reading WHERE sequence BETWEEN ? AND ?", (first, last))
        self._db.execute(
            "INSERT OR REPLACE INTO pack VALUES (?, ?, ?, ?, ?, ?)", (*head, digest(*head), body)
        )

    def forget(self, last: int) -> int:
        """Delete the packs that end at `last` or before; how many readings they held."""
        rows = self._db.execute(
            "DELETE FROM pack WHERE last <= ? AND first <= ? RETURNING last - first + 1",
            (last, last),
        ).fetchall()
        return sum(count for (count,) in rows)

    def damaged(self) -> list[str]:
        """The outlines that do not fit their digest."""
        rows = self._db.execute(f"SELECT {_HEAD} FROM pack")  # noqa: S608 - our own names
        return [f"pack {row[0]}" for row in rows if digest(*row[:-1]) != row[-1]]

    def _pack(self, row: Row) -> Pack:
        *head, mark = row
        if digest(*head) == mark:
            return _described(head[0], head[1], head[2], head[3])
        first, last, boot, _ = head
        blank = Pack(first, first, 0, True, ())
        kept = opened(self.body(blank), self._catalogue.layouts)
        if kept and kept[0].sequence == first and self._known(kept):
            boot = self._catalogue.boot_of(kept[0].reading.instant.boot)
            return _described(first, kept[-1].sequence, boot, self._outline(kept).encode())
        end = self._end(first)
        believed = isinstance(last, int) and first <= last <= end
        return Pack(first, last if believed else end, boot, True, ())

    def _end(self, first: int) -> int:
        """The last number that a pack from `first` on can hold: numbers are given without gaps."""
        found = self._db.execute(
            "SELECT (SELECT min(sequence) FROM reading WHERE sequence > ?),"
            " (SELECT min(first) FROM pack WHERE first > ?)",
            (first, first),
        ).fetchone()
        following: list[int] = [number for number in found if number is not None]
        return min([first + MOST, *following]) - 1

    def _known(self, kept: Sequence[Kept]) -> bool:
        known = self._catalogue.announcements
        streams = {(one.reading.instrument, one.reading.layout.id) for one in kept}
        return kept[0].reading.instant.boot in self._catalogue.kernels and streams <= known.keys()

    def _outline(self, kept: Sequence[Kept]) -> str:
        shares: dict[tuple[int, int], list[int]] = {}
        for one in kept:
            reading, utc_us = one.reading, one.reading.instant.utc_us
            stream = self._catalogue.stream_of(reading.instrument, reading.layout).number
            shares.setdefault((stream, utc_us // DAY_US), []).append(utc_us)
        rows = [[*key, len(times), min(times), max(times)] for key, times in shares.items()]
        synced = all(one.reading.instant.trust is Trust.SYNCED for one in kept)
        return json.dumps([int(synced), rows], separators=(",", ":"))


def packed(kept: Sequence[Kept]) -> bytes | None:
    """Readings of one run as the body of a pack; None for some that would not come back as they
    are.
    """
    boot = kept[0].reading.instant.boot
    batch = Batch(boot, 0, kept[0].sequence, kept[-1].sequence, tuple(kept))
    try:
        body = encode(batch)
    except CodecError:
        return None
    layouts = {one.reading.layout.id: one.reading.layout for one in kept}
    return body if opened(body, layouts) == list(kept) else None


def opened(body: bytes, layouts: Mapping[str, Layout]) -> list[Kept] | None:
    """The readings in a pack's body, None when it is damaged."""
    try:
        return list(decode(body, layouts).readings)
    except (CodecError, UnknownLayout):
        return None


def _described(first: int, last: int, boot: int, outline: bytes) -> Pack:
    synced, rows = json.loads(outline)
    return Pack(first, last, boot, bool(synced), tuple(Share(*row) for row in rows))
