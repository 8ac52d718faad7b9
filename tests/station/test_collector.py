from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldstation.batch.facts import Cause, Hole
from fieldstation.errors import StoreError, StoreFull
from fieldstation.journal import Journal, Reader
from fieldstation.journal.faults import DiskFault
from fieldstation.journal.reserve import Reserve
from fieldstation.model import Reading
from fieldstation.station import collector as module
from fieldstation.station.collector import Collector
from fieldstation.testing.virtualtime import run_virtual

from .meter import BOOT, MAIN, LoopClock, collecting


def _reading(clock: LoopClock, count: int) -> Reading:
    return Reading("meter", MAIN, clock.now(), (count,))


def _counts(folder: Path) -> list[object]:
    reader = Reader(folder / "journal.sqlite3")
    try:
        return [kept.reading.values[0] for kept in reader.after(0, 10**6)]
    finally:
        reader.close()


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The journal's last sequence after each transaction that wrote readings."""
    seen: list[int] = []
    transact = Journal.transact

    def noted(self: Journal, work: object) -> object:
        before = self.last
        result = transact(self, work)  # type: ignore[arg-type]
        if self.last > before:
            seen.append(self.last)
        return result

    monkeypatch.setattr(Journal, "transact", noted)
    return seen


def test_readings_of_one_moment_share_one_commit(tmp_path: Path, commits: list[int]) -> None:
    async def main() -> list[float]:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            for count in range(5):
                collector.offer(_reading(clock, count))
            await asyncio.sleep(0.9)
            collector.offer(_reading(clock, 5))
            began = asyncio.get_running_loop().time()
            last = await collector.ride(lambda journal: journal.last, 30)
            return [last, asyncio.get_running_loop().time() - began]

    last, waited = run_virtual(main())
    assert last == 6
    assert 0.05 < waited < 0.3
    assert len(set(commits)) == 1
    assert _counts(tmp_path) == list(range(6))


def test_a_rider_without_readings_goes_alone_when_its_patience_ends(tmp_path: Path) -> None:
    async def main() -> float:
        async with collecting(tmp_path, LoopClock()) as collector:
            began = asyncio.get_running_loop().time()
            await collector.ride(lambda journal: None, 7)
            return asyncio.get_running_loop().time() - began

    assert 7 <= run_virtual(main()) < 7.5


def test_hurry_commits_at_once(tmp_path: Path) -> None:
    async def main() -> float:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            collector.offer(_reading(clock, 1))
            collector.hurry()
            began = asyncio.get_running_loop().time()
            await collector.ride(lambda journal: None, 30)
            return asyncio.get_running_loop().time() - began

    assert run_virtual(main()) < 0.5


def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    async def main() -> None:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            for count in range(2500):
                assert collector.offer(_reading(clock, count))

    run_virtual(main())
    assert _counts(tmp_path) == list(range(2500))


def test_a_full_queue_turns_readings_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)

    async def main() -> Collector:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            taken = [collector.offer(_reading(clock, count)) for count in range(5)]
            assert taken == [True, True, True, False, False]
            return collector

    assert run_virtual(main()).state.turned_away == 2
    assert _counts(tmp_path) == [0, 1, 2]


def test_a_full_journal_keeps_readings_waiting_and_goes_on_with_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> Collector:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            await collector.ask(lambda j: j._db.execute("PRAGMA max_page_count=40").fetchall())
            for count in range(1500):
                collector.offer(_reading(clock, count))
            await asyncio.sleep(60)
            assert "no room for the journal" in collector.state.error
            assert collector.state.full
            assert await collector.ride(lambda journal: "what needs no room", 0)
            await collector.ask(lambda j: j._db.execute("PRAGMA max_page_count=9999").fetchall())
            await asyncio.sleep(60)
            return collector

    state = run_virtual(main()).state
    assert (state.error, state.waiting, state.last_sequence) == ("", 0, 1500)
    assert _counts(tmp_path) == list(range(1500))
    said = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert said == ["the journal takes no readings"]


def test_a_full_journal_drops_what_was_delivered_first(tmp_path: Path) -> None:
    def make_room(journal: Journal) -> int:
        now = clock.now()
        return journal.prune(["hub"], now=now, keep_us=10**15, keep_bytes=0)

    async def main() -> Collector:
        nonlocal clock
        clock = LoopClock()
        path = tmp_path / "journal.sqlite3"
        made = Collector(path, clock, commit_every_s=0.1, most_bytes=64 * 1024, make_room=make_room)
        async with made as collector:
            writer = asyncio.create_task(collector.run())
            for count in range(4000):
                collector.offer(_reading(clock, count))
                if count % 50 == 0:
                    await asyncio.sleep(0.5)
                    await collector.ask(lambda j: j.settle("hub", 1, j.last))
            collector.finish()
            await writer
        return made

    clock: LoopClock
    state = run_virtual(main()).state
    assert (state.error, state.last_sequence) == ("", 4000)
    assert (tmp_path / "journal.sqlite3").stat().st_size <= 64 * 1024
    assert _counts(tmp_path)[-1] == 3999


def test_a_journal_damaged_at_work_is_replaced(tmp_path: Path) -> None:
    async def main() -> Collector:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            for count in range(3):
                collector.offer(_reading(clock, count))
            await collector.ride(lambda journal: None, 5)
            await collector.ask(_drop_the_readings)
            collector.offer(_reading(clock, 3))
            await collector.ride(lambda journal: None, 5)
            sealed = await collector.ask(lambda journal: journal.seal("hub", 10))
            assert sealed is not None
            assert (sealed.boot, sealed.first, sealed.last) == (BOOT, 4, 4)
            return collector

    state = run_virtual(main()).state
    assert _counts(tmp_path)[-1] == 3
    assert state.last_sequence == 4
    (aside,) = state.set_aside
    assert list(tmp_path.glob(aside.replace(".damaged-", ".*-")))


def _drop_the_readings(journal: Journal) -> None:
    journal._db.execute("DROP TABLE reading")


def test_a_damaged_journal_is_salvaged_beside_the_work(tmp_path: Path) -> None:
    async def main() -> Collector:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            for count in range(2000):
                collector.offer(_reading(clock, count))
            await asyncio.sleep(5)
            await collector.ask(lambda journal: journal.settle("hub", 1, 1500))
            await collector.ask(lambda journal: journal.flush())
            await collector.ask(_lose_the_schema)
            collector.offer(_reading(clock, 2000))
            for _ in range(600):
                await asyncio.sleep(1)
                if "were salvaged" in collector.state.salvage:
                    break
            await asyncio.sleep(1)
            assert await collector.ask(lambda j: j.unsettled("hub")) == [(1501, 2001)]
            assert not await collector.ask(lambda j: j.keep_all)
            return collector

    state = run_virtual(main()).state
    assert _counts(tmp_path) == list(range(2001))
    assert state.salvage.startswith("2000 readings of 2000 were salvaged from")
    (aside,) = state.set_aside
    assert (tmp_path / aside.replace(".damaged-", ".salvaged-")).exists()


def _lose_the_schema(journal: Journal) -> None:
    journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    journal._db.execute("PRAGMA writable_schema=ON")
    journal._db.execute("DELETE FROM sqlite_schema")
    journal._db.execute("PRAGMA writable_schema=RESET")


def test_a_salvage_cut_off_is_begun_again(tmp_path: Path) -> None:
    async def first() -> None:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            for count in range(500):
                collector.offer(_reading(clock, count))

    async def second() -> None:
        async with Collector(tmp_path / "journal.sqlite3", LoopClock()) as collector:
            assert await collector.ask(lambda journal: journal.keep_all)

    async def third() -> Collector:
        async with collecting(tmp_path, LoopClock()) as collector:
            await asyncio.sleep(600)
            return collector

    run_virtual(first())
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(bytes(1024) + path.read_bytes()[1024:])
    run_virtual(second())
    assert list(tmp_path.glob("*.damaged-*"))
    assert run_virtual(third()).state.salvage.startswith("500 readings of 500")
    assert _counts(tmp_path) == list(range(500))
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_full_disk_still_takes_the_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full as long as `full` says so; only the reserve gives room."""
    full = True
    append = Journal.append

    def appended(self: Journal, readings: list[Reading]) -> object:
        if full:
            raise StoreFull("no room for the journal")
        return append(self, readings)

    monkeypatch.setattr(Journal, "append", appended)
    monkeypatch.setattr(Reserve, "short", property(lambda self: full))
    make = Reserve.make
    monkeypatch.setattr(Reserve, "make", lambda self: (not full or not made) and make(self))
    made: list[Collector] = []

    async def main() -> Collector:
        nonlocal full
        clock = LoopClock()
        path = tmp_path / "journal.sqlite3"
        async with Collector(path, clock, reserve_bytes=1 << 16) as collector:
            assert collector.state.reserve
            made.append(collector)
            writer = asyncio.create_task(collector.run())
            collector.offer(_reading(clock, 1))
            await asyncio.sleep(20)
            assert collector.state.full
            assert not (tmp_path / "journal.reserve").exists()
            hole = Hole(1, "meter", "", Cause.DISK_FULL, BOOT, 1, 1, 1)
            await collector.ride(lambda journal: journal.write_hole(hole), 0)
            assert "disk_full" in [e.what for e in await collector.ask(lambda j: j.events())]
            full = False
            await asyncio.sleep(20)
            assert (collector.state.full, collector.state.error) == (False, "")
            assert (tmp_path / "journal.reserve").stat().st_size == 1 << 16
            collector.finish()
            await writer
            return collector

    run_virtual(main())
    assert _counts(tmp_path) == [1]


@pytest.mark.parametrize(("after_s", "ends"), [(5, False), (100, True)])
def test_a_disk_that_goes_on_failing_ends_the_station_but_not_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after_s: float, ends: bool
) -> None:
    def failing(self: Journal, readings: object) -> None:
        raise DiskFault("the disk failed")

    async def main() -> bool:
        clock = LoopClock()
        async with Collector(tmp_path / "journal.sqlite3", clock) as collector:
            writer = asyncio.create_task(collector.run())
            await asyncio.sleep(after_s)
            with monkeypatch.context() as patch:
                patch.setattr(Journal, "append", failing)
                collector.offer(_reading(clock, 1))
                await asyncio.sleep(20)
                assert writer.done() is ends
                assert ends or collector.state.error == "the disk failed"
            if ends:
                with pytest.raises(DiskFault):
                    await writer
                return True
            await asyncio.sleep(20)
            assert collector.state.error == ""
            collector.finish()
            await writer
            return False

    assert run_virtual(main()) is ends


def test_a_read_only_journal_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(self: Journal, readings: object) -> None:
        self._db.execute("PRAGMA query_only=ON")
        append(self, readings)  # type: ignore[arg-type]

    append = Journal.append

    async def main() -> Collector:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            await asyncio.sleep(100)
            with monkeypatch.context() as patch:
                patch.setattr(Journal, "append", read_only)
                collector.offer(_reading(clock, 1))
                await asyncio.sleep(10)
                assert "is read-only" in collector.state.error
                await asyncio.sleep(300)
            await asyncio.sleep(20)
            return collector

    assert run_virtual(main()).state.error == ""
    assert _counts(tmp_path) == [1]


def test_a_patient_work_is_tried_until_the_journal_takes_it(tmp_path: Path) -> None:
    failures = [StoreFull("no room"), StoreFull("no room")]
    done: list[int] = []

    def work(journal: Journal) -> None:
        if failures:
            raise failures.pop()
        done.append(journal.last)

    async def main() -> None:
        async with collecting(tmp_path, LoopClock()) as collector:
            collector.soon(work, 1)
            await asyncio.sleep(30)

    run_virtual(main())
    assert (done, failures) == ([0], [])


def test_a_locked_journal_holds_up_nobody_for_ever(tmp_path: Path) -> None:
    async def main() -> Collector:
        clock = LoopClock()
        async with collecting(tmp_path, clock) as collector:
            await collector.ask(lambda j: j._db.execute("PRAGMA busy_timeout=5").fetchall())
            other = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            collector.offer(_reading(clock, 1))
            await asyncio.sleep(20)
            assert "locked by another program" in collector.state.error
            other.execute("COMMIT")
            other.close()
            await asyncio.sleep(20)
            return collector

    assert run_virtual(main()).state.error == ""
    assert _counts(tmp_path) == [1]


def test_store_errors_reach_who_asked(tmp_path: Path) -> None:
    def refuse(journal: Journal) -> None:
        raise StoreError("no")

    async def main() -> None:
        async with collecting(tmp_path, LoopClock()) as collector:
            with pytest.raises(StoreError, match="no"):
                await collector.ask(refuse)

    run_virtual(main())
