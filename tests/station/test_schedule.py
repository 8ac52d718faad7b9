from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.model import Instant
from fieldstation.station.schedule import LEAN, Grid, Turns, phases

SECOND = 1_000_000
START_US = 1_700_000_000_000_000
intervals = st.sampled_from([100_000, SECOND, 7 * SECOND, 10 * SECOND, 60 * SECOND, 3600 * SECOND])


class World:
    """A monotonic clock and a wall clock that may jump."""

    def __init__(self, utc_us: int = START_US + 3_456_789) -> None:
        self.mono_us = 5_000_000
        self.offset_us = utc_us - self.mono_us

    @property
    def now(self) -> Instant:
        return Instant(self.mono_us + self.offset_us, self.mono_us, b"")

    def wait_for(self, grid: Grid) -> None:
        self.mono_us = max(self.mono_us, grid.next.due_mono_us)


def test_readings_every_ten_seconds_fall_on_the_tens_of_the_minute() -> None:
    world = World()
    grid = Grid(10 * SECOND, world.now)
    for expected in range(10, 50, 10):
        world.wait_for(grid)
        tick, passed = grid.take(world.now)
        assert tick.utc_us == START_US - START_US % (60 * SECOND) + 20 * SECOND + expected * SECOND
        assert world.now.utc_us == tick.utc_us
        assert passed is None


@given(
    every_us=intervals,
    jumps=st.lists(st.integers(-(10**15), 10**15), min_size=5, max_size=60),
)
def test_a_jump_of_the_wall_clock_adds_and_drops_nothing(every_us: int, jumps: list[int]) -> None:
    world = World()
    grid = Grid(every_us, world.now)
    dues = []
    for number, jump in enumerate(jumps):
        world.wait_for(grid)
        tick, passed = grid.take(world.now)
        assert (tick.index, passed) == (number, None)
        assert tick.due_mono_us == world.mono_us
        dues.append(tick.due_mono_us)
        world.offset_us += jump
    steps = [after - before for before, after in pairwise(dues)]
    lean = int(every_us * LEAN)
    assert all(every_us - lean <= step <= every_us + lean for step in steps)


@given(every_us=intervals, jump=st.integers(-(10**15), 10**15), phase=st.integers(0, 10**10))
def test_the_grid_finds_back_to_the_wall_clock(every_us: int, jump: int, phase: int) -> None:
    world = World()
    grid = Grid(every_us, world.now, phase)
    world.offset_us += jump
    for _ in range(7):
        world.wait_for(grid)
        tick, _ = grid.take(world.now)
    assert (tick.utc_us - phase) % every_us == 0


@given(every_us=intervals, drift_ppm=st.integers(-500, 500))
def test_a_slewing_clock_never_moves_the_grid_off_the_wall(every_us: int, drift_ppm: int) -> None:
    world = World()
    grid = Grid(every_us, world.now)
    for number in range(50):
        world.offset_us += every_us * drift_ppm // 1_000_000
        world.wait_for(grid)
        tick, passed = grid.take(world.now)
        assert (tick.index, passed) == (number, None)
        error = (world.now.utc_us + every_us // 2) % every_us - every_us // 2
        assert abs(error) <= every_us * 501 // 1_000_000 + 2


@given(every_us=intervals, late=st.floats(1.0, 50.0))
def test_ticks_that_passed_are_counted_and_not_repeated(every_us: int, late: float) -> None:
    world = World()
    grid = Grid(every_us, world.now)
    world.mono_us = grid.next.due_mono_us + int(every_us * late)
    tick, passed = grid.take(world.now)
    assert passed is not None
    assert passed.count == tick.index == int(late * every_us) // every_us
    assert passed.last_utc_us - passed.first_utc_us == (passed.count - 1) * every_us
    assert passed.last_utc_us + every_us == tick.utc_us
    assert tick.due_mono_us <= world.mono_us
    assert grid.next.index == tick.index + 1
    assert abs(grid.next.due_mono_us - tick.due_mono_us - every_us) <= every_us * LEAN


def test_the_first_tick_comes_within_one_interval() -> None:
    world = World()
    grid = Grid(3600 * SECOND, world.now)
    assert world.mono_us <= grid.next.due_mono_us < world.mono_us + 3600 * SECOND


def test_instruments_on_one_bus_take_turns() -> None:
    assert phases([10 * SECOND] * 4) == [0, 2_500_000, 5_000_000, 7_500_000]
    assert phases([]) == []


@given(
    every=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    gaps=st.lists(st.integers(1, 20), min_size=1, max_size=50),
)
def test_a_seldom_reading_is_due_again_after_its_own_interval(
    every: list[int], gaps: list[int]
) -> None:
    turns = Turns(every)
    last = dict.fromkeys(range(len(every)), -(10**6))
    index = 0
    for gap in gaps:
        due = turns.take(index)
        assert due == [line for line, each in enumerate(every) if index - last[line] >= each]
        last.update(dict.fromkeys(due, index))
        index += gap


def test_all_lines_are_read_at_the_first_tick() -> None:
    assert Turns([1, 6, 360]).take(0) == [0, 1, 2]


@pytest.mark.parametrize("every_us", [10 * SECOND])
def test_a_clock_at_1970_works(every_us: int) -> None:
    world = World(utc_us=0)
    grid = Grid(every_us, world.now)
    world.wait_for(grid)
    assert grid.take(world.now)[0].utc_us == 0
