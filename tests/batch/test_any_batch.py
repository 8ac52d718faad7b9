"""Any batch survives the wire, any bytes are understood or refused, and both decoders agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.batch import Announcement, Batch, UnknownLayout, decode, digest, encode
from fieldstation.batch.arrays import Section, decode_sections
from fieldstation.batch.facts import ClockFact, Source
from fieldstation.batch.frame import Frame, open_frame, pack
from fieldstation.errors import CodecError
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust, Value

MIXED = Layout(
    "meter",
    "all",
    (
        Channel("volts", Kind.NUMBER, "V", "Voltage", 0.0, 300.5, 1, headline=True),
        Channel("count", Kind.INTEGER),
        Channel("running", Kind.FLAG),
        Channel("mode", Kind.ENUM, codes={1: "line", "B": "battery"}),
        Channel("serial", Kind.TEXT),
    ),
)
PLAIN = Layout("meter", "plain", (Channel("volts", Kind.NUMBER, "V"), Channel("n", Kind.INTEGER)))
LAYOUTS = {layout.id: layout for layout in (MIXED, PLAIN)}

_LONG = 2**53 - 1
_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_tenths = st.integers(-(2**33), 2**33).map(lambda number: number / 10)
VALUES: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.NUMBER: st.one_of(
        _tenths,
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([0.0, -0.0, 230.0, 1e300, 5e-324, 2147483647.5, -2147483648.0]),
    ),
    Kind.INTEGER: st.one_of(st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1)),
    Kind.FLAG: st.booleans(),
    Kind.ENUM: st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 3), _words),
    Kind.TEXT: _words,
}


@st.composite
def batches(draw: st.DrawFn, most: int = 12) -> Batch:
    """Any batch that may be sent: several instruments, gaps, jumping clocks."""
    boot = draw(st.binary(min_size=16, max_size=16))
    steps = draw(st.lists(st.integers(1, 3) | st.integers(1, 2**40), max_size=most))
    first = draw(st.integers(0, 2**40))
    sequence, readings = first - 1, []
    for step in steps:
        sequence += step
        readings.append(Kept(sequence, draw(_reading(boot))))
    last = sequence + draw(st.integers(1, 3))
    announcements = draw(st.lists(_announcements, max_size=2))
    return Batch(
        boot, draw(st.integers(0, _LONG)), first, last, tuple(readings), tuple(announcements),
        draw(st.none() | _clocks),
    )  # fmt: skip


@st.composite
def _reading(draw: st.DrawFn, boot: bytes = b"") -> Reading:
    layout = draw(st.sampled_from([MIXED, PLAIN]))
    utc = draw(st.integers(0, 50).map(lambda n: 1_700_000_000_000_000 + n * 10_000_000)
               | st.integers(0, _LONG))  # fmt: skip
    mono = draw(st.integers(0, 10**9) | st.integers(0, _LONG))
    values = tuple(draw(st.none() | VALUES[channel.kind]) for channel in layout.channels)
    instant = Instant(utc, mono, boot, draw(st.sampled_from([Trust.UNSYNCED, Trust.SYNCED])))
    return Reading(draw(st.sampled_from(["a", "wechsel-richter", "ü"])), layout, instant, values)


_announcements = st.builds(
    Announcement,
    st.sampled_from(["a", "b"]),
    st.sampled_from([MIXED, PLAIN]),
    st.integers(0, _LONG),
    st.text("abc-<>&\"'", max_size=5),
    st.text("abcß", max_size=5),
)


_clocks = st.builds(
    ClockFact,
    boot=st.binary(min_size=16, max_size=16),
    number=st.integers(0, _LONG),
    kernel=st.text("abc0123-", max_size=40),
    mono_us=st.integers(0, _LONG),
    utc_us=st.integers(0, _LONG),
    error_us=st.integers(0, _LONG),
    source=st.sampled_from(Source),
)


def same(one: Value, other: Value) -> bool:
    """Equal in type and in every bit."""
    return type(one) is type(other) and repr(one) == repr(other)


@given(batches())
def test_every_batch_survives_the_wire(batch: Batch) -> None:
    back = decode(encode(batch), LAYOUTS)
    assert back == batch
    for before, after in zip(batch.readings, back.readings, strict=True):
        pairs = zip(before.reading.values, after.reading.values, strict=True)
        assert all(same(*pair) for pair in pairs)


@given(batches())
def test_the_same_batch_gives_the_same_bytes(batch: Batch) -> None:
    data = encode(batch)
    assert encode(decode(data, LAYOUTS)) == data
    assert len(digest(data)) == 16


@given(batches())
def test_arrays_hold_what_the_plain_decoder_gives(batch: Batch) -> None:
    frame = open_frame(encode(batch))
    sections = decode_sections(frame, [LAYOUTS[entry.layout] for entry in frame.entries])
    rows = {}
    for section in sections:
        rows.update(_rows(section))
    assert len(rows) == len(batch.readings)
    for kept in batch.readings:
        reading, instant = kept.reading, kept.reading.instant
        instrument, layout, utc_us, offset_us, trust, values = rows[kept.sequence]
        assert (instrument, layout) == (reading.instrument, reading.layout.id)
        assert (utc_us, utc_us - offset_us, trust) == (
            instant.utc_us, instant.mono_us, instant.trust,
        )  # fmt: skip
        assert values == tuple(map(_as_stored, reading.values))


def _rows(section: Section) -> dict[int, tuple[object, ...]]:
    out = {}
    for row, (sequence, utc_us, offset_us, trust) in enumerate(section.system.T.tolist()):
        values = []
        for place, column in enumerate(section.floats):
            value = section.objects[place][row] if place in section.objects else column[row].item()
            values.append(None if value != value else _as_stored(value))
        out[sequence] = (
            section.instrument, section.layout.id, utc_us, offset_us, trust, tuple(values)
        )  # fmt: skip
    return out


def _as_stored(value: object) -> object:
    """Numbers as text of a float where one is exact, so that types and minus zero count."""
    if isinstance(value, (bool, int)) and abs(value) <= 2**53:
        return repr(float(value))
    return repr(value) if isinstance(value, float) else value


@given(st.binary(max_size=200))
def test_any_bytes_give_a_batch_or_a_codec_error(data: bytes) -> None:
    for body in (data, b"FSB\x01" + data):
        with pytest.raises(CodecError):
            decode(body, LAYOUTS)


@given(batches(most=3))
def test_a_layout_that_nobody_knows_is_asked_for(batch: Batch) -> None:
    announced = {each.layout.id for each in batch.announcements}
    needed = {kept.reading.layout.id for kept in batch.readings}
    if needed <= announced:
        assert decode(encode(batch)) == batch
        return
    with pytest.raises(UnknownLayout) as told:
        decode(encode(batch))
    assert set(told.value.ids) == needed - announced


@given(batches(most=6), st.data())
def test_damage_behind_a_fitting_digest_is_refused_alike_by_both_decoders(
    batch: Batch, data: st.DataObject
) -> None:
    """Whoever holds a key can send nonsense with a digest that fits."""
    frame = open_frame(encode(batch))
    sections = bytearray(frame.sections)
    for _ in range(data.draw(st.integers(1, 3))):
        if not sections:
            break
        place = data.draw(st.integers(0, len(sections) - 1))
        action = data.draw(st.sampled_from(["change", "cut", "insert"]))
        if action == "change":
            sections[place] = data.draw(st.integers(0, 255))
        elif action == "cut":
            del sections[place : place + data.draw(st.integers(1, 8))]
        else:
            sections[place:place] = data.draw(st.binary(min_size=1, max_size=8))
    body = _packed(frame, bytes(sections))
    assert _refused(lambda: decode(body, LAYOUTS)) == _refused(lambda: _arrays(body))


@given(batches(most=2), st.data())
def test_damaged_notes_are_read_or_refused(batch: Batch, data: st.DataObject) -> None:
    frame = open_frame(encode(batch))
    notes = bytearray(frame.announcements)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(notes)))
        notes[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b"[", b"}", b'"', b"-", b"9", b"null", b",", b"\xff", b"1e999"])
        )
    body = _packed(frame._replace(announcements=bytes(notes)), frame.sections)
    if not _refused(lambda: decode(body, LAYOUTS)):
        assert encode(decode(body, LAYOUTS))


def _packed(frame: Frame, sections: bytes) -> bytes:
    return pack(
        frame.boot, frame.number, frame.first, frame.last,
        frame.entries, frame.announcements, sections,
    )  # fmt: skip


def _arrays(body: bytes) -> list[Section]:
    frame = open_frame(body)
    return decode_sections(frame, [LAYOUTS[entry.layout] for entry in frame.entries])


def _refused(action: Callable[[], object]) -> bool:
    """True when an action ends with a CodecError; any other error escapes."""
    with np.errstate(all="raise"):
        try:
            action()
        except CodecError:
            return True
    return False
