"""Every due reading is stored or in a hole with its cause, over faults, clocks, kills and power
cuts; the clock's own story. All in virtual time, with a real journal.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fieldstation.batch.facts import Cause, Source, State, per_day
from fieldstation.batch.model import Announcement
from fieldstation.journal import open_journal
from fieldstation.model import Channel, Instant, Kind, Layout, Reading, Trust
from fieldstation.station import past as past_module
from fieldstation.station.ledger import STEP_US
from fieldstation.station.past import Past

from .meter import BOOT, MAIN, SELDOM, START_US
from .world import World

YEAR_S = 365 * 86_400
FAULTS = {
    "silent": Cause.SILENT,
    "garbled": Cause.GARBLED,
    "refusing": Cause.REFUSED,
    "crash": Cause.DEFECT,
    "unplugged": Cause.UNPLUGGED,
}
JUMPS = ["jump 5000", "jump -1e8", f"jump {10 * YEAR_S}", f"jump {-10 * YEAR_S}", "jump 0.3"]


def _day_of(utc_us: int) -> int:
    return utc_us // 86_400_000_000


# --- everything due is there ---

_SEGMENT = st.tuples(st.sampled_from(["good", *FAULTS, "slow 0.8", *JUMPS]), st.floats(1, 150))
_RUN = st.tuples(
    st.lists(_SEGMENT, min_size=1, max_size=4),
    st.sampled_from(["stop", "kill"]),
    st.floats(0, 400),
    st.booleans(),
)


@pytest.mark.slow
@hypothesis_settings(max_examples=40, deadline=None)
@given(runs=st.lists(_RUN, min_size=1, max_size=4), every_s=st.sampled_from([1.0, 7.0, 10.0]))
def test_every_due_reading_is_there_or_in_a_hole_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, runs: list, every_s: float
) -> None:
    world = World(tmp_path_factory.mktemp("world"), every_s)
    steps = 0
    for script, ending, off_s, power in runs:
        # Over a power cut only a clock that is right on both sides tells how long it was.
        set_right = [("trust", 5.0), ("good", 15.0)] if power else []
        world.run([("good", 15), *script, *set_right], ending)
        steps += 2 + len(script)
        world.off(off_s, power=power)
    world.run([("trust", 0), ("good", 40)])
    got, missed = len(world.kept()), world.missed()
    # A restart and a step of the clock may begin the grid at another second.
    assert abs(got + missed.total() - world.due()) <= steps + 1, (got, missed, world.due())


@pytest.mark.slow
def test_the_causes_are_those_of_the_faults(tmp_path: Path) -> None:
    chance, world = random.Random(4), World(tmp_path)
    true: Counter[str] = Counter()
    world.run([("good", 60)])
    for _ in range(6):
        script = [("good", 100.0)]
        for fault in chance.sample(sorted(FAULTS), len(FAULTS)):
            seconds = chance.randrange(60, 180) * 10.0
            script += [(fault, seconds), ("good", 200.0)]
            true[FAULTS[fault]] += round(seconds / 10)
        script += [(chance.choice(JUMPS), 100.0), ("trust", 20.0)]
        world.run(script, chance.choice(["stop", "kill"]))
        off_s = chance.randrange(60, 180) * 10.0
        world.off(off_s, power=chance.random() < 0.5)
        true[Cause.STOPPED] += round(off_s / 10)
    world.run([("good", 60)])
    found = world.missed()
    share = {cause: min(found[cause], count) / count for cause, count in true.items()}
    assert min(share.values()) >= 0.95, (share, true, found)
    # What is counted besides is the way back after a fault: waits of up to a minute.
    assert found.total() <= true.total() * 1.1, (true, found)


def test_a_dead_instrument_stays_dead_until_the_station_stopped(tmp_path: Path) -> None:
    world = World(tmp_path, names=("meter", "other"))
    world.run([("good", 55), ("silent", 1000)], "kill")
    world.off(500)
    world.run([("good", 30)])
    missed = world.missed()
    assert abs(missed[Cause.SILENT] - 100) <= 1
    assert abs(missed[Cause.STOPPED] - 50) <= 1
    assert world.missed("other").keys() == {Cause.STOPPED}


def test_the_time_that_the_station_did_not_run_is_a_hole(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run([("good", 45)])
    world.off(100, power=True)
    world.run([("good", 25)])
    (hole,) = world.holes()
    assert (hole.cause, hole.state, hole.count) == (Cause.STOPPED, State.LOST, 10)
    times = [kept.reading.instant.utc_us for kept in world.kept()]
    assert [time for time in times if hole.first_utc_us <= time <= hole.last_utc_us] == []
    assert hole.last_utc_us - hole.first_utc_us == 9 * 10_000_000
    assert world.meters["meter"].due == 10 + 3


@pytest.mark.parametrize("stale", [False, True])
def test_a_station_killed_behind_a_long_seldom_reading_misses_what_it_ran_over(
    tmp_path: Path, stale: bool
) -> None:
    """`stale`: it once had a reading that was due more often than any is now."""

    def taken(layout: Layout, mono_s: float, value: float) -> Reading:
        mono_us = round(mono_s * 1e6)
        return Reading("meter", layout, Instant(START_US + mono_us, mono_us, BOOT, Trust.SYNCED),
                       (value,))  # fmt: skip

    daily, old = (
        Layout("meter", name, (Channel("power", Kind.NUMBER, "W"),)) for name in ("daily", "old")
    )
    every_s = {MAIN: 1, SELDOM: 6, daily: 60} | ({old: 0.5} if stale else {})
    journal, _ = open_journal(tmp_path / "journal.sqlite3", utc_us=lambda: START_US)
    with closing(journal):
        journal.announce(
            [
                Announcement("meter", layout, round(seconds * 1e6), "A1", "M")
                for layout, seconds in every_s.items()
            ]
        )
        journal.append([taken(MAIN, 10.0, 1), taken(MAIN, 11.0, 2), taken(SELDOM, 14.2, 1.0)])
        journal.append([taken(daily, 17.9, 1.0)])
        now = Instant(START_US + 30_000_000, 30_000_000, bytes(16), Trust.SYNCED)
        journal.begin(now, "kernel")
        past = Past(["meter"], now)
        while not past.step(journal):
            pass
    assert past.reached["meter"].at.mono_us == 11_000_000


# --- clocks ---


@pytest.mark.parametrize("jump_s", [-START_US / 1e6 + 5000, 10 * YEAR_S, -10 * YEAR_S, 30.0])
@pytest.mark.parametrize("trusted", [True, False])
def test_a_restart_under_a_jumped_clock_counts_what_passed(
    tmp_path: Path, jump_s: float, trusted: bool
) -> None:
    world = World(tmp_path)
    world.run([("good", 45), (f"jump {jump_s}", 0), ("good", 50)], "kill")
    world.trusted = trusted
    world.wrong_us -= round(jump_s * 1e6) // 2
    world.off(300)
    world.run([("good", 55)])
    assert world.missed().keys() == {Cause.STOPPED}
    assert abs(len(world.kept()) + world.missed().total() - world.due()) <= 3


@pytest.mark.parametrize("wrong_s", [-START_US / 1e6, 10 * YEAR_S, -10 * YEAR_S, -3000.0])
@pytest.mark.parametrize("teller", ["trust", "hub"])
def test_a_power_cut_without_a_clock_is_counted_when_the_time_is_known(
    tmp_path: Path, wrong_s: float, teller: str
) -> None:
    world = World(tmp_path)
    world.run([("good", 65)], "kill")
    world.off(1000, power=True)
    world.trusted, world.wrong_us = False, round(wrong_s * 1e6)
    world.run([("good", 45), ("silent", 60), ("good", 60), (teller, 60)])
    missed = world.missed()
    assert abs(missed[Cause.STOPPED] - 100) <= 1, missed
    assert missed.keys() == {Cause.STOPPED, Cause.SILENT}
    for hole in world.holes():
        assert START_US <= hole.first_utc_us <= hole.last_utc_us
        assert hole.last_utc_us <= START_US + world.passed_us


def test_what_cannot_be_known_counts_nothing_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.trusted, world.wrong_us = False, -START_US + 100_000_000
    world.run([("good", 65)], "kill")
    world.off(1000, power=True)
    world.run([("good", 45)])
    (hole,) = world.holes()
    assert (hole.cause, hole.count, hole.state) == (Cause.CLOCK, 0, State.LOST)
    world.off(1000, power=True)
    world.run([("trust", 45)])
    assert world.missed().total() == 0
    assert {hole.cause for hole in world.holes()} == {Cause.CLOCK}


def test_a_clock_that_was_set_right_before_a_power_cut_is_believed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.wrong_us = 10 * YEAR_S * 1_000_000
    world.run([("good", 65), ("trust", 8)], "kill")
    world.off(1000, power=True)
    world.run([("good", 45)])
    assert abs(world.missed()[Cause.STOPPED] - 100) <= 1


def test_a_clock_that_goes_back_over_a_power_cut_invents_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.wrong_us = 10 * YEAR_S * 1_000_000
    world.run([("good", 65)])
    world.wrong_us = 0
    world.off(1000, power=True)
    world.run([("good", 45)])
    (hole,) = world.holes()
    assert (hole.cause, hole.count) == (Cause.CLOCK, 0)


def test_the_hole_that_waits_for_the_time_is_open_until_then(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run([("good", 65)])
    world.off(1000, power=True)
    world.trusted = False
    world.run([("good", 45)], "kill")
    (hole,) = world.holes()
    assert (hole.cause, hole.count, hole.state) == (Cause.CLOCK, 0, State.OPEN)
    world.off(100)
    world.run([("trust", 45)])
    assert world.missed()[Cause.STOPPED] >= 9


def test_a_hole_never_reaches_over_a_step_of_the_clock(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run([("good", 45), ("silent", 300), ("jump 1e7", 300), ("good", 60)])
    before, after = world.holes()
    assert (before.cause, after.cause) == (Cause.SILENT, Cause.SILENT)
    assert before.count + after.count + len(world.kept()) == world.meters["meter"].due
    for hole in (before, after):
        assert hole.last_utc_us - hole.first_utc_us == (hole.count - 1) * 10_000_000
        assert sum(per_day(hole).values()) == hole.count
    assert _day_of(after.first_utc_us) - _day_of(before.last_utc_us) in (115, 116)


def test_holes_of_an_untrusted_clock_get_their_true_times(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.trusted, world.wrong_us = False, -START_US
    world.run([("good", 45), ("silent", 60), ("good", 100), ("silent", 60), ("trust", 60),
               ("good", 60)])  # fmt: skip
    for hole in world.holes():
        assert hole.first_utc_us >= START_US + 40_000_000
        assert hole.last_utc_us <= START_US + world.passed_us


def test_a_step_of_the_clock_is_an_event(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run([("good", 45), ("jump 0.3", 10), ("distrust", 10), ("jump -7200", 20)])
    (event,) = world.events("clock_jump")
    assert event.text == (
        "the wall clock was set by -7200.000 s, from 2023-11-14T22:14:25Z to 2023-11-14T20:14:25Z;"
        " it is not trusted"
    )
    assert world.keeper.state.jumps == 1
    assert world.keeper.state.last_jump_s == -7200


def test_trust_that_comes_late_dates_the_run(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.trusted, world.wrong_us = False, -START_US
    world.run([("good", 100)], "kill")
    assert world.clocks() == []
    world.run([("good", 50), ("trust", 50)])
    (fact,) = world.clocks()
    assert (fact.kernel, fact.source, fact.error_us) == ("kernel-0", Source.SYSTEM, 1000)
    assert abs(fact.offset_us - START_US) < STEP_US
    assert fact.boot == (2).to_bytes(16)
    world.run([("good", 50)])  # another run of the same machine run says nothing new
    assert len(world.clocks()) == 1


def test_drift_is_told_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run([("jump 0.002", 10.0)] * 400 + [("good", 8000)])
    (event,) = world.events("clock_drift")
    assert event.text in [f"the wall clock drifts by {ppm} ppm" for ppm in (199, 200, 201)]
    assert world.events("clock_jump") == []
    assert world.keeper.state.drift_ppm == 0


# --- how a run began ---


def test_each_run_says_how_the_one_before_ended(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run([("good", 15)], "kill")
    world.run([("good", 15)])
    world.run([("good", 15)], "kill")
    world.off(10, power=True)
    world.run([("good", 15)])
    world.off(10, power=True)
    world.run([("good", 15)])
    said = [event.text.partition("; ")[2] for event in world.events("started")]
    assert said == [
        "no earlier run is known",
        "the run before crashed or was killed",
        "the run before was stopped",
        "the machine went down during the run before, as in a power cut",
        "the run before was stopped, and the machine started anew since",
    ]


def test_a_swapped_unit_is_an_event(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run([("good", 45), ("silent", 30), ("unit", 300), ("good", 100)])
    (event,) = world.events("swapped")
    assert "has serial number B2, so far it was A1" in event.text


# --- what it costs ---


def test_a_dead_instrument_costs_no_look_through_the_whole_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_module, "STEP_ROWS", 10)
    steps = defaultdict(int)
    step = past_module.Past.step

    def counted(self, journal):  # type: ignore[no-untyped-def]
        steps[id(self)] += 1
        return step(self, journal)

    world = World(tmp_path, names=("meter", "other"))
    world.run([("good", 45), ("silent", 6000)], "kill")
    world.off(100)
    monkeypatch.setattr(past_module.Past, "step", counted)
    world.run([("good", 30)])
    assert abs(world.missed()[Cause.STOPPED] - 10) <= 1
    assert list(steps.values()) == [pytest.approx(2, abs=1)]
