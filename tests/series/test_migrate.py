"""A file of an older version becomes one of this, and the older one stays."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fieldstation.errors import StoreDamaged, StoreFull
from fieldstation.series.embedded import EmbeddedStore, migrate
from fieldstation.series.embedded.schema import VERSION

# Written by the first release: 20,000 sealed readings of one instrument, 300 more in the inbox.
# It is never edited.
FORMAT_1 = Path(__file__).with_name("format1.sqlite3")
DAY_US = 86_400_000_000
START_US = 1_700_000_000_000_000
READINGS = 20_300


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "series.sqlite3"
    shutil.copy(FORMAT_1, path)
    return path


def check(store: EmbeddedStore) -> None:
    """The store has exactly what the old file had."""
    found = store.read("site", "m1", ["volts"], 0, 2**53)
    assert found.times_us.tolist() == [START_US + n * 10_000_000 for n in range(1, READINGS + 1)]
    assert found.values["volts"].tolist() == [n / 10 for n in range(1, READINGS + 1)]
    days: dict[tuple[str, int], int] = {}
    for at_us in found.times_us.tolist():
        days["m1", at_us // DAY_US] = days.get(("m1", at_us // DAY_US), 0) + 1
    assert store.counts("site", 0, 2**40) == days
    assert store.counts("site", 0, 2**40, taken=True) == days


def version(path: Path) -> int:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as file:
        number: int = file.execute("PRAGMA user_version").fetchone()[0]
    file.close()
    return number


def test_an_old_file_is_brought_to_this_version(path: Path) -> None:
    store = EmbeddedStore(path, background=False)
    check(store)
    store.seal_now()
    check(store)
    store.close()
    assert version(path) == VERSION
    store = EmbeddedStore(path, background=False)
    check(store)
    store.close()


def test_the_old_file_stays_and_is_the_way_back(path: Path) -> None:
    before = path.read_bytes()
    EmbeddedStore(path, background=False).close()
    kept = path.with_name("series.format1.sqlite3")
    assert version(kept) == 1
    assert kept.read_bytes() == before
    os.replace(kept, path)
    store = EmbeddedStore(path, background=False)
    check(store)
    store.close()


@pytest.mark.parametrize("step", ["_copied", "_upgraded", "_count_days", "_swapped"])
def test_a_migration_that_is_cut_off_leaves_the_old_file(
    path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(migrate, step, cut)
        with pytest.raises(KeyboardInterrupt):
            EmbeddedStore(path, background=False)
    assert version(path) == 1
    store = EmbeddedStore(path, background=False)
    check(store)
    store.close()
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "series.format1.sqlite3", "series.sqlite3", "series.sqlite3-owner",
    ]  # fmt: skip


def test_a_cut_at_the_rename_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", cut)
        with pytest.raises(KeyboardInterrupt):
            EmbeddedStore(path, background=False)
    assert version(path) == 1
    store = EmbeddedStore(path, background=False)
    check(store)
    store.close()


def test_readings_in_the_log_of_the_old_file_come_along(path: Path, tmp_path: Path) -> None:
    """A hub that was killed left part of its file in the log."""
    live = sqlite3.connect(path, isolation_level=None)
    live.execute("PRAGMA wal_autocheckpoint = 0")
    live.execute("INSERT INTO station (name) VALUES ('late')")
    killed = tmp_path / "killed"
    killed.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", killed / f"series.sqlite3{suffix}")
    live.close()
    store = EmbeddedStore(killed / "series.sqlite3", background=False)
    check(store)
    names = store._files.writer.execute("SELECT name FROM station ORDER BY name").fetchall()
    assert names == [("late",), ("site",)]
    store.close()


def test_too_little_room_is_said_and_nothing_changes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(StoreFull, match="free some disk space"):
        EmbeddedStore(path, background=False)
    assert path.read_bytes() == before


def test_a_file_whose_segments_are_not_what_its_books_say_is_not_migrated(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("UPDATE stream SET readings = readings + 1")
    file.close()
    with pytest.raises(StoreDamaged, match="restore the file from a backup"):
        EmbeddedStore(path, background=False)
    assert version(path) == 1
