"""The store's parts by themselves: column codec, ranges, the plan of segments, folds."""

from __future__ import annotations

from collections import Counter
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.batch.ranges import Ranges
from fieldstation.errors import StoreDamaged
from fieldstation.series.embedded import segments
from fieldstation.series.embedded.buckets import decode_hours, encode_hours, fold, join
from fieldstation.series.embedded.codec import (
    HEAD,
    decode,
    decode_integers,
    encode_floats,
    encode_integers,
    encode_objects,
)
from fieldstation.series.embedded.segments import Segment, cuts, plan

_finite = st.floats(allow_nan=False, allow_infinity=False)
_values = st.one_of(
    st.integers(-9999, 9999).map(lambda number: number / 100),
    _finite,
    st.just(float("nan")),
    st.sampled_from([0.0, -0.0, 2.0**47, -(2.0**60), 5e-324, 1e308]),
)


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(_values, min_size=n, max_size=n),
                                                    min_size=1, max_size=4)))  # fmt: skip
def test_columns_come_back_bit_for_bit(rows: list[list[float]]) -> None:
    matrix = np.array(rows)
    for row, blob in zip(matrix, encode_floats(matrix), strict=True):
        assert [repr(value) for value in decode(blob).tolist()] == [
            repr(value) for value in row.tolist()
        ]


@given(st.lists(st.integers(0, 2**53), min_size=1, max_size=20))
def test_system_columns_come_back(numbers: list[int]) -> None:
    assert decode_integers(encode_integers(np.array(numbers))).tolist() == numbers


@given(st.lists(st.none() | st.text(max_size=3) | st.integers(-(2**63), 2**63), min_size=1))
def test_columns_of_texts_come_back(values: list[object]) -> None:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    assert decode(encode_objects(column)).tolist() == values


def test_quiet_columns_cost_a_head_and_no_more() -> None:
    steady = np.vstack([np.full(5000, 230.1), np.arange(5000) / 10])
    assert [len(blob) for blob in encode_floats(steady)] == [HEAD.size, HEAD.size]


def test_every_flipped_bit_of_a_column_is_noticed() -> None:
    (blob,) = encode_floats(np.array([[1.5, 2.5, 9.0, -3.0, 1 / 3]]))
    for bit in range(8 * len(blob)):
        damaged = bytearray(blob)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StoreDamaged):
            decode(bytes(damaged))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=12))
def test_ranges_are_the_set_of_their_numbers(pairs: list[tuple[int, int]]) -> None:
    ranges, numbers = Ranges(), set()
    for first, size in pairs:
        last = first + size
        known = {n for a, b in ranges.known(first, last) for n in range(a, b + 1)}
        assert known == numbers & set(range(first, last + 1))
        ranges.add(first, last)
        numbers |= set(range(first, last + 1))
        assert {n for a, b in ranges.pairs for n in range(a, b + 1)} == numbers
        assert all(b + 1 < c for (_, b), (c, _) in pairwise(ranges.pairs))
        gaps = {n for a, b in ranges.missing(last, 99) for n in range(a, b + 1)}
        assert gaps == set(range(min(numbers), last + 1)) - numbers


@given(st.lists(st.lists(st.integers(0, 400), min_size=1, max_size=60), max_size=25))
def test_segments_stay_apart_few_and_bounded(portions: list[list[int]]) -> None:
    """The plan, carried out on times alone: no reading lost, no overlap, few small segments."""
    full, small, largest = segments.FULL, segments.SMALL, segments.LARGEST
    segments.FULL, segments.SMALL, segments.LARGEST = 16, 8, 24
    try:
        held: dict[int, list[int]] = {}
        for portion in portions:
            _carry_out(held, sorted(portion))
            spans = sorted((times[0], times[-1]) for times in held.values())
            assert all(b < c for (_, b), (c, _) in pairwise(spans))
            sizes = [len(times) for times in held.values()]
            # Cutting one large segment may leave a small one more.
            assert sum(size < 8 for size in sizes) <= segments.MOST_SMALL + len(sizes) // 2
            # Only readings of one instant, which stay together, make a segment larger.
            assert all(len(t) <= 24 + max(Counter(t).values()) - 1 for t in held.values())
        assert sorted(chain(*held.values())) == sorted(chain(*portions))
    finally:
        segments.FULL, segments.SMALL, segments.LARGEST = full, small, largest


def _carry_out(held: dict[int, list[int]], new: list[int]) -> None:
    rows = [Segment(key, times[0], times[-1], len(times)) for key, times in held.items()]
    rows.sort(key=lambda segment: segment.first_us)
    for portion in plan(rows, np.array(new)):
        times = new[portion.low : portion.high]
        for segment in portion.segments:
            times = held.pop(segment.id) + times
        times.sort()
        for piece in cuts(np.array(times)):
            held[max(held, default=0) + 1] = times[piece]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(-99, 99)), min_size=1, max_size=40),
       st.integers(0, 40))  # fmt: skip
def test_folds_join_to_the_fold_of_everything(points: list[tuple[int, int]], border: int) -> None:
    points.sort(key=lambda point: point[0])
    times = np.array([time for time, _ in points])
    values = np.array([value / 10 for _, value in points])
    parts = [fold(times[side], values[side], 2) for side in (times < border, times >= border)]
    joined, whole = join(parts, 3), fold(times, values, 6)
    for one, other in zip(joined.columns(), whole.columns(), strict=True):
        assert np.allclose(one, other, rtol=1e-12, atol=1e-12)
    (blob,) = encode_hours([whole], [1])
    assert blob is not None
    kept = decode_hours(blob)
    for one, other in zip(kept.columns(), whole.columns(), strict=True):
        assert np.allclose(one, other, rtol=1e-12, atol=1e-12)
