from __future__ import annotations

import os
from pathlib import Path

import pytest

from fieldstation.journal.reserve import Reserve


def _disk(monkeypatch: pytest.MonkeyPatch, *, free: int, whole: int = 10**9) -> None:
    real = os.statvfs("/")
    values = list(real)
    values[1], values[2], values[3], values[4] = 1, whole, free, free
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))


def test_the_room_is_really_taken(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", 1 << 20)
    assert reserve.make()
    assert reserve.there
    found = (tmp_path / "reserve").stat()
    assert found.st_size == 1 << 20
    assert found.st_blocks * 512 >= 1 << 20
    reserve.give_up()
    assert not reserve.there


def test_a_small_disk_keeps_a_small_reserve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _disk(monkeypatch, free=20_000_000, whole=50_000_000)
    assert Reserve(tmp_path / "reserve", 16 << 20).make()
    assert (tmp_path / "reserve").stat().st_size == 1_000_000


def test_no_reserve_is_made_where_there_is_hardly_more_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = Reserve(tmp_path / "reserve", 4 << 20)
    _disk(monkeypatch, free=(5 << 20) - 1)
    assert not reserve.make()
    assert not reserve.there
    _disk(monkeypatch, free=5 << 20)
    assert reserve.make()


def test_none_takes_no_room(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", 0)
    assert reserve.make()
    assert not reserve.there


def test_short_tells_a_full_disk_from_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = Reserve(tmp_path / "reserve", 0)
    _disk(monkeypatch, free=10**7)
    assert not reserve.short
    _disk(monkeypatch, free=1000)
    assert reserve.short
