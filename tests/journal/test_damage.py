from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from fieldstation.errors import StoreDamaged, StoreError
from fieldstation.journal import Journal, Reader, open_journal
from fieldstation.journal.faults import in_order
from fieldstation.journal.schema import PAGE_BYTES

from .conftest import NOW_US, VALUES, reading


def test_a_changed_row_is_noticed_reported_once_and_never_given_out(
    journal: Journal, path: Path
) -> None:
    kept = journal.append([reading(index) for index in range(4)])
    outside = sqlite3.connect(path, isolation_level=None)
    outside.execute("UPDATE reading SET body = replace(body, '1.5', '1.6') WHERE sequence = 2")
    outside.execute("UPDATE reading SET utc_us = utc_us + 1 WHERE sequence = 3")
    outside.close()

    assert journal.after(0, 10) == [kept[0], kept[3]]
    assert journal.after(0, 10) == [kept[0], kept[3]]
    assert [(q.sink, q.first, q.last, q.code) for q in journal.quarantined()] == [
        ("", 2, 3, "damaged")
    ]
    check = journal.check()
    assert (check.rows, check.damaged, check.structure) == (2, (2, 3), ())


def test_a_damaged_row_stops_neither_the_batch_nor_the_view(journal: Journal, path: Path) -> None:
    kept = journal.append([reading(index) for index in range(3)])
    journal._db.execute("UPDATE reading SET body = '[1,' WHERE sequence = 2")

    sealed = journal.seal("hub", 10)
    assert sealed is not None
    assert (sealed.first, sealed.last, sealed.kept) == (1, 3, (kept[0], kept[2]))
    reader = sqlite3.connect(path)
    assert reader.execute("SELECT sequence FROM axpert_status").fetchall() == [(1,), (3,)]
    reader.close()


@pytest.mark.slow
def test_no_flipped_bit_of_the_file_ever_yields_a_wrong_reading(path: Path, tmp_path: Path) -> None:
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    written = journal.append([reading(index) for index in range(60)])
    journal.append([reading(index, instrument="second") for index in range(5)])
    good = {kept.sequence: kept for kept in journal.after(0, 100)}
    assert len(good) == 65
    assert written[0].reading.values == VALUES
    journal.close()
    pristine, chance = path.read_bytes(), random.Random(7)
    noticed = 0
    for trial in range(600):
        copy = tmp_path / f"flip-{trial % 4}.sqlite3"
        flipped = bytearray(pristine)
        position = chance.randrange(len(flipped) * 8)
        flipped[position // 8] ^= 1 << position % 8
        copy.write_bytes(flipped)
        try:
            reader = Reader(copy)
        except StoreError:
            noticed += 1
            continue
        try:
            found = reader.after(0, 100)
        except StoreError:
            noticed += 1
        else:
            noticed += len(found) < len(good)
            assert all(good.get(kept.sequence) == kept for kept in found)
        finally:
            reader.close()
    assert noticed > 100


def test_rows_out_of_order_are_damage_and_end(path: Path) -> None:
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    journal.append([reading(index) for index in range(3)])
    root = journal._db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'pack'").fetchone()
    page = (root[0] - 1) * PAGE_BYTES
    journal.close()
    content = bytearray(path.read_bytes())
    assert content[page + 3 : page + 5] == bytes(2)
    content[page + 4] = 100  # an empty page that says it has cells: all read as number 0
    path.write_bytes(content)

    with closing(sqlite3.connect(path)) as db:
        above = db.execute("SELECT first FROM pack WHERE first > 0 LIMIT 1").fetchone()
        assert above == (0,)
    with pytest.raises(StoreDamaged, match="damaged"), closing(Reader(path)) as reader:
        reader.after(0, 10)
    with pytest.raises(StoreDamaged, match="damaged"):
        _read_by_its_writer(path)


@pytest.mark.parametrize(
    ("numbers", "down", "good"),
    [
        ([], False, True), ([1, 5, 9], False, True), ([9, 5, 1], True, True),
        ([5, 5], False, False), ([5, 1], False, False), ([1, 5], True, False),
        ([0, 5], False, False), ([5, 10], False, False), ([10, 5], True, False),
    ],
)  # fmt: skip
def test_numbers_are_in_order_between_their_ends(
    numbers: list[int], down: bool, good: bool
) -> None:
    with nullcontext() if good else pytest.raises(sqlite3.DatabaseError):
        in_order(numbers, 1, 9, down=down)


def _read_by_its_writer(path: Path) -> None:
    journal, aside = open_journal(path, utc_us=lambda: NOW_US)
    try:
        assert aside is None
        journal.after(0, 10)
    finally:
        journal.release()


def _random_bytes(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def _zero_first_page(path: Path) -> None:
    path.write_bytes(bytes(1024) + path.read_bytes()[1024:])


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1500])


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _other_database(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE layout (anything)")
    db.execute("PRAGMA user_version = 2")
    db.close()


@pytest.mark.parametrize(
    "damage", [_random_bytes, _zero_first_page, _truncate, _folder, _other_database]
)
def test_a_damaged_journal_is_put_aside_and_a_new_one_starts(
    path: Path, damage: Callable[[Path], None]
) -> None:
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    journal.append([reading(index) for index in range(50)])
    journal.close()
    damage(path)

    journal, aside = open_journal(path, utc_us=lambda: NOW_US, floor=50)

    assert aside is not None
    assert aside.name == "journal.damaged-20231114T221320Z.sqlite3"
    assert journal.append([reading()])[0].sequence == 51
    journal.close()


def test_a_second_damaged_journal_of_the_same_second_gets_its_own_name(path: Path) -> None:
    names = set()
    for _ in range(2):
        _random_bytes(path)
        journal, aside = open_journal(path, utc_us=lambda: NOW_US)
        journal.close()
        names.add(aside)
    assert len(names) == 2


def test_an_empty_file_is_a_new_journal(path: Path) -> None:
    path.touch()
    journal, aside = open_journal(path, utc_us=lambda: NOW_US)
    assert aside is None
    assert journal.append([reading()])[0].sequence == 1
    journal.close()


def test_a_copied_journal_reads_the_same(journal: Journal, path: Path, tmp_path: Path) -> None:
    kept = journal.append([reading(index) for index in range(10)])
    journal.close()
    shutil.copy(path, tmp_path / "copy.sqlite3")
    reader = Reader(tmp_path / "copy.sqlite3")
    assert reader.after(0, 100) == kept
    reader.close()
