from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from fieldstation.batch.facts import DAY_US, Cause, Event, Hole, Tally, per_day
from fieldstation.journal import Journal, open_journal
from fieldstation.journal.aside import set_aside
from fieldstation.journal.pages import PAGE_BYTES, PageFile
from fieldstation.journal.putback import conclude, put_back, tell_again
from fieldstation.journal.salvage import Salvage, highest, waiting
from fieldstation.model import Instant, Kept, Reading

from .conftest import BOOT, NOW_US, reading

NOW = Instant(NOW_US, 0, b"n" * 16)
COUNT = 300


def _written(path: Path, count: int = COUNT, settled: int = 0) -> list[Kept]:
    """A journal of two instruments, one of them with rows that overflow their pages."""
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    journal.begin(Instant(NOW_US, 0, BOOT), "kernel")
    kept = []
    for index in range(0, count, 10):
        kept += journal.append([_one(index + place) for place in range(10)])
    if settled:
        journal.settle("hub", 1, settled)
    journal.write_hole(Hole(1, "inverter", "", Cause.SILENT, BOOT, NOW_US, NOW_US, 3))
    journal.close()
    return kept


def _one(index: int) -> Reading:
    if index % 10 == 7:
        return reading(index, values=(1.5, index, None, "B", "long " * 600), instrument="other")
    return reading(index, values=(231.5, index, True, "L", "short"))


def _found(aside: Path, **known: object) -> tuple[Salvage, list[Kept]]:
    found = Salvage(aside, **known)  # type: ignore[arg-type]
    kept = [one for step in found.steps() for one in step]
    return found, sorted(kept, key=lambda one: one.sequence)


def _rescued(path: Path) -> Journal:
    """A new journal into which everything went back."""
    journal, aside = open_journal(path, utc_us=lambda: NOW_US, damaged=path.exists())
    journal.begin(NOW, "kernel 2")
    for one in [aside] if aside else waiting(path):
        _through(journal, one)
    return journal


def _rescued_beside(path: Path) -> Journal:
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    journal.begin(NOW, "kernel 2")
    for one in waiting(path):
        _through(journal, one)
    return journal


def _through(journal: Journal, aside: Path) -> Event | None:
    found = Salvage(aside)
    for step in found.steps():
        put_back(journal, found, step)
    tell_again(journal, found.facts)
    return conclude(journal, found, NOW, highest(aside))


def _spoil(path: Path, page: int) -> None:
    data = bytearray(path.read_bytes())
    data[(page - 1) * PAGE_BYTES : page * PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(data)


def test_every_row_of_a_whole_file_is_found(path: Path) -> None:
    kept = _written(path)
    found, rows = _found(path)
    assert rows == kept
    assert highest(path) == COUNT
    assert [hole.cause for hole in found.facts if isinstance(hole, Hole)] == ["silent"]


def test_rows_that_are_only_in_the_log_are_found(journal: Journal, path: Path) -> None:
    kept = journal.append([_one(index) for index in range(50)])
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    assert _found(path)[1] == kept


@pytest.mark.parametrize("page", [1, 2, 9, 40, 80])
def test_a_lost_page_costs_only_its_own_rows(path: Path, page: int) -> None:
    kept = _written(path)
    _spoil(path, page)
    _, rows = _found(path)
    assert all(one in kept for one in rows)
    assert len(kept) - len(rows) <= 30


def test_a_truncated_file_gives_what_is_left(path: Path) -> None:
    kept = _written(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 100])
    _, rows = _found(path)
    assert len(rows) > COUNT // 3
    assert all(one in kept for one in rows)


def test_random_bytes_give_no_row_and_no_error(path: Path) -> None:
    chance = random.Random(3)
    data = bytearray(chance.randbytes(400 * PAGE_BYTES))
    for page in range(400):
        data[page * PAGE_BYTES] = (0x0D, 0x0A, 0x02)[page % 3]
        data[page * PAGE_BYTES + 3 : page * PAGE_BYTES + 5] = b"\0\x20"
    path.write_bytes(data)
    assert _found(path)[1] == []
    with PageFile(path) as file:
        assert all(record.rowid >= 0 for page in file.pages() for record in file.records(page))


@pytest.mark.parametrize("what", ["missing", "folder", "empty"])
def test_what_is_no_file_gives_nothing(path: Path, what: str) -> None:
    if what == "folder":
        path.mkdir()
    elif what == "empty":
        path.touch()
    assert _found(path)[1] == []
    assert highest(path) == 0


@pytest.mark.slow
def test_no_page_of_garbage_yields_a_reading(path: Path, tmp_path: Path) -> None:
    kept = {one.sequence: one for one in _written(path, 60)}
    pristine, chance = path.read_bytes(), random.Random(11)
    lost = 0
    for _ in range(300):
        flipped = bytearray(pristine)
        for _ in range(20):
            position = chance.randrange(len(flipped) * 8)
            flipped[position // 8] ^= 1 << position % 8
        path.write_bytes(flipped)
        _, rows = _found(path)
        assert all(kept.get(one.sequence) == one for one in rows)
        lost += len(kept) - len(rows)
    assert lost > 0


def test_readings_outlive_the_tables_of_streams_and_boots(path: Path) -> None:
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    kept = journal.append([_one(index) for index in range(30)])
    announcements = list(journal.announcements.values())
    for table in ("stream", "boot", "layout", "spare"):
        journal._db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    journal._db.execute("VACUUM")
    journal.close()
    assert _found(path)[1] == []
    assert _found(path, announcements=announcements, boots=[BOOT])[1] == kept


def test_salvaged_readings_come_back_under_their_own_numbers(path: Path) -> None:
    kept = _written(path)
    journal = _rescued(path)
    assert journal.after(0, 10**6) == kept
    assert journal.append([reading(COUNT, boot=NOW.boot)])[0].sequence == COUNT + 1
    assert journal.kernel_of(BOOT) == "kernel"
    assert journal.check().good
    assert [(hole.cause, hole.open) for hole in journal.holes()] == [("silent", False)]
    journal.close()


def test_what_was_settled_stays_settled(path: Path) -> None:
    kept = _written(path, settled=120)
    journal = _rescued(path)
    assert journal.unsettled("hub") == [(121, COUNT)]
    sealed = journal.seal("hub", 1000)
    assert sealed is not None
    assert (sealed.boot, sealed.kept) == (BOOT, tuple(kept[120:]))
    journal.close()


def test_without_a_cursor_everything_goes_out_again(path: Path) -> None:
    _written(path)
    journal = _rescued(path)
    assert journal.unsettled("hub") == [(1, COUNT)]
    journal.close()


def test_each_gap_becomes_a_hole_with_its_count(path: Path) -> None:
    kept = _written(path)
    _lose(path, 100, 159)
    _lose(path, 201, 201)
    journal = _rescued(path)
    holes = [hole for hole in journal.holes() if hole.cause == "damaged"]
    assert sum(hole.count for hole in holes) == 61
    assert {hole.instrument for hole in holes} == {"inverter", "other"}
    assert all(hole.boot == BOOT and not hole.open for hole in holes)
    before, after = kept[98].reading.instant.utc_us, kept[159].reading.instant.utc_us
    first = [hole for hole in holes if hole.count > 1]
    assert all(before < hole.first_utc_us <= hole.last_utc_us < after for hole in first)
    (event,) = [event for event in journal.events() if event.what == "salvaged"]
    assert event.text.startswith(f"{COUNT - 61} readings of {COUNT} were salvaged")
    journal.close()


def test_what_a_sink_has_is_no_loss(path: Path) -> None:
    _written(path, settled=130)
    _lose(path, 100, 159)
    journal = _rescued(path)
    holes = [hole for hole in journal.holes() if hole.cause == "damaged"]
    assert sum(hole.count for hole in holes) == 29
    accounts = journal.ledger("hub", NOW_US // DAY_US - 1, NOW_US // DAY_US + 1)
    assert all(account.adds_up for account in accounts)
    assert sum(account.due for account in accounts) == COUNT + 3
    journal.close()


def test_salvage_begun_again_counts_nothing_twice(path: Path) -> None:
    _written(path)
    _lose(path, 100, 159)
    journal = _rescued(path)
    (aside,) = waiting(path)
    before = _counts(journal)
    assert sum(before.values()) == COUNT - 60
    assert _through(journal, aside) is None
    assert _counts(journal) == before
    assert len(journal.after(0, 10**6)) == COUNT - 60
    journal.close()


def test_salvage_that_was_cut_off_goes_on(path: Path) -> None:
    kept = _written(path)
    journal, aside = open_journal(path, utc_us=lambda: NOW_US, damaged=True)
    assert aside is not None
    found = Salvage(aside)
    steps = (step for step in found.steps() if step)
    put_back(journal, found, next(steps))
    steps.close()
    journal.close()
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    journal.begin(NOW, "")
    assert _through(journal, aside) is not None
    assert journal.after(0, 10**6) == kept
    assert sum(_counts(journal).values()) == COUNT
    journal.close()


def test_the_account_of_the_day_still_adds_up(path: Path) -> None:
    _written(path, settled=50)
    _lose(path, 100, 159)
    journal = _rescued(path)
    journal.append([reading(COUNT + index, boot=NOW.boot) for index in range(5)])
    day = NOW_US // DAY_US
    accounts = journal.ledger("hub", day - 1, day + 1)
    assert sum(account.due for account in accounts) == COUNT + 5 + 3
    assert sum(account.waiting for account in accounts) == COUNT - 60 - 50 + 5
    assert all(account.adds_up for account in accounts)
    missed = sum(sum(per_day(h).values()) for h in journal.holes() if h.cause == "damaged")
    assert missed == 60
    journal.close()


def test_what_was_pruned_before_stays_counted(path: Path) -> None:
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    journal.begin(Instant(NOW_US, 0, BOOT), "kernel")
    journal.append([reading(index) for index in range(3000)])
    journal.settle("hub", 1, 3000)
    old = Instant(NOW_US + 10**15, 0, BOOT, reading().instant.trust)
    assert journal.prune(["hub"], now=old, keep_us=1, keep_bytes=10**9) == 2000
    journal.append([reading(index) for index in range(3000, 3010)])
    journal.close()
    journal = _rescued(path)
    assert sum(_counts(journal).values()) == 3010
    assert [hole.cause for hole in journal.holes()] == []
    assert len(journal.after(2000, 10**6)) == 1010
    journal.close()


def test_nothing_is_deleted_while_rows_go_back(path: Path) -> None:
    _written(path)
    journal = _rescued(path)
    journal.settle("hub", 1, COUNT)
    journal.keep_all = True
    late = Instant(NOW_US + 10**15, 0, BOOT, reading().instant.trust)
    assert journal.prune(["hub"], now=late, keep_us=1, keep_bytes=1) == 0
    journal.keep_all = False
    assert journal.prune(["hub"], now=late, keep_us=1, keep_bytes=1) == COUNT
    journal.close()


def test_a_set_aside_that_was_cut_off_is_finished(path: Path) -> None:
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    kept = journal.append([reading(index) for index in range(40)])
    whole = {end: path.with_name(path.name + end).read_bytes() for end in ("", "-wal")}
    journal.close()
    path.write_bytes(whole[""])
    target = path.with_name("journal.damaged-20231114T221320Z.sqlite3")
    target.with_name(target.name + "-wal").write_bytes(whole["-wal"])

    journal, aside = open_journal(path, utc_us=lambda: NOW_US)
    assert aside == target
    assert _found(target)[1] == kept
    assert journal.append([reading()])[0].sequence == 41
    journal.close()


@pytest.mark.parametrize("log_damage", [None, 5, 60])
def test_a_log_outlives_the_head_of_its_file(path: Path, log_damage: int | None) -> None:
    """SQLite drops a log that it does not understand when it gives up its file."""
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    kept = journal.append([reading(index) for index in range(10)])
    journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    kept += journal.append([reading(index) for index in range(10, 40)])
    whole = {end: path.with_name(path.name + end).read_bytes() for end in ("", "-wal")}
    journal.close()
    log = bytearray(whole["-wal"])
    if log_damage is not None:
        log[log_damage] ^= 1
    path.write_bytes(bytes(PAGE_BYTES) + whole[""][PAGE_BYTES:])
    path.with_name(path.name + "-wal").write_bytes(log)

    journal = _rescued(path)
    assert journal.after(0, 1000) == kept
    assert journal.append([reading()])[0].sequence == 41
    journal.close()


def test_a_start_cut_off_before_the_new_journal_knows_its_floor_is_made_good(path: Path) -> None:
    """The old one lies aside; of the new one there is nothing, or a journal without a reading."""
    kept = _written(path)
    set_aside(path, NOW_US)
    Journal(path, utc_us=lambda: NOW_US).close()
    journal = _rescued_beside(path)
    assert journal.after(0, 1000) == kept
    assert journal.append([reading(boot=NOW.boot)])[0].sequence == COUNT + 1
    journal.close()


def test_numbers_go_on_above_what_only_a_cursor_tells(path: Path) -> None:
    _written(path, settled=COUNT)
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    journal._db.execute("DELETE FROM reading")
    journal._db.execute("VACUUM")
    journal.close()
    assert highest(path) == COUNT


@pytest.mark.parametrize("damage", ["first page", "random"])
def test_a_new_journal_starts_above_all_that_the_old_one_holds(
    path: Path, damage: str, opened: Callable[..., Journal]
) -> None:
    _written(path)
    if damage == "random":
        path.write_bytes(random.Random(5).randbytes(200_000))
    else:
        _spoil(path, 1)
    expected = 1 if damage == "random" else COUNT + 1
    assert opened().append([reading()])[0].sequence == expected


def _lose(path: Path, first: int, last: int) -> None:
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    journal._db.execute(
        "UPDATE reading SET digest = x'00' WHERE sequence BETWEEN ? AND ?", (first, last)
    )
    journal.close()
    aside = set_aside(path, NOW_US)  # away and back, so that no old page is left in the log
    aside.rename(path)


def _counts(journal: Journal) -> dict[tuple[str, int], int]:
    tallies = journal._facts.of(Tally)
    return {(tally.instrument, tally.day): tally.stored for tally in tallies}
