from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.batch.model import Batch, Receipt
from fieldstation.errors import HubUnreachable
from fieldstation.journal import Journal
from fieldstation.sinks.backoff import Backoff
from fieldstation.sinks.lanes import MOST_READINGS
from fieldstation.sinks.pump import FIRST_WAIT_S, LONGEST_WAIT_S, Pump
from fieldstation.station.collector import Collector
from fieldstation.testing.virtualtime import in_virtual_time

from .conftest import BOOT, Append, StartPump, StillClock, reading
from .hubdouble import HubDouble, lost_reply, receipt_for, reset, status

OTHER_BOOT = b"o" * 16


def _save(path: Path, text: str) -> None:
    path.write_text(text)


async def _all_there(hub: HubDouble, pump: Pump, numbers: set[int]) -> None:
    await hub.until(lambda: {sequence for _, sequence in hub.stored} >= numbers)
    await _settled(pump, max(numbers))


async def _settled(pump: Pump, last: int) -> None:
    async with asyncio.timeout(10):
        while pump.state.settled < last:  # noqa: ASYNC110 - the pump has no event for tests
            await asyncio.sleep(0.002)


async def test_readings_arrive_in_order_and_once(
    hub: HubDouble, pump: Pump, append: Append
) -> None:
    append(0, 5)
    await _all_there(hub, pump, set(range(1, 6)))
    append(5, 3)
    await _all_there(hub, pump, set(range(1, 9)))
    assert [hub.stored[BOOT, n] for n in range(1, 9)] == [reading(n) for n in range(8)]
    assert hub.doubled == 0
    ranges = [(first, last) for _, first, last in hub.requests]
    assert ranges == sorted(set(ranges))


async def test_a_backlog_goes_in_full_batches_without_waiting(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    count = 2 * MOST_READINGS + 10
    append(0, count)
    pump = start_pump()
    await _all_there(hub, pump, {count})
    sizes = [last - first + 1 for _, first, last in hub.requests]
    assert sum(sizes) == count
    assert max(sizes) == MOST_READINGS


async def test_a_lost_reply_sends_the_same_range_again(
    hub: HubDouble, pump: Pump, append: Append
) -> None:
    hub.faults.append(lost_reply)
    append(0, 4)
    await _all_there(hub, pump, {1, 2, 3, 4})
    assert hub.requests[0] == hub.requests[1]
    assert hub.doubled == 0
    assert pump.state.error == ""


@pytest.mark.parametrize(
    "fault",
    [
        status(200),
        status(200, b'{"ok": true}'),
        status(200, b"null"),
        status(204, b""),
        status(302),
        status(403),
        status(404),
        status(422),
        status(409),
        status(500),
        status(502),
        status(503),
        status(200, b"x" * 200_000),
        receipt_for(1, 1),
        reset,
    ],
)
async def test_only_a_receipt_that_fits_settles(
    hub: HubDouble, pump: Pump, append: Append, fault: Callable[..., None]
) -> None:
    seen: list[tuple[int, int]] = []

    def answer(double: HubDouble, body: bytes) -> object:
        seen.append((pump.state.settled, pump.state.batches))
        return fault(double, body)

    hub.faults.extend([answer, answer])  # type: ignore[list-item]
    append(0, 1)
    await _all_there(hub, pump, {1})
    assert seen == [(0, 0), (0, 0)]
    assert pump.state.quarantined == 0


async def test_a_batch_never_crosses_a_boot(hub: HubDouble, pump: Pump, append: Append) -> None:
    append(0, 3)
    append(3, 3, OTHER_BOOT)
    await _all_there(hub, pump, set(range(1, 7)))
    assert {boot for boot, n in hub.stored if n <= 3} == {BOOT}
    assert {boot for boot, n in hub.stored if n > 3} == {OTHER_BOOT}


async def test_a_hub_that_forgot_layouts_gets_them_again(
    hub: HubDouble, pump: Pump, append: Append
) -> None:
    append(0, 1)
    await _all_there(hub, pump, {1})
    hub.layouts.clear()
    append(1, 1)
    await _all_there(hub, pump, {1, 2})
    assert len(hub.layouts) == 1


async def test_too_large_a_batch_is_halved_until_it_fits(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    hub.most_readings = 7
    append(0, 40)
    pump = start_pump()
    await _all_there(hub, pump, set(range(1, 41)))
    assert hub.doubled == 0
    assert pump.state.quarantined == 0


async def test_one_refused_reading_costs_itself_only(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    hub.refuse = lambda one: one.values[1] == 12
    append(0, 40)
    pump = start_pump()
    await _all_there(hub, pump, set(range(1, 41)) - {13})
    assert {n for _, n in hub.stored} == set(range(1, 41)) - {13}
    entry = (await collector.ask(Journal.quarantined))[0]
    assert (entry.sink, entry.first, entry.last, entry.code) == ("hub", 13, 13, "contradiction")
    assert pump.state.quarantined == 1


async def test_a_hub_that_lost_readings_gets_them_again(
    hub: HubDouble, pump: Pump, append: Append
) -> None:
    append(0, 6)
    await _all_there(hub, pump, set(range(1, 7)))
    for number in (2, 3):
        del hub.stored[BOOT, number]
    hub.missing = [(2, 3)]
    append(6, 1)
    await _all_there(hub, pump, set(range(1, 8)))
    assert hub.doubled == 0


async def test_a_hub_that_names_what_nobody_has_is_not_obeyed_for_ever(
    hub: HubDouble, pump: Pump, append: Append
) -> None:
    for number in range(1, 6):
        hub.missing = [(1, 1), (70, 90)]
        append(number, 1)
        await _all_there(hub, pump, {number})
    before = len(hub.requests)
    hub.missing = [(1, 1), (70, 90)]
    append(6, 1)
    await _all_there(hub, pump, {6})
    assert len(hub.requests) - before <= 2


async def test_damaged_rows_do_not_stop_the_way(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    append(0, 5)
    collector.hurry()
    await collector.ride(lambda journal: None, 0)
    await collector.ask(lambda j: j._db.execute("UPDATE reading SET body='[1,2]' WHERE sequence<4"))
    pump = start_pump()
    await _all_there(hub, pump, {4, 5})
    assert {n for _, n in hub.stored} == {4, 5}


async def test_a_rejected_key_waits_for_a_person_and_goes_on_with_the_new_key(
    hub: HubDouble,
    pump: Pump,
    append: Append,
    key_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("fieldstation.sinks.hub.KEY_LOOK_S", 0.005)
    _save(key_file, "fsk_wrong")
    append(0, 1)
    async with asyncio.timeout(10):
        while not pump.state.failures:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    assert "does not accept the key" in pump.state.error
    _save(key_file, hub.key)
    await _all_there(hub, pump, {1})
    said = [r for r in caplog.records if r.message == "sink is away"]
    assert len(said) == 1
    assert "fsk_" not in caplog.text + str(said[0].__dict__)


class Away:
    """A destination that is never there; it notes when it was asked."""

    name = "hub"
    traffic = 0

    def __init__(self) -> None:
        self.asked_s: list[float] = []

    async def deliver(self, batch: Batch) -> Receipt:
        self.asked_s.append(asyncio.get_running_loop().time())
        raise HubUnreachable("nobody is there")

    async def renewed(self) -> None:
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        pass


@in_virtual_time
async def _asked_in(tmp_path: Path, hours: float) -> list[float]:
    async with Collector(tmp_path / "journal.sqlite3", StillClock()) as collector:
        writer = asyncio.create_task(collector.run())
        away = Away()
        task = asyncio.create_task(Pump(collector, away, every_s=10).run())
        collector.offer(reading(0))
        await asyncio.sleep(hours * 3600)
        task.cancel()
        collector.finish()
        await asyncio.wait({task, writer})
    return away.asked_s


def test_a_sink_that_is_away_is_asked_ever_less_often(tmp_path: Path) -> None:
    asked = _asked_in(tmp_path, 24)
    gaps = [after - before for before, after in pairwise(asked)]
    assert FIRST_WAIT_S / 2 <= gaps[0] <= FIRST_WAIT_S
    assert max(gaps) <= LONGEST_WAIT_S
    assert min(gaps[12:]) >= LONGEST_WAIT_S / 2
    assert len(set(gaps[12:])) > 10


@given(chances=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_waits_double_and_stay_within_their_bounds(chances: list[float]) -> None:
    left = iter(chances)
    backoff = Backoff(1.0, 60.0, lambda: next(left))
    for number in range(len(chances)):
        whole = min(2.0**number, 60.0)
        assert whole / 2 <= backoff.next_s() <= whole


class Stuck(Away):
    name = "stuck"

    async def deliver(self, batch: Batch) -> Receipt:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_stuck_sink_delays_no_other(
    hub: HubDouble, collector: Collector, pump: Pump, append: Append
) -> None:
    stuck = asyncio.create_task(Pump(collector, Stuck(), every_s=0.01).run())
    append(0, 3)
    await _all_there(hub, pump, {1, 2, 3})
    assert (await collector.ask(lambda j: j.cursor("stuck"))).settled == 0
    stuck.cancel()
    await asyncio.wait({stuck})
