"""Packed readings on their way to the hub."""

from __future__ import annotations

from dataclasses import replace

from fieldstation.batch.facts import ClockFact
from fieldstation.journal.packs import MOST
from fieldstation.model import Instant, Trust
from fieldstation.station.collector import Collector

from .conftest import BOOT, NOW_US, Append, StartPump, StillClock
from .hubdouble import HubDouble, lost_reply, reset

COUNT = 4 * MOST
OTHER = b"o" * 16


async def _packed(collector: Collector, append: Append, **facts: object) -> list[object]:
    """The readings that wait, most of them packed."""
    append(0, COUNT, **facts)  # type: ignore[arg-type]
    while (await collector.ask(lambda journal: journal.last)) < COUNT:
        collector.hurry()
        await collector.ride(lambda journal: None, 0)
    for _ in range(3):
        assert await collector.ask(lambda journal: journal.pack(["hub"], 100))
    kept = await collector.ask(lambda journal: journal.after(0, COUNT))
    return [one.reading for one in kept]


def _stored(hub: HubDouble, boot: bytes = BOOT) -> list[object]:
    return [hub.stored[boot, number] for number in range(1, COUNT + 1)]


async def test_packs_arrive_as_the_readings_that_they_hold(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    readings = await _packed(collector, append)
    hub.faults.extend([reset, lost_reply, HubDouble.apply, reset])  # type: ignore[list-item]
    pump = start_pump(newest_first=True, every_s=3600)
    await hub.until(lambda: len(hub.stored) == COUNT)
    assert _stored(hub) == readings
    assert {(1, MOST), (MOST + 1, 2 * MOST)} <= {(a, b) for _, a, b in hub.requests}
    assert (hub.doubled, pump.state.quarantined) == (0, 0)


async def test_a_pack_is_sent_with_layouts_when_the_hub_asks(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    readings = await _packed(collector, append)

    def forgets(double: HubDouble, body: bytes) -> object:
        double.layouts.clear()
        return double.apply(body)

    hub.faults.extend([HubDouble.apply, HubDouble.apply, forgets])  # type: ignore[list-item]
    start_pump(newest_first=True, every_s=3600)
    await hub.until(lambda: len(hub.stored) == COUNT)
    assert _stored(hub) == readings
    assert len(hub.layouts) == 1


async def test_one_refused_reading_of_a_pack_costs_itself_only(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    await _packed(collector, append)
    hub.refuse = lambda one: one.values[1] == MOST + 7
    pump = start_pump(newest_first=True, every_s=0.01)
    await hub.until(lambda: len(hub.stored) == COUNT - 1)
    assert (BOOT, MOST + 8) not in hub.stored
    assert hub.doubled == 0
    assert pump.state.quarantined <= 1


async def test_a_hub_that_wants_less_at_once_gets_slices_of_packs(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    readings = await _packed(collector, append)
    hub.most_readings = 100
    start_pump(newest_first=True, every_s=0.01)
    await hub.until(lambda: len(hub.stored) == COUNT)
    assert _stored(hub) == readings


async def test_packed_readings_of_an_untrusted_clock_carry_what_places_them(
    hub: HubDouble, collector: Collector, append: Append, start_pump: StartPump
) -> None:
    begun = Instant(NOW_US, 0, OTHER, Trust.UNSYNCED)
    await collector.ask(lambda journal: journal.begin(begun, "kernel"))
    readings = await _packed(collector, append, boot=OTHER, trust=Trust.UNSYNCED)
    clock = StillClock(Trust.UNSYNCED, OTHER)
    clock.instant = replace(clock.instant, mono_us=5_000_000)
    start_pump(reports=True, clock=clock, newest_first=True, every_s=3600)
    await hub.until(lambda: len(hub.stored) == COUNT)
    assert _stored(hub, OTHER) == readings
    facts = {hub.clocks[OTHER, number] for number in range(1, COUNT + 1)}
    assert len(facts) == 1
    assert isinstance(facts.pop(), ClockFact)
