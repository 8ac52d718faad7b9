"""What is missing of a node's readings, told once it is certain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fieldstation.station.attendance import LAG_S, Attendance, Met
from fieldstation.station.schedule import Passed

SECOND = 1_000_000
BASE = 1_700_000_000 * SECOND


def account(attendance: Attendance, mono_s: float) -> list[str]:
    """Each missing span as first+count in seconds after BASE, `met` for a reading."""
    found = list(attendance.account(round(mono_s * SECOND)))
    return [
        "met" if isinstance(one, Met) else f"{(one.first_utc_us - BASE) // SECOND}+{one.count}"
        for one in found
    ]


def meet(attendance: Attendance, *seconds: float, came_s: float | None = None) -> None:
    for second in seconds:
        mono_s = second if came_s is None else came_s
        attendance.meet(BASE + round(second * SECOND), round((mono_s + 10) * SECOND))


@given(st.sets(st.integers(1, 400)))
def test_every_due_reading_is_met_or_missing_once(there: set[int]) -> None:
    attendance, told, met = Attendance(SECOND), 0, 0
    meet(attendance, 0)
    for second in range(1, 1000):
        if second in there:
            meet(attendance, second)
        for one in attendance.account((second + 10) * SECOND):
            if isinstance(one, Passed):
                span = range(one.first_utc_us - BASE, one.last_utc_us - BASE + 1, SECOND)
                assert len(span) == one.count
                assert not {moment // SECOND for moment in span} & there
                told += one.count
            else:
                met += 1
    assert met == len(there)
    newest = max(there, default=0)
    assert told == newest - len(there) + (999 - LAG_S - newest)


def test_a_node_that_counted_on_is_known_by_its_run() -> None:
    attendance = Attendance(SECOND)
    for second, run in ((0, 7), (5, 7), (9, 8), (12, 0), (15, 0), (18, 7)):
        attendance.meet(BASE + second * SECOND, (second + 1) * SECOND, run)
    found = list(attendance.account((19 + LAG_S) * SECOND))
    assert [one.counted for one in found if isinstance(one, Met)] == [
        True, False, False, False, False,
    ]  # fmt: skip
    open_ended = Attendance(SECOND)
    open_ended.meet(BASE, SECOND, 7)
    assert len(list(open_ended.account((LAG_S + 50) * SECOND))) == 1
    open_ended.meet(BASE + 300 * SECOND, 301 * SECOND, 7)
    assert list(open_ended.account((LAG_S + 301) * SECOND))[-1] == Met(counted=True)


def test_a_gap_that_is_filled_in_time_is_none() -> None:
    attendance = Attendance(SECOND)
    meet(attendance, 0, 3)
    assert account(attendance, 100) == []
    meet(attendance, 2, 1, came_s=60)
    assert account(attendance, 3 + LAG_S + 10) == ["met"] * 3
    late = Attendance(SECOND)
    meet(late, 0, 3)
    assert account(late, 3 + LAG_S + 10) == ["1+2", "met"]


def test_silence_is_missing_bit_by_bit() -> None:
    attendance = Attendance(10 * SECOND)
    meet(attendance, 0)
    assert account(attendance, LAG_S + 19) == []
    assert account(attendance, LAG_S + 20) == ["10+1"]
    assert account(attendance, LAG_S + 51) == ["20+3"]
    meet(attendance, 200)
    assert account(attendance, LAG_S + 210) == ["50+15", "met"]


def test_slow_nodes_have_two_intervals_time() -> None:
    attendance = Attendance(3600 * SECOND)
    meet(attendance, 0)
    assert account(attendance, 3 * 3600) == []
    assert account(attendance, 3 * 3600 + 10) == ["3600+1"]


def test_a_node_in_another_time_misses_nothing() -> None:
    for ahead_s in (-1e6, 1e6):
        attendance = Attendance(SECOND)
        for second in range(500):
            attendance.meet(BASE + round((second + ahead_s) * SECOND), second * SECOND)
            assert set(account(attendance, second)) <= {"met"}


def test_a_step_of_the_clock_is_no_gap() -> None:
    for step_s in (-90_000, 90_000):
        attendance, found = Attendance(SECOND), []
        for second in range(1000):
            meet(attendance, second + (step_s if second >= 300 else 0), came_s=second)
            found += account(attendance, second + 10)
        assert set(found) == {"met"}


def test_what_is_missing_since_an_earlier_run_is_told_with_the_first_reading() -> None:
    attendance = Attendance(SECOND, BASE)
    assert account(attendance, 10_000) == []
    meet(attendance, 5000, came_s=5)
    assert account(attendance, 5 + LAG_S + 10) == ["1+4999", "met"]


def test_what_comes_after_it_was_counted_as_missing_is_known_to_be_late() -> None:
    attendance = Attendance(SECOND)
    meet(attendance, 0, 5)
    assert not attendance.accounted(BASE + 3 * SECOND)
    assert account(attendance, 5 + LAG_S + 10) == ["1+4", "met"]
    assert attendance.accounted(BASE + 3 * SECOND)
    assert not attendance.accounted(BASE + 6 * SECOND)
    assert not attendance.accounted(BASE - SECOND)  # before the account began
