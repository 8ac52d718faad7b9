"""What goes first: new readings, or those that wait."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from fieldstation.batch.model import Batch, Receipt
from fieldstation.sinks.budget import Budget
from fieldstation.sinks.lanes import MOST_BACKLOG, MOST_READINGS
from fieldstation.sinks.pump import Pump
from fieldstation.station.collector import Collector
from fieldstation.testing.virtualtime import in_virtual_time

from .conftest import NOW_US, Append, StartPump, StillClock, reading
from .hubdouble import HubDouble, reset

COUNT = 2 * MOST_BACKLOG + 300


async def _kept(collector: Collector, last: int) -> None:
    while (await collector.ask(lambda journal: journal.last)) < last:
        collector.hurry()
        await collector.ride(lambda journal: None, 0)


async def _fill(collector: Collector, append: Append, count: int) -> None:
    """More than wait in memory at once."""
    for first in range(0, count, 5000):
        append(first, min(5000, count - first))
        await _kept(collector, min(first + 5000, count))


@pytest.mark.slow
async def test_the_newest_readings_go_first_and_the_backlog_in_large_batches(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    await _fill(collector, append, COUNT)
    pump = start_pump(newest_first=True, every_s=3600)
    await hub.until(lambda: len(hub.stored) == COUNT)
    ranges = [(first, last) for _, first, last in hub.requests]
    assert ranges[0] == (COUNT - MOST_READINGS + 1, COUNT)
    assert ranges[1] == (1, MOST_BACKLOG)
    assert sum(last - first + 1 for first, last in ranges) == COUNT
    assert hub.doubled == 0
    assert pump.state.quarantined == 0


async def test_new_readings_do_not_wait_for_a_backlog(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    await _fill(collector, append, 2 * MOST_READINGS)
    pump = start_pump(newest_first=True, every_s=0)
    pump._lanes._ceiling = pump._lanes._most = 100  # the backlog in many batches
    told = asyncio.Event()

    def more(double: HubDouble, body: bytes) -> object:
        append(2 * MOST_READINGS, 5)
        told.set()
        return double.apply(body)

    hub.faults.extend([HubDouble.apply, more])  # type: ignore[list-item]
    await hub.until(lambda: len(hub.stored) == 2 * MOST_READINGS + 5)
    ranges = [(first, last) for _, first, last in hub.requests]
    fresh = next(place for place, (_, last) in enumerate(ranges) if last == 2 * MOST_READINGS + 5)
    oldest_first = [pair for pair in ranges if pair[1] <= MOST_READINGS]
    assert oldest_first == sorted(oldest_first)
    assert fresh < len(ranges) - 3
    assert hub.doubled == 0


async def test_the_newest_readings_go_first_after_an_outage(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    append(0, 3)
    hub.faults.extend([reset] * 4)
    pump = start_pump(newest_first=True)
    async with asyncio.timeout(10):
        while pump.state.failures < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    append(3, 2 * MOST_READINGS)
    await _kept(collector, 3 + 2 * MOST_READINGS)
    hub.faults.extend([reset] * 2)
    await hub.until(lambda: len(hub.stored) == 3 + 2 * MOST_READINGS)
    newest = next(place for place, row in enumerate(hub.requests) if row[2] > MOST_READINGS + 3)
    assert newest <= 1  # what was in flight may go before


async def test_a_refused_reading_of_the_backlog_delays_nothing(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    count = 2 * MOST_READINGS
    await _fill(collector, append, count)
    hub.refuse = lambda one: one.values[1] in (12, count - 1)
    pump = start_pump(newest_first=True)
    await hub.until(lambda: len(hub.stored) == count - 2)
    assert {n for _, n in hub.stored} == set(range(1, count + 1)) - {13, count}
    assert pump.state.quarantined == 2
    entries = await collector.ask(lambda journal: journal.quarantined())
    assert {(e.sink, e.first, e.last, e.code) for e in entries} == {
        ("hub", 13, 13, "contradiction"), ("hub", count, count, "contradiction"),
    }  # fmt: skip


class Shy:
    """A destination that takes everything, and counts a thousand bytes for each batch."""

    name = "hub"

    def __init__(self) -> None:
        self.traffic = 0
        self.took: list[tuple[float, int, int]] = []

    async def deliver(self, batch: Batch) -> Receipt:
        self.traffic += 500 + 5 * len(batch.readings)
        self.took.append((asyncio.get_running_loop().time(), batch.first, batch.last))
        return Receipt(batch.boot, batch.first, batch.last, len(batch.readings), 0)

    async def renewed(self) -> None:
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        pass


DAY_S = 86_400
MIDNIGHT_US = NOW_US // (DAY_S * 10**6) * DAY_S * 10**6


@in_virtual_time
async def _days(path: Path, days: int, per_day: int, backlog: int) -> tuple[Shy, list[int], int]:
    """`days` of a reading a minute under a budget, after an outage that left a backlog."""
    loop = asyncio.get_running_loop()
    shy, spent = Shy(), []
    async with Collector(path / "journal.sqlite3", StillClock()) as collector:
        writer = asyncio.create_task(collector.run())
        for number in range(backlog):
            collector.offer(reading(number))
        await collector.commit()
        while collector.state.waiting:
            await collector.commit()
        budget = Budget(per_day, lambda: MIDNIGHT_US + int(loop.time() * 1e6))
        pump = Pump(collector, shy, every_s=60, newest_first=True, budget=budget)
        task = asyncio.create_task(pump.run())
        for day in range(days):
            before = shy.traffic
            for minute in range(DAY_S // 60):
                await asyncio.sleep((day * DAY_S + minute * 60 + 30) - loop.time())
                collector.offer(reading(backlog + day * 1440 + minute))
            await asyncio.sleep((day + 1) * DAY_S - loop.time())
            spent.append(shy.traffic - before)
        await asyncio.sleep(120)
        left = await collector.ask(lambda journal: journal.backlog("hub"))
        task.cancel()
        collector.finish()
        await asyncio.wait({task, writer})
    return shy, spent, left


@pytest.mark.slow
def test_a_backlog_drains_over_days_within_the_budget(tmp_path: Path) -> None:
    # New readings take 1440 * 505 bytes a day; 5000 readings of the backlog 25 kB and their heads.
    per_day = 1_000_000
    shy, spent, left = _days(tmp_path, 3, per_day, 9000)
    assert all(count <= per_day for count in spent)
    assert left <= 2
    sent = {number for _, first, last in shy.took for number in range(first, last + 1)}
    assert len(sent) >= 9000 + 3 * 1440 - 2
    newest = [at for at, first, _ in shy.took if first > 9000]
    assert max(after - before for before, after in pairwise(newest)) < 200


@pytest.mark.slow
def test_a_budget_that_is_too_small_makes_uploads_rarer_and_loses_nothing(tmp_path: Path) -> None:
    per_day = 60_000
    shy, spent, left = _days(tmp_path, 2, per_day, 10)
    assert all(count <= per_day for count in spent)
    assert spent[0] > per_day * 0.8
    hours = {int(at // 3600) for at, _, _ in shy.took if at < DAY_S}
    assert len(hours) >= 20
    assert left < 1440


async def test_what_was_spent_today_survives_a_restart(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    pump = start_pump(budget=Budget(10**9, lambda: NOW_US))
    append(0, 3)
    await hub.until(lambda: len(hub.stored) == 3)
    async with asyncio.timeout(10):
        while pump.state.bytes_today == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    other = start_pump(budget=Budget(10**9, lambda: NOW_US))
    async with asyncio.timeout(10):
        while other.state.bytes_today < pump.state.bytes_today:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    assert 300 < pump.state.bytes_today < 3000


async def test_an_upload_waits_when_the_day_is_used_up(
    hub: HubDouble, append: Append, start_pump: StartPump, caplog: pytest.LogCaptureFixture
) -> None:
    pump = start_pump(budget=Budget(500, lambda: NOW_US))
    append(0, 3)
    async with asyncio.timeout(10):
        while not pump.state.goes_on_utc_us:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    assert hub.requests == []
    assert pump.state.goes_on_utc_us == MIDNIGHT_US + DAY_S * 10**6
    said = [record for record in caplog.records if "used up" in record.message]
    assert len(said) == 1


@in_virtual_time
async def _commits(path: Path, readings: int) -> tuple[int, int]:
    """Commits for readings that come every 10 s and are sent every 10 s; readings delivered."""
    loop = asyncio.get_running_loop()
    shy, commits = Shy(), list[str]()
    async with Collector(path / "journal.sqlite3", StillClock()) as collector:
        writer = asyncio.create_task(collector.run())
        task = asyncio.create_task(Pump(collector, shy, every_s=10, newest_first=True).run())
        await collector.ask(lambda j: j._db.set_trace_callback(
            lambda words: commits.append(words) if words == "COMMIT" else None
        ))  # fmt: skip
        for number in range(readings):
            await asyncio.sleep(number * 10 + 5 - loop.time())
            collector.offer(reading(number))
        await asyncio.sleep(15)
        task.cancel()
        collector.finish()
        await asyncio.wait({task, writer})
    return len(commits), len({first for _, first, _ in shy.took})


def test_sealing_shares_the_write_of_the_reading(tmp_path: Path) -> None:
    commits, delivered = _commits(tmp_path, 50)
    assert delivered == 50
    assert commits <= 55
