"""Judges a scenario by what the twins gave, what was accepted, and what the hub shows.

1. Every accepted reading is at the hub, once, with the value that the twin gave.
2. Nothing is at the hub that no twin gave or that was not accepted.
3. What the twins' schedule had due and the hub has not lies in a hole: the counts agree but for one
   reading at each start and each step of the clock, where the grid begins anew.
4. A fault that cost readings is named: a hole with one of its causes lies over it.
5. The hub finds that every day adds up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fieldstation.batch.facts import Hole, State
from proof.scenario.hubs import Hub
from proof.scenario.machine import EVERY_S, Machine
from proof.scenario.script import Fault

EVERY_US = int(EVERY_S * 1e6)


@dataclass(slots=True)
class Judgement:
    """What one scenario showed. `costly` counts faults that cost readings, `named` those of them
    that the holes name.
    """

    violations: list[str] = field(default_factory=list)
    accepted: int = 0
    holes: int = 0
    costly: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)


async def judge(machines: list[Machine], hub: Hub, faults: list[Fault], now_us: int) -> Judgement:
    """Compare all ledgers. `now_us`: the true time."""
    found = Judgement()
    for machine in machines:
        readings = await hub.readings(machine.name)
        holes = [one for one in await hub.holes(machine.name) if one.state is not State.RECOVERED]
        found.holes += len(holes)
        found.accepted += len(machine.accepted)
        _readings(found, machine, readings)
        _counts(found, machine, readings, holes, now_us)
        _causes(found, machine, holes, [one for one in faults if one.machine == machine.name])
        found.violations += [
            f"{machine.name}: the station failed: {one}" for one in machine.failures
        ]
    found.violations += await hub.faults()
    return found


def _readings(found: Judgement, machine: Machine, readings: dict[str, list[int]]) -> None:
    """Rules 1 and 2."""
    for name, twin in machine.twins.items():
        there = Counter(readings.get(name, []))
        accepted = {
            int(str(kept.reading.values[0]))
            for kept in machine.accepted.values()
            if kept.reading.instrument == name
        }
        who = f"{machine.name} {name}"
        if lost := accepted - there.keys():
            found.violations.append(f"{who}: accepted and lost: {sorted(lost)[:5]} of {len(lost)}")
        if twice := [number for number, count in there.items() if count > 1]:
            found.violations.append(f"{who}: twice: {sorted(twice)[:5]} of {len(twice)}")
        if strange := there.keys() - twin.given.keys():
            found.violations.append(f"{who}: never given: {sorted(strange)[:5]}")


def _counts(
    found: Judgement,
    machine: Machine,
    readings: dict[str, list[int]],
    holes: list[Hole],
    now_us: int,
) -> None:
    """Rule 3."""
    if machine.doubts:
        return
    due = (now_us - (machine.first_us or now_us)) // EVERY_US
    slack = 2 + machine.starts + machine.steps
    for name in machine.twins:
        missed = sum(hole.count for hole in holes if hole.instrument == name)
        stored = len(readings.get(name, []))
        if abs(stored + missed - due) > slack:
            found.violations.append(
                f"{machine.name} {name}: {due} due, {stored} stored, {missed} in holes"
            )


def _causes(found: Judgement, machine: Machine, holes: list[Hole], faults: list[Fault]) -> None:
    """Rule 4. A fault's span is stretched by one interval, as a hole begins at a due time."""
    for fault in faults:
        if not fault.causes or fault.last_us - fault.first_us < 2 * EVERY_US:
            continue
        meters = [fault.meter] if fault.meter else list(machine.twins)
        for meter in meters:
            found.costly[fault.word] += 1
            found.named[fault.word] += any(
                hole.instrument == meter
                and hole.cause in fault.causes
                and hole.first_utc_us <= fault.last_us + 2 * EVERY_US
                and fault.first_us - 2 * EVERY_US <= hole.last_utc_us
                for hole in holes
            )
