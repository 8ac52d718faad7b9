"""What comes again under known numbers has to say the same; the first word stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fieldstation.batch import Announcement, Batch, Receipt, encode
from fieldstation.errors import BatchRefused, FieldstationError
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust, Value
from fieldstation.series.api import Upload
from fieldstation.series.embedded import EmbeddedStore, books, overlap, seal, segments

LAYOUT = Layout(
    "meter",
    "status",
    (
        Channel("volts", Kind.NUMBER, "V"),
        Channel("count", Kind.INTEGER),
        Channel("mode", Kind.ENUM, codes={"L": "line"}),
    ),
)
OTHER = Layout("meter", "other", (Channel("amps", Kind.NUMBER, "A"),))
TABLES = tuple(Announcement("m1", layout, 10_000_000) for layout in (LAYOUT, OTHER))
BOOT = b"b" * 16
START_US = 1_700_000_000_000_000


def reading(number: int, *values: Value, layout: Layout = LAYOUT, later_us: int = 0) -> Kept:
    instant = Instant(START_US + number * 10_000_000 + later_us, number, BOOT, Trust.SYNCED)
    given = values or (number / 10, number if number % 5 else 2**60 + number, "LB"[number % 2])
    return Kept(number, Reading("m1", layout, instant, given))


def upload(readings: Sequence[Kept], boot: bytes = BOOT) -> Upload:
    first, last = readings[0].sequence, readings[-1].sequence
    return Upload("site", encode(Batch(boot, 1, first, last, tuple(readings), TABLES)))


def usual(first: int, last: int) -> list[Kept]:
    return [reading(number) for number in range(first, last + 1)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "series.sqlite3"


@pytest.fixture
def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedStore]:
    for name, size in (("FULL", 16), ("SMALL", 8), ("LARGEST", 24), ("MOST_SMALL", 2)):
        monkeypatch.setattr(segments, name, size)
    monkeypatch.setattr(seal, "CHUNK", 1000)
    store = EmbeddedStore(path, background=False)
    yield store
    store.close()


def one(store: EmbeddedStore, readings: Sequence[Kept]) -> Receipt | FieldstationError:
    return store.apply([upload(readings)])[0]


PLACES = ["hot", "sealed", "both"]


def keep(store: EmbeddedStore, place: str) -> None:
    """A hundred readings, in the inbox, in segments or some in each."""
    store.apply([upload(usual(1, 60))])
    if place != "hot":
        store.seal_now()
    store.apply([upload(usual(61, 100))])
    if place == "sealed":
        store.seal_now()


@pytest.mark.parametrize("place", PLACES)
def test_another_cut_of_the_same_readings_is_a_duplicate(store: EmbeddedStore, place: str) -> None:
    keep(store, place)
    for first, last in ((1, 100), (50, 70), (3, 3), (58, 63), (90, 120)):
        answer = one(store, usual(first, last))
        assert isinstance(answer, Receipt), answer
        assert answer.stored == max(0, last - 100)
    assert store.counts("site", 0, 2**40) == {("m1", START_US // 86_400_000_000): 120}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "changed",
    [
        reading(62, 6.3, 62, "L"),
        reading(62, -6.2, 62, "L"),
        reading(62, None, 62, "L"),
        reading(62, 6.2, 63, "L"),
        reading(62, 6.2, 62, "B"),
        reading(65, 6.5, 2**60 + 66, "B"),
        reading(62, later_us=1),
        reading(62, later_us=86_400_000_000),
        reading(62, 1.0, layout=OTHER),
    ],
    ids=["value", "sign", "gap", "integer", "text", "long", "time", "day", "layout"],
)
def test_another_word_under_a_known_number_is_refused(
    store: EmbeddedStore, place: str, changed: Kept
) -> None:
    keep(store, place)
    before = store.read("site", "m1", LAYOUT.names, 0, 2**53)
    batch = [changed if kept.sequence == changed.sequence else kept for kept in usual(58, 130)]
    answer = one(store, batch)
    assert isinstance(answer, BatchRefused)
    assert answer.code == "contradiction"
    assert store.absent("site", [(BOOT, 101, 130)]) == [(BOOT, 101, 130)]
    after = store.read("site", "m1", LAYOUT.names, 0, 2**53)
    assert after.times_us.tolist() == before.times_us.tolist()
    assert after.values["mode"].tolist() == before.values["mode"].tolist()


def test_minus_zero_is_not_zero(store: EmbeddedStore) -> None:
    store.apply([upload([reading(1, 0.0, 1, "L"), reading(2, -0.0, 1, "L")])])
    store.seal_now()
    assert isinstance(one(store, [reading(1, 0.0, 1, "L")]), Receipt)
    assert isinstance(one(store, [reading(2, -0.0, 1, "L")]), Receipt)
    assert isinstance(one(store, [reading(1, -0.0, 1, "L")]), BatchRefused)


def test_a_number_that_was_no_reading_is_none_later(store: EmbeddedStore) -> None:
    store.apply([upload([reading(1), reading(3)])])
    assert isinstance(one(store, [reading(2)]), BatchRefused)


def test_uploads_of_one_group_are_compared_with_one_another(store: EmbeddedStore) -> None:
    answers = store.apply(
        [
            upload(usual(1, 10)),
            upload(usual(5, 12)),
            upload([reading(12, 9.9, 1, "L"), reading(13)]),
            upload(usual(13, 14)),
        ]
    )
    assert [type(answer) for answer in answers] == [Receipt, Receipt, BatchRefused, Receipt]
    assert store.catalogue()[0].readings == 14


def test_a_forgotten_batch_is_compared_after_a_restart(path: Path, store: EmbeddedStore) -> None:
    keep(store, "sealed")
    store.close()
    again = EmbeddedStore(path, background=False)
    assert not again._books.digests
    assert isinstance(one(again, usual(1, 60)), Receipt)
    assert isinstance(one(again, [reading(n, 7.7, n, "L") for n in range(1, 61)]), BatchRefused)
    again.close()


def test_runs_are_not_taken_for_one_another(store: EmbeddedStore) -> None:
    keep(store, "both")
    other = b"o" * 16
    moved = [
        replace(kept, reading=replace(
            kept.reading, values=(1.5, 1, "L"), instant=replace(kept.reading.instant, boot=other)
        ))
        for kept in usual(1, 20)
    ]  # fmt: skip
    (answer,) = store.apply([upload(moved, other)])
    assert isinstance(answer, Receipt)
    (answer,) = store.apply([upload(moved[3:9], other)])
    assert isinstance(answer, Receipt)


def test_the_search_is_bounded_and_beyond_it_the_first_stay(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, "sealed")
    monkeypatch.setattr(overlap, "MOST_SEGMENTS", 1)
    monkeypatch.setattr(books, "DIGESTS_KEPT", 0)
    changed = [*usual(1, 90), *(reading(n, 0.5, n, "L") for n in range(91, 101))]
    answer = one(store, changed)
    assert isinstance(answer, Receipt)
    assert answer.stored == 0
    found = store.read("site", "m1", ["volts"], 0, 2**53).values["volts"].tolist()
    assert found == [number / 10 for number in range(1, 101)]
