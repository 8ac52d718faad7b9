"""Which rows of old tables are stored: what it takes to tell a row that comes again from a new one.

1. A row is itself by gateway, gadget, number and time. A number that comes with another time is of
   a database made anew: it belongs to the table's next life
   (test_a_database_made_anew_is_told_by_its_times).
2. What is remembered is written after the readings are stored. A row that was stored and not
   remembered is offered to the store again, under the same identity, and stays single
   (test_killed_anywhere_rows_end_stored_once).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from enum import Enum, auto

from fieldstation.hub.legacy.columns import Row
from fieldstation.hub.legacy.models import Marks, Table
from fieldstation.model import Layout

# Rows in one block, and the bytes of a mark: half for the time, half for all of the row.
BLOCK = 512
HALF = 8
_NOTHING = bytes(2 * HALF)


class Verdict(Enum):
    """What a row is to the hub."""

    NEW = auto()
    KNOWN = auto()
    DIFFERING = auto()  # known, with other values; the first are kept


def mark_of(row: Row, layout: Layout) -> bytes:
    """The mark of a row."""
    whole = repr((layout.name, row.stamp, row.values))
    return _digest(row.stamp) + _digest(whole)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HALF).digest()


class Tables:
    """The tables of one gadget as far as `numbers` reach. Reads the database when made, writes it
    in `save`.
    """

    def __init__(self, gateway: str, gadget: str, numbers: Iterable[int]) -> None:
        self._place = {"gateway_id": gateway, "gadget": gadget}
        self._lives: list[Table] = list(Table.objects.filter(**self._place).order_by("life"))
        blocks = {number // BLOCK for number in numbers}
        lives = {table.pk: table.life for table in self._lives}
        found = Marks.objects.filter(table__in=self._lives, block__in=blocks)
        self._blocks = {
            (lives[each.table_id], each.block): bytearray(zlib.decompress(each.marks))
            for each in found
        }
        self._changed: set[tuple[int, int]] = set()

    def judge(self, number: int, mark: bytes) -> tuple[Verdict, int]:
        """Whether row `number` is new, and the life of the table that it belongs to."""
        marks = [self._mark(table.life, number) for table in self._lives]
        for life, known in enumerate(marks):
            if known[:HALF] == mark[:HALF]:
                return (Verdict.KNOWN if known == mark else Verdict.DIFFERING), life
        # From the newest life that has the number not yet.
        life = len(marks) - 1
        if life < 0 or marks[life] != _NOTHING:
            life += 1
            self._lives.append(Table(**self._place, life=life))
        self.remember(life, number, mark)
        return Verdict.NEW, life

    def remember(self, life: int, number: int, mark: bytes) -> None:
        """Take a row for stored once `save` is called."""
        block = self._blocks.setdefault((life, number // BLOCK), bytearray(BLOCK * 2 * HALF))
        at = number % BLOCK * 2 * HALF
        block[at : at + 2 * HALF] = mark
        self._changed.add((life, number // BLOCK))

    def forget(self, life: int, number: int) -> None:
        """Undo `remember`: the store did not take it."""
        self.remember(life, number, _NOTHING)

    def _mark(self, life: int, number: int) -> bytes:
        block = self._blocks.get((life, number // BLOCK))
        at = number % BLOCK * 2 * HALF
        return bytes(block[at : at + 2 * HALF]) if block else _NOTHING

    def save(self) -> None:
        """Write what changed, inside the caller's transaction."""
        for table in self._lives:
            if table._state.adding:
                table.save()
        for life, block in sorted(self._changed):
            marks = zlib.compress(bytes(self._blocks[life, block]), 1)
            Marks.objects.update_or_create(
                table=self._lives[life], block=block, defaults={"marks": marks}
            )
        self._changed.clear()
