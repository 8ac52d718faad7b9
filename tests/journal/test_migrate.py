from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from fieldstation.batch.facts import State
from fieldstation.errors import NotFound, StoreFull, StoreUnavailable
from fieldstation.journal import Journal, Reader, open_journal
from fieldstation.journal import migrate as module
from fieldstation.journal.migrate import back, bring_up, form_of
from fieldstation.model import Instant, Trust

from .conftest import NOW_US, reading

GOLDEN = Path(__file__).with_name("form1.sqlite3")  # written by the program of form 1
FIRST, SECOND = bytes(range(16)), bytes(range(16, 32))


@pytest.fixture
def old(path: Path) -> Path:
    shutil.copy(GOLDEN, path)
    return path


def _utc_us() -> int:
    return NOW_US


def _opened(path: Path) -> Journal:
    journal, aside = open_journal(path, utc_us=_utc_us)
    assert aside is None
    return journal


def test_every_reading_cursor_and_hole_comes_over(old: Path) -> None:
    journal = _opened(old)
    kept = journal.after(0, 1000)
    assert [one.sequence for one in kept] == [n for n in range(1, 121) if n != 110]
    assert kept[0].reading.values == (230.5, "L", "n\N{LATIN SMALL LETTER O WITH DIAERESIS}te 0")
    assert {one.reading.instant.boot for one in kept} == {FIRST, SECOND}
    assert (journal.kernel_of(FIRST), journal.kernel_of(SECOND)) == ("kernel-a", "kernel-b")
    cursor = journal.cursor("hub")
    assert (cursor.settled, cursor.first, cursor.last, cursor.number) == (51, 52, 81, 3)
    assert [(h.number, h.instrument, h.cause, h.count, h.state) for h in journal.holes()][1:] == [
        (3, "meter", "garbled", 2, State.OPEN),
        (2, "meter", "unplugged", 6, State.LOST),
        (1, "inverter", "silent", 3, State.LOST),
    ]
    told = next(a for (name, _), a in journal.announcements.items() if name == "inverter")
    assert (told.every_us, told.serial, told.model) == (10_000_000, "S1", "M1")
    assert [q.code for q in journal.quarantined() if q.sink] == ["bad"]
    journal.close()


def test_a_migrated_journal_goes_on_as_any_other(old: Path) -> None:
    journal = _opened(old)
    journal.begin(Instant(NOW_US, 0, b"n" * 16, Trust.SYNCED), "kernel-c")
    assert [hole.open for hole in journal.holes()] == [False] * len(journal.holes())
    assert journal.append([reading(1)])[0].sequence == 121
    sealed = journal.seal("hub", 100)
    assert sealed is not None
    assert (sealed.first, sealed.last) == (52, 81)
    day = NOW_US // 86_400_000_000
    journal.after(0, 1000)
    accounts = journal.ledger("hub", day - 1, day + 1)
    assert all(account.adds_up for account in accounts)
    assert sum(account.stored for account in accounts) == 120
    check = journal.check()
    assert (check.damaged, check.structure, check.notes) == ((110,), (), ())
    db = sqlite3.connect(old)
    assert db.execute("SELECT count(*) FROM axpert_status").fetchone() == (80,)
    db.close()
    journal.close()


def test_a_reader_of_an_old_journal_says_who_brings_it_up(old: Path) -> None:
    with pytest.raises(StoreUnavailable, match="the station brings it to form 2 when it starts"):
        Reader(old)


def test_the_old_file_stays_as_it_was(old: Path) -> None:
    _opened(old).close()
    (kept,) = old.parent.glob("journal.form1-*.sqlite3")
    assert kept.name == "journal.form1-20231114T221320Z.sqlite3"
    assert kept.read_bytes() == GOLDEN.read_bytes()
    assert form_of(old) == 2
    assert bring_up(old, _utc_us) is None


def test_the_way_back_says_what_it_does_not_hold(old: Path) -> None:
    journal = _opened(old)
    journal.append([reading(1), reading(2)])
    journal.close()
    restored, kept, held, newest = back(old, _utc_us)
    assert restored.name.startswith("journal.form1-")
    assert (held, newest, form_of(old), form_of(kept)) == (120, 122, 1, 2)
    journal = _opened(old)
    assert len(journal.after(0, 1000)) == 119
    journal.close()


def test_without_an_old_file_there_is_no_way_back(path: Path) -> None:
    with pytest.raises(NotFound, match="no way back"):
        back(path, _utc_us)


def test_without_room_for_the_copy_nothing_is_changed(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(old.parent)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(StoreFull, match="takes 5 MB of free disk space and 1 MB are free"):
        open_journal(old, utc_us=_utc_us)
    assert old.read_bytes() == GOLDEN.read_bytes()
    assert not list(old.parent.glob("*migrating*"))


_CHILD = """
import os, sqlite3, sys
from pathlib import Path
stop, seen = int(sys.argv[2]), 0
def count(event, args):
    global seen
    if event in ("open", "os.link", "os.rename", "os.remove", "sqlite3.connect") or mine(event):
        seen += 1
        if seen == stop:
            os._exit(9)
def mine(event):
    return event.startswith("shutil.")
from fieldstation.journal.migrate import bring_up
import fieldstation.journal.migrate as module
for name in ("_copy", "_rewrite", "_verify", "_sync", "sync_folder"):
    def wrapped(*args, made=getattr(module, name)):
        count("shutil.", ()); made(*args); count("shutil.", ())
    setattr(module, name, wrapped)
sys.addaudithook(count)
bring_up(Path(sys.argv[1]), lambda: 1_700_000_000_000_000)
print("done")
"""


@pytest.mark.slow
def test_a_migration_cut_off_anywhere_leaves_the_old_journal_or_the_new_one(tmp_path: Path) -> None:
    forms = set()
    for stop in range(1, 200):
        folder = tmp_path / str(stop)
        folder.mkdir()
        path = folder / "journal.sqlite3"
        shutil.copy(GOLDEN, path)
        child = [sys.executable, "-c", _CHILD, str(path), str(stop)]
        ended = subprocess.run(child, check=False, capture_output=True, timeout=60)
        assert ended.returncode in (0, 9), ended.stderr.decode()
        forms.add(form_of(path))
        journal = _opened(path)
        assert len(journal.after(0, 1000)) == 119
        assert journal.cursor("hub").settled == 51
        journal.close()
        assert not list(folder.glob("*migrating*"))
        if ended.returncode == 0:
            break
    assert stop > 10
    assert forms == {1, 2}


def test_a_damaged_journal_of_the_first_form_is_salvaged(old: Path) -> None:
    from fieldstation.journal.salvage import Salvage

    data = old.read_bytes()
    old.write_bytes(bytes(1024) + data[1024:])
    journal, aside = open_journal(old, utc_us=_utc_us)
    assert aside is not None
    found = Salvage(aside)
    kept = [one.sequence for step in found.steps() for one in step]
    assert sorted(kept) == [n for n in range(1, 121) if n != 110]
    assert journal.append([reading()])[0].sequence == 121
    journal.close()


def test_a_file_without_links_is_copied(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refused)
    _opened(old).close()
    (kept,) = old.parent.glob("journal.form1-*.sqlite3")
    assert kept.read_bytes() == GOLDEN.read_bytes()
