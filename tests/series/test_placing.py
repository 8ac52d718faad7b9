"""Readings of an untrusted clock, dated by what the station learnt later."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fieldstation.batch import Announcement, Batch, Receipt, encode
from fieldstation.batch.facts import DAY_US, ClockFact, Source
from fieldstation.errors import CodecError
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust
from fieldstation.series.api import Upload
from fieldstation.series.embedded import EmbeddedStore
from fieldstation.series.embedded.codec import decode_integers
from fieldstation.series.embedded.rows import OFFSET, SEQUENCE, TIME, TRUST

LAYOUT = Layout("meter", "status", (Channel("volts", Kind.NUMBER, "V"),))
TABLES = (Announcement("m1", LAYOUT, 10_000_000),)
BOOT = b"b" * 16
TRUE_US = 1_780_000_000_000_000
"""What it really was when the machine started; its own clock began in 1970."""
FACT = ClockFact(BOOT, 1, "kernel", 4_000_000_000, TRUE_US + 4_000_000_000, 20_000, Source.HUB)
BETTER = ClockFact(BOOT, 2, "kernel", 9_000_000_000, TRUE_US + 9_000_050_000, 900, Source.SYSTEM)


def batch(first: int, last: int, clock: ClockFact | None, trust: Trust = Trust.UNSYNCED) -> Upload:
    """Readings ten seconds apart, the station's clock three seconds ahead of the machine's."""
    readings = []
    for n in range(first, last + 1):
        instant = Instant(n * 10_000_000 + 3_000_000, n * 10_000_000, BOOT, trust)
        readings.append(Kept(n, Reading("m1", LAYOUT, instant, (n / 10,))))
    return Upload("site", encode(Batch(BOOT, 1, first, last, tuple(readings), TABLES, clock)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "series.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(path, background=False)
    yield store
    store.close()


def times(store: EmbeddedStore) -> list[int]:
    return store.read("site", "m1", ["volts"], 0, 2**53).times_us.tolist()  # type: ignore[no-any-return]


def true_times(numbers: Sequence[int]) -> list[int]:
    return [TRUE_US + n * 10_000_000 for n in numbers]


def test_readings_are_the_same_before_and_after_sealing_and_restart(path: Path) -> None:
    store = EmbeddedStore(path, background=False)
    store.apply([batch(1, 20, FACT)])
    hot = times(store)
    assert hot == true_times(range(1, 21))
    store.close()
    store = EmbeddedStore(path, background=False)
    assert times(store) == hot
    store.seal_now()
    assert times(store) == hot
    store.close()
    store = EmbeddedStore(path, background=False)
    assert times(store) == hot
    assert store.latest("site", "m1").at_us == hot[-1]
    assert store.counts("site", 0, 2**40) == {("m1", TRUE_US // DAY_US): 20}
    assert store.counts("site", 0, 2**40, taken=True) == {("m1", 0): 20}
    store.close()


def test_without_a_fact_readings_go_as_they_stand(store: EmbeddedStore) -> None:
    store.apply([batch(1, 3, None)])
    assert times(store) == [n * 10_000_000 + 3_000_000 for n in (1, 2, 3)]


def test_trusted_readings_are_left_alone(store: EmbeddedStore) -> None:
    store.apply([batch(1, 3, FACT, Trust.SYNCED)])
    assert times(store) == [n * 10_000_000 + 3_000_000 for n in (1, 2, 3)]


@pytest.mark.parametrize("sealed", [False, True])
def test_a_reading_keeps_the_place_that_it_got_first(store: EmbeddedStore, sealed: bool) -> None:
    store.apply([batch(1, 10, FACT)])
    if sealed:
        store.seal_now()
    (answer,) = store.apply([batch(6, 15, BETTER)])
    assert isinstance(answer, Receipt)
    assert (answer.stored, answer.duplicate) == (5, 5)
    later = [at + 50_000 for at in true_times(range(11, 16))]
    assert times(store) == [*true_times(range(1, 11)), *later]
    (answer,) = store.apply([batch(1, 15, None)])
    assert isinstance(answer, Receipt)
    assert answer.stored == 0


def test_what_the_station_had_shown_stays_known(store: EmbeddedStore, path: Path) -> None:
    store.apply([batch(1, 10, FACT), batch(11, 20, FACT)])
    store.apply([batch(15, 30, BETTER)])
    store.seal_now()
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as file:
        facts = file.execute("SELECT first, last, utc_us - mono_us, source FROM placed").fetchall()
        blobs = {place % 1024: data for place, data in file.execute("SELECT id, data FROM piece")}
    file.close()
    assert facts == [(1, 20, TRUE_US, "hub"), (21, 30, TRUE_US + 50_000, "system")]
    filed, numbers, shown, trust = (
        decode_integers(blobs[place]).tolist() for place in (TIME, SEQUENCE, OFFSET, TRUST)
    )
    assert set(trust) == {int(Trust.PLACED)}
    for number, at_us, offset_us in zip(numbers, filed, shown, strict=True):
        fact = next(offset for first, last, offset, _ in facts if first <= number <= last)
        assert at_us - fact + offset_us == number * 10_000_000 + 3_000_000


def test_a_fact_that_leads_out_of_all_time_is_refused(store: EmbeddedStore) -> None:
    far = ClockFact(BOOT, 1, "kernel", 0, 2**53 - 1, 0, Source.HUB)
    (answer,) = store.apply([batch(1, 3, far)])
    assert isinstance(answer, CodecError)
    assert store.absent("site", [(BOOT, 1, 3)]) == [(BOOT, 1, 3)]
