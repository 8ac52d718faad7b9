"""The account over a journal that is found damaged: what was due is stored or in one hole, over
kills at any point of the salvage. In virtual time, with a real journal and a real salvage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from fieldstation.batch.facts import Cause, State
from fieldstation.journal import Journal, open_journal
from fieldstation.journal.pages import PAGE_BYTES
from fieldstation.station import resuming
from fieldstation.station.rescue import Rescue

from .meter import START_US
from .world import World


def _behead(world: World) -> None:
    """The first page of the journal is gone."""
    path = world.folder / "journal.sqlite3"
    path.write_bytes(bytes(PAGE_BYTES) + path.read_bytes()[PAGE_BYTES:])


def _never_done(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The salvage does not get on, until the returned function is called."""

    async def run(self: Rescue) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Rescue, "run", run)
    return monkeypatch.undo


def _all_due_is_there_once(world: World, runs: int) -> None:
    holes = [hole for hole in world.holes() if hole.state is not State.RECOVERED]
    assert abs(len(world.kept()) + world.missed().total() - world.due()) <= 2 * runs, holes
    for kept in world.kept():
        at_us = kept.reading.instant.utc_us
        inside = [h for h in holes if h.count and h.first_utc_us <= at_us <= h.last_utc_us]
        assert inside == [], (at_us, inside)
    spans = sorted((hole.first_utc_us, hole.last_utc_us) for hole in holes if hole.count)
    assert [pair for pair in pairwise(spans) if pair[0][1] >= pair[1][0]] == []


@pytest.mark.parametrize("power", [False, True])
def test_the_time_before_a_damaged_start_is_a_hole(tmp_path: Path, power: bool) -> None:
    world = World(tmp_path)
    world.run([("good", 1000)], "kill")
    world.off(2000, power=power)
    _behead(world)
    world.run([("good", 300)])
    assert world.missed().keys() == {Cause.STOPPED}
    assert abs(world.missed()[Cause.STOPPED] - 200) <= 1
    (hole,) = [hole for hole in world.holes() if hole.count]
    assert (hole.boot, hole.state) == ((2).to_bytes(16), State.LOST)
    _all_due_is_there_once(world, 2)


def test_a_dead_instrument_stays_dead_over_a_damaged_start(tmp_path: Path) -> None:
    world = World(tmp_path, names=("meter", "other"))
    world.run([("good", 55), ("silent", 1000)], "kill")
    world.off(500)
    _behead(world)
    world.run([("good", 130)])
    missed = world.missed()
    assert abs(missed[Cause.SILENT] - 100) <= 1, missed
    assert abs(missed[Cause.STOPPED] - 50) <= 1, missed
    _all_due_is_there_once(world, 2)


def test_an_account_that_waits_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    world.run([("good", 100)], "kill")
    world.off(100)
    _behead(world)
    _never_done(monkeypatch)
    world.run([("good", 100)], "kill")
    (hole,) = world.holes()
    assert (hole.cause, hole.count, hole.state) == (Cause.DAMAGED, 0, State.OPEN)
    assert hole.first_utc_us == START_US + 200_000_000


@pytest.mark.parametrize("killed", [1, 2])
@pytest.mark.parametrize("power", [False, True])
def test_a_station_killed_before_the_salvage_is_done_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: int, power: bool
) -> None:
    world = World(tmp_path)
    world.run([("good", 1000)], "kill")
    world.off(2000, power=power)
    _behead(world)
    go_on = _never_done(monkeypatch)
    for _ in range(killed):
        world.run([("good", 200)], "kill")
        world.off(300, power=power)
    go_on()
    world.run([("good", 200)])
    assert abs(world.missed()[Cause.STOPPED] - 200 - 30 * killed) <= 2 * killed + 1
    _all_due_is_there_once(world, 2 + killed)
    before = world.holes()
    world.run([("good", 100)])
    assert [hole for hole in world.holes() if hole.boot != (3 + killed).to_bytes(16)] == before
    assert not [hole for hole in world.holes() if hole.open]


def test_a_station_killed_between_salvage_and_account_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    world.run([("good", 1000)], "kill")
    world.off(2000)
    _behead(world)

    async def never(self: object, names: object, boot: object = None) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(resuming.Resuming, "_past", never)
        world.run([("good", 200)], "kill")
    assert not list(tmp_path.glob("*.damaged-*"))
    world.off(300)
    world.run([("good", 200)])
    assert abs(world.missed()[Cause.STOPPED] - 230) <= 2
    _all_due_is_there_once(world, 3)


def test_runs_stay_in_order_over_a_salvage(tmp_path: Path) -> None:
    """An old hole that is told again after the new run began is no newer for that."""
    world = World(tmp_path)
    world.run([("good", 55), ("silent", 300), ("good", 300)], "kill")
    world.off(100)
    world.run([("good", 100)], "kill")
    world.off(500)
    _behead(world)
    world.run([("good", 300)], "kill")
    world.off(100)
    world.run([("good", 300)])
    order = world._read(lambda reader: reader.order_of_runs)
    assert order == [number.to_bytes(16) for number in range(1, 5)]
    assert abs(world.missed()[Cause.STOPPED] - 10 - 50 - 10) <= 3
    _all_due_is_there_once(world, 4)
    assert world.events("started")[-1].text.endswith("the run before crashed or was killed")


def test_a_journal_damaged_twice_keeps_its_runs_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    world.run([("good", 300)], "kill")
    world.off(500)
    _behead(world)
    go_on = _never_done(monkeypatch)
    world.run([("good", 300)], "kill")
    world.off(500)
    _behead(world)
    world.run([("good", 300)], "kill")
    world.off(500)
    assert len(list(tmp_path.glob("*.damaged-*.sqlite3"))) == 2
    go_on()
    world.run([("good", 300)])
    order = world._read(lambda reader: reader.order_of_runs)
    assert order == [number.to_bytes(16) for number in range(1, 5)]
    assert abs(world.missed()[Cause.STOPPED] - 150) <= 4
    _all_due_is_there_once(world, 4)


def test_what_a_damaged_end_lost_is_counted_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run([("good", 1000)], "kill")
    path = tmp_path / "journal.sqlite3"
    journal, _ = open_journal(path, utc_us=lambda: START_US)
    newest = journal.last
    _spoil(journal, newest - 19)
    journal.close()
    world.off(1000)
    _behead(world)
    world.run([("good", 300)])
    missed = world._read(lambda reader: [h for h in reader.holes() if h.instrument == "meter"])
    lost = [hole for hole in missed if hole.cause == Cause.DAMAGED]
    stopped = [hole for hole in missed if hole.cause == Cause.STOPPED]
    assert sum(hole.count for hole in lost) == 20
    assert abs(sum(hole.count for hole in stopped) - 100) <= 2
    end_us = max(hole.last_utc_us for hole in lost)
    assert end_us < min(hole.first_utc_us for hole in stopped)


def _spoil(journal: Journal, first: int) -> None:
    journal._db.execute("UPDATE reading SET digest = x'00' WHERE sequence >= ?", (first,))
    journal._db.execute("VACUUM")
    journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def test_a_journal_of_which_nothing_is_left_leaves_a_word(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run([("good", 100)], "kill")
    world.off(100)
    (tmp_path / "journal.sqlite3").write_bytes(b"no journal" * 4000)
    world.run([("good", 100)])
    (hole,) = world.holes()
    assert (hole.cause, hole.count, hole.state) == (Cause.DAMAGED, 0, State.LOST)
    world.run([("good", 100)])
    assert [one.cause for one in world.holes() if one.boot == hole.boot] == [Cause.DAMAGED]
