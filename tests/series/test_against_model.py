"""The store against a few lines of plain Python, whatever arrives and whenever it is sealed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldstation.batch import Announcement, Batch, Receipt, encode
from fieldstation.batch.facts import DAY_US, ClockFact, Source
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust, Value
from fieldstation.series.api import Upload
from fieldstation.series.embedded import EmbeddedStore, reads, seal, segments
from fieldstation.series.embedded.buckets import LADDER, span_for

STATUS = Layout(
    "meter",
    "status",
    (
        Channel("volts", Kind.NUMBER, "V"),
        Channel("count", Kind.INTEGER),
        Channel("on", Kind.FLAG),
        Channel("mode", Kind.ENUM, codes={"L": "line"}),
        Channel("note", Kind.TEXT),
    ),
)
# A later firmware: `volts` is followed by name into the new layout.
NEWER = Layout("meter", "newer", (Channel("volts", Kind.NUMBER, "V"), Channel("amps", Kind.NUMBER)))
LAYOUTS = (STATUS, NEWER)
BOOTS = (b"a" * 16, b"b" * 16)
INSTRUMENTS = ("one", "two")
START_US = 1_700_000_000_000_000
STEPS_US = (0, 1, 10_000_000, 600_000_000, 3_600_000_000, 86_400_000_000)

# Two guesses at what the clock should have shown, and none.
CLOCKS = (
    None,
    ClockFact(BOOTS[0], 1, "kernel", 5, START_US + 5, 20_000, Source.HUB),
    ClockFact(BOOTS[0], 2, "kernel", 5, START_US + 86_400_000_000, 1_000, Source.SYSTEM),
)

_TENTHS = st.integers(-2000, 2000).map(lambda number: number / 10)
VALUES: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.NUMBER: _TENTHS | st.sampled_from([1 / 3, -0.0, 1e15, 123456.789]),
    Kind.INTEGER: st.integers(-9, 9) | st.sampled_from([2**53 + 1, -(2**62)]),
    Kind.FLAG: st.booleans(),
    Kind.ENUM: st.sampled_from(["L", "B", 3]),
    Kind.TEXT: st.sampled_from(["", "a", "ß"]),
}


@dataclass
class Model:
    """What the store should know: per stream the readings in arrival order."""

    arrived: dict[tuple[str, str], list[Reading]] = field(default_factory=dict)
    received: dict[bytes, set[int]] = field(default_factory=dict)
    taken: Counter[tuple[str, int]] = field(default_factory=Counter)

    def apply(self, batch: Batch) -> Receipt:
        known = self.received.setdefault(batch.boot, set())
        fresh = [kept for kept in batch.readings if kept.sequence not in known]
        for kept in fresh:
            key = (kept.reading.instrument, kept.reading.layout.id)
            self.arrived.setdefault(key, []).append(placed(kept.reading, batch.clock))
            self.taken[key[0], kept.reading.instant.utc_us // DAY_US] += 1
        known.update(range(batch.first, batch.last + 1))
        missing = [n for n in range(min(known), batch.last) if n not in known]
        return Receipt(
            batch.boot, batch.first, batch.last, len(fresh), len(batch.readings) - len(fresh),
            tuple(_ranges(missing)),
        )  # fmt: skip

    def rows(self, instrument: str, channels: Sequence[str]) -> list[tuple[int, dict[str, Value]]]:
        """Rows in time order; streams in the order of LAYOUTS, arrivals in order."""
        out = []
        for layout in LAYOUTS:
            if set(channels) & set(layout.names):
                for reading in self.arrived.get((instrument, layout.id), []):
                    values = reading.by_name()
                    out.append((reading.instant.utc_us, {n: values.get(n) for n in channels}))
        return sorted(out, key=lambda row: row[0])


def placed(reading: Reading, clock: ClockFact | None) -> Reading:
    """The reading as it is filed."""
    instant = reading.instant
    if clock is None or instant.trust is not Trust.UNSYNCED:
        return reading
    utc_us = instant.mono_us + clock.utc_us - clock.mono_us
    return replace(reading, instant=replace(instant, utc_us=utc_us, trust=Trust.PLACED))


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    begin = 0
    for place, number in enumerate(numbers):
        if place + 1 == len(numbers) or numbers[place + 1] != number + 1:
            yield numbers[begin], number
            begin = place + 1


@st.composite
def histories(draw: st.DrawFn) -> list[list[Batch]]:
    """Groups of batches: everything that two boots recorded, cut, shuffled, sent again."""
    batches = []
    for boot in BOOTS:
        readings = draw(_recording(boot))
        sequences = len(readings)
        cuts = draw(st.lists(st.tuples(st.integers(0, sequences), st.integers(1, 12)), max_size=8))
        whole = [(begin, 6) for begin in range(0, sequences, 6)]
        for begin, size in draw(st.permutations(whole + cuts)):
            part = tuple(readings[begin : begin + size])
            clock = draw(st.sampled_from(CLOCKS))
            batches.append(Batch(boot, 0, begin + 1, begin + size, part, clock=clock))
    batches = draw(st.permutations(batches))
    groups, at = [], 0
    while at < len(batches):
        size = draw(st.integers(1, 4))
        groups.append(list(batches[at : at + size]))
        at += size
    return groups


@st.composite
def _recording(draw: st.DrawFn, boot: bytes) -> list[Kept]:
    now, out = START_US + draw(st.sampled_from(STEPS_US)), []
    for sequence in range(1, draw(st.integers(1, 30)) + 1):
        now += draw(st.sampled_from(STEPS_US)) * draw(st.sampled_from([1, 1, 1, -1]))
        layout = draw(st.sampled_from(LAYOUTS))
        values = tuple(draw(st.none() | VALUES[channel.kind]) for channel in layout.channels)
        trust = draw(st.sampled_from([Trust.UNSYNCED, Trust.SYNCED]))
        instant = Instant(now, sequence * 7_200_000_000, boot, trust)
        reading = Reading(draw(st.sampled_from(INSTRUMENTS)), layout, instant, values)
        out.append(Kept(sequence, reading))
    return out


def _announced() -> Batch:
    """A batch of a boot of its own that brings nothing but channel tables."""
    tables = tuple(Announcement(i, layout, 10_000_000) for i in INSTRUMENTS for layout in LAYOUTS)
    return Batch(b"z" * 16, 0, 1, 1, (), tables)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments so small that a few readings make many of them."""
    for name, size in (("FULL", 8), ("SMALL", 4), ("LARGEST", 12), ("MOST_SMALL", 2)):
        monkeypatch.setattr(segments, name, size)
    monkeypatch.setattr(seal, "CHUNK", 1000)
    monkeypatch.setattr(reads, "WALK_ROWS", 5)


@pytest.mark.slow
@settings(max_examples=60)
@given(histories(), st.data())
def test_any_order_of_uploads_and_seals_gives_what_was_recorded(
    history: list[list[Batch]], data: st.DataObject
) -> None:
    model = Model()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "series.sqlite3"
        store = EmbeddedStore(path, background=False)
        store.apply([Upload("s", encode(_announced()))])
        for group in history:
            answers = store.apply([Upload("s", encode(batch)) for batch in group])
            assert answers == [model.apply(batch) for batch in group]
            event = data.draw(st.sampled_from(["", "", "seal", "reopen"]))
            if event == "seal":
                store.seal_now()
            elif event == "reopen":
                store.close()
                store = EmbeddedStore(path, background=False)
            if data.draw(st.booleans()):
                check(store, model, data)
        check(store, model, data)
        store.seal_now()
        check(store, model, data)
        again = [Upload("s", encode(batch)) for group in history for batch in group]
        assert all(answer.stored == 0 for answer in store.apply(again))
        store.close()
        store = EmbeddedStore(path, background=False)
        check(store, model, data)
        store.close()


def check(store: EmbeddedStore, model: Model, data: st.DataObject) -> None:
    """The store answers every kind of question as the model does."""
    instrument = data.draw(st.sampled_from(INSTRUMENTS))
    channels = data.draw(st.sampled_from([["volts"], ["amps"], ["note", "mode"], ["volts", "on"],
                                          ["count", "amps", "volts"]]))  # fmt: skip
    rows = model.rows(instrument, channels)
    edges = sorted({time for time, _ in rows} | {START_US})
    start = data.draw(st.sampled_from(edges)) + data.draw(st.integers(-1, 1))
    end = data.draw(st.sampled_from(edges)) + data.draw(st.integers(1, 2))
    if start >= end:
        start, end = 0, 2**53
    check_rows(store, instrument, channels, start, end, rows, data)
    check_buckets(store, instrument, start, end, model, data)
    check_latest(store, model)
    check_catalogue(store, model)
    check_counts(store, model, data)


def check_counts(store: EmbeddedStore, model: Model, data: st.DataObject) -> None:
    """Each day has as many readings as are filed on it, and as the station dated on it."""
    stored = Counter(
        (instrument, reading.instant.utc_us // DAY_US)
        for (instrument, _), readings in model.arrived.items()
        for reading in readings
    )
    assert store.counts("s", 0, 2**40) == stored
    assert store.counts("s", 0, 2**40, taken=True) == model.taken
    day = data.draw(st.sampled_from(sorted({day for _, day in stored} | {0})))
    assert store.counts("s", day, day) == {k: n for k, n in stored.items() if k[1] == day}
    assert store.counts("other", 0, 2**40) == {}


def check_rows(
    store: EmbeddedStore,
    instrument: str,
    channels: list[str],
    start: int,
    end: int,
    rows: list[tuple[int, dict[str, Value]]],
    data: st.DataObject,
) -> None:
    wanted = [row for row in rows if start <= row[0] < end]
    most = data.draw(st.none() | st.integers(1, 9))
    found = store.read("s", instrument, channels, start, end, most)
    assert_columns(found.times_us, found.values, wanted[:most])
    pieces = list(store.walk("s", instrument, channels, start, end))
    times = np.concatenate([np.empty(0, np.int64), *(piece.times_us for piece in pieces)])
    values = {
        name: np.concatenate([np.empty(0), *(piece.values[name] for piece in pieces)])
        for name in channels
    }
    assert_columns(times, values, wanted)


def assert_columns(
    times: np.ndarray, values: dict[str, np.ndarray], wanted: list[tuple[int, dict[str, Value]]]
) -> None:
    assert times.tolist() == [time for time, _ in wanted]
    for name, column in values.items():
        text = name in ("note", "mode")
        expected = [_as_column(row[name], text) for _, row in wanted]
        assert [_gap(value) for value in column.tolist()] == expected


def _as_column(value: Value, text: bool) -> object:
    if value is None:
        return None
    return str(value) if text else repr(float(value))


def _gap(value: object) -> object:
    """Floats as text, so that minus zero counts; NaN as None."""
    if isinstance(value, float):
        return None if value != value else repr(value)
    return value


def check_buckets(
    store: EmbeddedStore, instrument: str, start: int, end: int, model: Model, data: st.DataObject
) -> None:
    most = data.draw(st.sampled_from([2, 3, 10, 100, 2048]))
    names = ["volts", "count", "on"]
    for found, name in zip(
        store.buckets("s", instrument, names, start, end, most), names, strict=True
    ):
        span = found.span_us
        assert found.channel == name
        assert -(-end // span) - max(start, 0) // span <= most
        folds: dict[int, list[float]] = {}
        for time, row in model.rows(instrument, [name]):
            if start <= time < end and row[name] is not None:
                folds.setdefault(time // span * span, []).append(float(row[name]))
        assert found.start_us.tolist() == sorted(folds)
        for place, values in enumerate(folds[time] for time in sorted(folds)):
            assert found.n[place] == len(values)
            assert (found.minimum[place], found.maximum[place]) == (min(values), max(values))
            assert (found.first[place], found.last[place]) == (values[0], values[-1])
            size = max(map(abs, values))
            assert abs(found.mean[place] - sum(values) / len(values)) <= 1e-12 * size


def check_latest(store: EmbeddedStore, model: Model) -> None:
    for instrument in INSTRUMENTS:
        newest: dict[str, tuple[int, Value]] = {}
        for layout in reversed(LAYOUTS):
            for reading in model.arrived.get((instrument, layout.id), []):
                for name, value in reading.by_name().items():
                    if reading.instant.utc_us >= newest.get(name, (-1, None))[0]:
                        newest[name] = (reading.instant.utc_us, value)
        latest = store.latest("s", instrument)
        assert latest.times_us == {name: time for name, (time, _) in newest.items()}
        assert {name: repr(value) for name, value in latest.values.items()} == {
            name: repr(value) for name, (_, value) in newest.items()
        }


def check_catalogue(store: EmbeddedStore, model: Model) -> None:
    for entry in store.catalogue("s"):
        times = [
            reading.instant.utc_us
            for (instrument, _), readings in model.arrived.items()
            for reading in readings
            if instrument == entry.name
        ]
        assert (entry.readings, entry.first_us, entry.last_us) == (
            len(times), min(times, default=0), max(times, default=0),
        )  # fmt: skip
        assert [channel.name for channel in entry.channels] == [*STATUS.names, "amps"]


@given(st.integers(0, 2**53), st.integers(1, 2**53), st.integers(1, 5000))
def test_the_span_is_the_smallest_of_the_ladder_that_fits(start: int, size: int, most: int) -> None:
    span = span_for(start, start + size, most)
    assert -(-(start + size) // span) - start // span <= most
    for smaller in LADDER:
        if smaller < span:
            assert -(-(start + size) // smaller) - start // smaller > most
