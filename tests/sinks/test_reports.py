"""The second conversation with the hub: what the station knows, and what the hub misses."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fieldstation.batch.facts import Cause, ClockFact, Event, Fact, Hole, Source, State, Tally
from fieldstation.model import Trust
from fieldstation.sinks.pump import Pump
from fieldstation.station.collector import Collector

from .conftest import BOOT, NOW_US, Append, StartPump, StillClock, reading
from .hubdouble import HubDouble, Known, lost_reply, problem, reset

HOLE = Hole(1, "inverter", "", Cause.SILENT, BOOT, NOW_US, NOW_US + 10**7, 2, State.LOST)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Milliseconds where a station waits seconds."""
    monkeypatch.setattr("fieldstation.sinks.pump.LOOK_S", 0.005)
    monkeypatch.setattr("fieldstation.sinks.reports.CHANGED_S", 0.005)
    monkeypatch.setattr("fieldstation.sinks.pump.EVERY_S", 0.05)


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)


def _facts(hub: HubDouble, made: type[Fact]) -> list[Fact]:
    return [
        fact
        for known in hub.journals.values()
        for fact in known.facts.values()
        if isinstance(fact, made)
    ]


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[Collector]:
    async with Collector(path, StillClock(), commit_every_s=0.001) as made:
        task = asyncio.create_task(made.run())
        yield made
        made.finish()
        await task


async def test_a_report_goes_before_the_first_batch_of_a_connection(
    hub: HubDouble, append: Append, start_pump: StartPump
) -> None:
    append(0, 3)
    start_pump(reports=True)
    await hub.until(lambda: len(hub.stored) == 3)
    assert hub.talk[0] == "report"
    assert hub.reports[0].facts == ()
    assert hub.reports[0].disk_free_bytes == 7
    before = len(hub.talk)
    hub.faults.append(reset)
    append(3, 1)
    await hub.until(lambda: len(hub.stored) == 4)
    since = hub.talk[before:]
    assert since.index("report") < since.index("batch")


async def test_a_report_says_how_much_waits_and_how_old_it_is(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    append(0, 5)
    await collector.ride(lambda journal: None, 0)
    start_pump(reports=True)
    await hub.until(lambda: bool(hub.reports))
    first = hub.reports[0]
    assert (first.backlog, first.oldest_utc_us) == (5, NOW_US)
    assert first.journal_bytes > 1000
    await hub.until(lambda: hub.reports[-1].backlog == 0)
    assert hub.reports[-1].oldest_utc_us == 0


async def test_facts_are_told_soon_after_they_changed(
    hub: HubDouble, collector: Collector, start_pump: StartPump
) -> None:
    start_pump(reports=True)
    await hub.until(lambda: bool(hub.reports))
    await collector.ask(lambda journal: journal.write_hole(HOLE))
    await hub.until(lambda: HOLE in _facts(hub, Hole))
    longer = replace(HOLE, count=9)
    await collector.ask(lambda journal: journal.write_hole(longer))
    await hub.until(lambda: _facts(hub, Hole) == [longer])


async def test_many_facts_go_in_steps(
    hub: HubDouble, collector: Collector, start_pump: StartPump, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldstation.sinks.reports.MOST_FACTS", 7)
    holes = [replace(HOLE, number=number) for number in range(1, 41)]

    def write(journal: object) -> None:
        for hole in holes:
            collector._journal.write_hole(hole)

    await collector.ask(lambda journal: journal.transact(lambda: write(journal)))
    start_pump(reports=True)
    await hub.until(lambda: len(_facts(hub, Hole)) == 40)
    assert max(len(report.facts) for report in hub.reports) == 7


async def test_a_restored_hub_gets_facts_and_readings_again(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    append(0, 5)
    await collector.ask(lambda journal: journal.write_hole(HOLE))
    start_pump(reports=True)
    await hub.until(lambda: len(hub.stored) == 5 and bool(_facts(hub, Hole)))
    stored, journals = dict(hub.stored), {k: v.through for k, v in hub.journals.items()}
    hub.stored = {key: row for key, row in hub.stored.items() if key[1] in (1, 2)}
    hub.journals = {identity: Known() for identity in hub.journals}
    hub.faults.append(reset)
    append(5, 1)
    await hub.until(lambda: len(hub.stored) == 6)
    await hub.until(lambda: all(hub.journals[k].through >= n for k, n in journals.items()))
    assert stored.items() <= hub.stored.items()
    assert _facts(hub, Hole) == [HOLE]
    assert hub.doubled == 0


async def test_a_journal_from_an_old_image_takes_a_new_identity(
    hub: HubDouble, tmp_path: Path, start_pump: StartPump
) -> None:
    path, image = tmp_path / "a.sqlite3", tmp_path / "b.sqlite3"
    async with _opened(path) as first:
        await first.ask(lambda journal: journal.write_hole(HOLE))
    shutil.copy(path, image)
    async with _opened(path) as first:
        await first.ask(lambda journal: journal.write_hole(replace(HOLE, number=2)))
        start_pump(reports=True, outbox=first)
        await hub.until(lambda: len(_facts(hub, Hole)) == 2)
        (old,) = hub.journals
        await start_pump.stop()
    async with _opened(image) as second:
        hub.report_faults.extend([reset] * 10_000)
        start_pump(reports=True, outbox=second)
        await _until(lambda: len(hub.report_faults) < 10_000)
        # It has more facts than the hub knows of before the two meet: that does not hide it.
        for number in range(3, 9):
            await second.ask(lambda j, n=number: j.write_hole(replace(HOLE, number=n)))
        hub.report_faults.clear()
        await hub.until(lambda: len(hub.journals) == 2)
        await hub.until(lambda: any(e.what == "restored" for e in _facts(hub, Event)))  # type: ignore[union-attr]
        identity = await second.ask(lambda journal: journal.identity)
        await hub.until(
            lambda: (
                {f.number for f in hub.journals[identity].facts.values() if f.kind == "hole"}
                >= {1, 3, 4, 5, 6, 7, 8}
            )
        )
        assert identity != old
        await start_pump.stop()


async def test_a_refused_fact_costs_itself_only(
    hub: HubDouble, collector: Collector, start_pump: StartPump, caplog: pytest.LogCaptureFixture
) -> None:
    hub.refuse_fact = lambda fact: isinstance(fact, Hole) and fact.number == 5
    for number in range(1, 12):
        hole = replace(HOLE, number=number)
        await collector.ask(lambda journal, hole=hole: journal.write_hole(hole))
    pump = start_pump(reports=True)
    await hub.until(lambda: {f.number for f in _facts(hub, Hole)} == set(range(1, 12)) - {5})  # type: ignore[union-attr]
    said = [record for record in caplog.records if "left out" in record.message]
    assert len(said) == 1
    assert pump.state.failures == 0


async def test_an_older_hub_gets_readings_and_no_reports(
    hub: HubDouble,
    collector: Collector,
    append: Append,
    start_pump: StartPump,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub.knows_reports = False
    append(0, 3)
    append(3, 3, trust=Trust.UNSYNCED)
    start_pump(reports=True, clock=StillClock(Trust.UNSYNCED))
    await hub.until(lambda: len(hub.stored) == 6)
    hub.faults.extend([reset, reset])
    append(6, 1)
    await hub.until(lambda: len(hub.stored) == 7)
    assert set(hub.clocks.values()) == {None}
    said = [record for record in caplog.records if record.message == "no reports are sent"]
    assert len(said) == 1


async def test_a_report_in_trouble_does_not_settle_or_lose_anything(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    await collector.ask(lambda journal: journal.write_hole(HOLE))
    hub.report_faults.extend(
        [
            lambda double, body: (200, "text/html", b"<html>log in</html>"),
            lambda double, body: (302, "text/html", b""),
            lambda double, body: problem(503, "later"),
            lambda double, body: (200, "application/json", b'{"utc_us":1,"through":-1}'),
            reset,
            lambda double, body: problem(422, "no", code="bad_field"),
        ]
    )
    append(0, 2)
    pump = start_pump(reports=True)
    await hub.until(lambda: len(hub.stored) == 2 and bool(_facts(hub, Hole)))
    assert not hub.report_faults
    await _until(lambda: pump.state.error == "")


# --- time ---


async def test_unsynced_readings_wait_for_the_hubs_time(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    hub.report_faults.extend([reset] * 3)
    append(0, 4, trust=Trust.UNSYNCED)
    clock = StillClock(Trust.UNSYNCED)
    clock.instant = replace(clock.instant, mono_us=5_000_000)
    start_pump(reports=True, clock=clock)
    await hub.until(lambda: len(hub.stored) == 4)
    fact = hub.clocks[BOOT, 1]
    assert isinstance(fact, ClockFact)
    assert (fact.source, fact.kernel, fact.boot) == (Source.HUB, "kernel", BOOT)
    assert (fact.mono_us, fact.utc_us) == (5_000_000, hub.utc_us)
    assert [hub.stored[BOOT, n] for n in range(1, 5)] == [
        reading(n, trust=Trust.UNSYNCED) for n in range(4)
    ]
    await hub.until(lambda: fact in _facts(hub, ClockFact))


async def test_synced_readings_of_another_run_do_not_wait_with_unsynced_ones(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    """A trusted clock now, and readings before it that nobody placed yet: the hub's time does."""
    append(0, 2, trust=Trust.UNSYNCED)
    append(2, 2)
    start_pump(reports=True)
    await hub.until(lambda: len(hub.stored) == 4)
    assert isinstance(hub.clocks[BOOT, 1], ClockFact)


async def test_unsynced_readings_of_an_earlier_machine_run_go_as_they_stand(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    other = b"e" * 16
    await collector.ask(lambda j: j.begin(StillClock(boot=other).now(), "kernel before"))
    append(0, 3, boot=other, trust=Trust.UNSYNCED)
    start_pump(reports=True)
    await hub.until(lambda: len(hub.stored) == 3)
    assert set(hub.clocks.values()) == {None}


async def test_the_systems_own_word_on_time_is_not_replaced_by_the_hubs(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    own = ClockFact(BOOT, 1, "kernel", 10, NOW_US, 0, Source.SYSTEM)
    await collector.ask(lambda journal: journal.write_fact(own))
    append(0, 2, trust=Trust.UNSYNCED)
    start_pump(reports=True, clock=StillClock(Trust.UNSYNCED))
    await hub.until(lambda: len(hub.stored) == 2)
    assert set(hub.clocks.values()) == {own}
    await hub.until(lambda: _facts(hub, ClockFact) == [own])


async def test_tallies_reach_the_hub(
    hub: HubDouble, collector: Collector, start_pump: StartPump
) -> None:
    tally = Tally(BOOT, "inverter", 19_675, 7)
    await collector.ask(lambda journal: journal.write_fact(tally))
    start_pump(reports=True)
    await hub.until(lambda: tally in _facts(hub, Tally))


async def test_a_lost_reply_to_a_batch_is_followed_by_a_report_and_the_same_batch(
    hub: HubDouble, pump: Pump, append: Append
) -> None:
    hub.faults.append(lost_reply)
    append(0, 4)
    await hub.until(lambda: len(hub.requests) >= 2)
    assert hub.requests[0] == hub.requests[1]
    assert hub.doubled == 0
