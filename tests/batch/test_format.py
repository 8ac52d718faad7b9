"""The envelope: damage is noticed, limits hold, and the format stays what it was."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fieldstation.batch import LIMITS, Announcement, Batch, decode, encode
from fieldstation.batch.arrays import decode_sections
from fieldstation.batch.facts import ClockFact, Source
from fieldstation.batch.frame import open_frame, pack
from fieldstation.batch.wire import Cursor, elements, planes, signed, varint
from fieldstation.errors import ChecksumMismatch, CodecError, FrameTooLong
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust, Value
from fieldstation.model.layout import MOST_CHANNELS

LAYOUT = Layout(
    "meter",
    "status",
    (Channel("volts", Kind.NUMBER, "V"), Channel("mode", Kind.ENUM, codes={"L": "line"})),
)
LAYOUTS = {LAYOUT.id: LAYOUT}
BOOT = bytes(range(16))


def a_batch(rows: Sequence[tuple[Value, ...]] = ((230.1, "L"), (230.4, "B"))) -> Batch:
    """A small batch of consecutive readings, ten seconds apart."""
    readings = []
    for place, values in enumerate(rows):
        instant = Instant(1_700_000_000_000_000 + place * 10_000_000, place, BOOT, Trust.SYNCED)
        readings.append(Kept(7 + place, Reading("meter-1", LAYOUT, instant, values)))
    return Batch(BOOT, 3, 7, 6 + len(rows), tuple(readings))


def sealed(rest: bytes) -> bytes:
    """An envelope around anything, with a digest that fits."""
    return b"FSB\x01" + hashlib.blake2b(rest, digest_size=16).digest() + rest


def test_every_flipped_bit_is_noticed() -> None:
    data = encode(replace(a_batch(), announcements=(Announcement("meter-1", LAYOUT, 10_000_000),)))
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CodecError):
            decode(bytes(damaged), LAYOUTS)


def test_every_cut_is_noticed() -> None:
    data = encode(a_batch())
    for size in range(len(data)):
        with pytest.raises(CodecError):
            decode(data[:size], LAYOUTS)


def test_bytes_after_the_batch_are_noticed() -> None:
    with pytest.raises(ChecksumMismatch):
        decode(encode(a_batch()) + b"\0", LAYOUTS)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "truncated"),
        (b"PK\x03\x04", "bad_magic"),
        (b"FSB", "truncated"),
        (b"FSB\x02" + bytes(40), "bad_version"),
        (b"FSB\x01" + bytes(40), "crc_mismatch"),
        (sealed(BOOT + b"\0\0"), "truncated"),
        (sealed(BOOT + b"\xff" * 12), "bad_field"),
        (sealed(BOOT + b"\0\0\0\0\x07\0"), "bad_field"),
        (sealed(BOOT + b"\0\0\0\0\x01\x05abc"), "bad_field"),
    ],
)
def test_a_refusal_says_what_is_wrong(data: bytes, kind: str) -> None:
    with pytest.raises(CodecError) as told:
        decode(data)
    assert told.value.kind == kind


def test_a_decompression_bomb_is_refused_by_its_claim_and_stopped_when_it_lies() -> None:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = squeezer.compress(bytes(64 << 20)) + squeezer.flush()
    assert len(bomb) < LIMITS.body
    head = BOOT + b"\0\0\0\0\x01"
    with pytest.raises(FrameTooLong):
        decode(sealed(head + varint(64 << 20) + bomb))
    with pytest.raises(CodecError, match="another length"):
        decode(sealed(head + varint(1000) + bomb))


def test_limits_stop_the_encoder_before_the_hub_has_to() -> None:
    batch = a_batch(tuple((float(number), "L") for number in range(50)))
    for limits in (
        replace(LIMITS, readings=49),
        replace(LIMITS, values=99),
        replace(LIMITS, body=60),
        replace(LIMITS, unpacked=60),
        replace(LIMITS, sections=0),
    ):
        with pytest.raises(FrameTooLong):
            encode(batch, limits)
        with pytest.raises(FrameTooLong):
            decode(encode(batch), LAYOUTS, limits)
    with pytest.raises(CodecError, match="more than 4096 characters"):
        encode(a_batch(((1.0, "x" * 4097),)))


def test_the_largest_batch_passes() -> None:
    batch = a_batch(tuple((number / 10, "L") for number in range(LIMITS.readings)))
    assert decode(encode(batch), LAYOUTS) == batch


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "not finite"),
        (float("inf"), "not finite"),
        ("12", "type str"),
        (True, "type bool"),
    ],
)
def test_a_value_that_does_not_suit_its_channel_is_named(value: Value, words: str) -> None:
    with pytest.raises(CodecError, match=f"channel volts.*{words}") as told:
        encode(a_batch(((value, "L"),)))
    assert told.value.kind == "bad_value"


def test_half_a_character_is_refused_on_both_sides() -> None:
    with pytest.raises(CodecError, match="not Unicode"):
        encode(a_batch(((1.0, "\ud800"),)))


@pytest.mark.parametrize(
    "change",
    [
        {"first": 8},
        {"last": 7},
        {"boot": b"short"},
        {"boot": bytes(16)},
        {"number": -1},
        {"number": 2**53},
        {"first": 9, "last": 3},
    ],
)
def test_a_batch_that_contradicts_itself_is_not_encoded(change: dict[str, object]) -> None:
    with pytest.raises(CodecError):
        encode(replace(a_batch(), **change))  # type: ignore[arg-type]


HOSTILE = [
    b"{}",
    b"[",
    b"[1]",
    b"[" * 100_000,
    b'[{"instrument": "m"}]',
    b'[{"instrument":"m","layout":{"kind":"k","name":"n","channels":[]},"every_us":0}]',
    b'[{"instrument":"m","layout":{"kind":"k","name":"n","channels":[5]},"every_us":0}]',
]


_CLOCK = f'["clock","{"00" * 16}",1,"kernel",5,6,0,"hub"]'
HOSTILE += [
    words.encode()
    for words in (
        f'{{"clock":{_CLOCK}}}',
        '{"announcements":[]}',
        '{"announcements":[],"clock":null}',
        '{"announcements":[],"clock":[]}',
        f'{{"announcements":{{}},"clock":{_CLOCK}}}',
        f'{{"announcements":[],"clock":{_CLOCK.replace(",5,", ",-5,")}}}',
        f'{{"announcements":[],"clock":{_CLOCK.replace(",6,", ",9007199254740992,")}}}',
        f'{{"announcements":[],"clock":{_CLOCK.replace("hub", "rumour")}}}',
        f'{{"announcements":[],"clock":["tally","{"00" * 16}","a",1,1]}}',
    )
]


@pytest.mark.parametrize("words", HOSTILE)
def test_a_malformed_announcement_is_refused(words: bytes) -> None:
    with pytest.raises(CodecError) as told:
        decode(pack(BOOT, 0, 0, 0, (), words, b""))
    assert told.value.kind == "bad_field"


@pytest.mark.parametrize(
    "field",
    [
        '"label":5', '"low":"0"', '"low":NaN', '"low":1e999', '"decimals":1.5', '"headline":1',
        '"codes":[[1.5,"x"]]', '"codes":[[1]]', '"codes":{}', '"unit":"\\u0007"', '"kind":"odd"',
        '"colour":"red"', '"name":"Not Snake"', '"label":"\\ud800"',
    ],
)  # fmt: skip
def test_a_channel_field_of_the_wrong_shape_is_refused(field: str) -> None:
    channel = f'{{"name":"volts","kind":"number",{field}}}'
    layout = f'{{"kind":"k","name":"n","channels":[{channel}]}}'
    words = f'[{{"instrument":"m","every_us":0,"layout":{layout}}}]'
    with pytest.raises(CodecError) as told:
        decode(pack(BOOT, 0, 0, 0, (), words.encode(), b""))
    assert told.value.kind == "bad_field"


def test_varints_are_bounded_and_exact() -> None:
    for number in (0, 1, 127, 128, 2**53 - 1, 2**53, 2**62):
        assert Cursor(varint(number)).varint() == number
        assert Cursor(signed(-number)).signed() == -number
    with pytest.raises(CodecError, match="does not end"):
        Cursor(b"\x80" * 9 + b"\x01").varint()
    assert elements(planes(b"abcdefgh", 4), 4) == b"abcdefgh"


def test_bytes_written_by_the_first_version_stay_readable() -> None:
    """Format 1, kept for ever: stations in the field are older than the hub."""
    data = bytes.fromhex(
        "46534201e60b246c54c4a48b7bad25234601f66f000102030405060708090a0b0c0d0e0f03070101"
        "076d657465722d314e9bf99f67bddbaf020000028080f2818389850680dac40900fed9c409020001"
        "1d6360e4f9c5c6c024c880009cd14a3e4a3a4a4e4ab100"
    )
    assert decode(data, LAYOUTS) == a_batch()


def test_a_station_cannot_claim_that_the_hub_dated_a_reading() -> None:
    kept = a_batch().readings[0]
    placed = replace(kept.reading, instant=replace(kept.reading.instant, trust=Trust.PLACED))
    with pytest.raises(CodecError, match="hub's own"):
        encode(replace(a_batch(), readings=(replace(kept, reading=placed),)))
    frame = open_frame(encode(a_batch()))
    *system, trust = frame.entries[0].system
    entry = frame.entries[0]._replace(system=(*system, trust._replace(base=2)))
    body = pack(*frame[:4], (entry,), b"", frame.sections)
    with pytest.raises(CodecError, match="unknown trust"):
        decode(body, LAYOUTS)
    with pytest.raises(CodecError, match="unknown trust"):
        decode_sections(open_frame(body), [LAYOUT])


def test_a_batch_without_a_clock_is_written_as_the_first_version_did() -> None:
    told = (Announcement("meter-1", LAYOUT, 10_000_000),)
    frame = open_frame(encode(replace(a_batch(), announcements=told)))
    assert frame.announcements.startswith(b'[{"instrument":"meter-1"')
    assert open_frame(encode(a_batch())).announcements == b""


def test_the_clock_is_no_part_of_what_tells_two_batches_apart() -> None:
    """The same readings sent again with a better clock are still the same readings."""
    fact = ClockFact(BOOT, 1, "kernel", 5, 1_700_000_000_000_000, 40, Source.HUB)
    placed = replace(a_batch(), clock=fact)
    assert decode(encode(placed), LAYOUTS) == placed
    assert open_frame(encode(placed)).content == open_frame(encode(a_batch())).content


def test_the_limits_of_the_manual_are_those_of_the_program() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/batch-format.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ([a-z][^|]*?) \| ([\d,]+|\d+ MiB) \|$", page, re.M))
    said = {
        name: int(words.split()[0].replace(",", "")) << (20 if words.endswith("MiB") else 0)
        for name, words in rows.items()
    }
    assert said == {
        "body": LIMITS.body,
        "payload after decompression": LIMITS.unpacked,
        "readings": LIMITS.readings,
        "values (readings × channels)": LIMITS.values,
        "sections": LIMITS.sections,
        "announcements": LIMITS.announcements,
        "characters of an instrument's name": LIMITS.name,
        "characters of a text value": LIMITS.text,
        "characters of a label, unit, serial number, model": LIMITS.label,
        "labelled codes of a channel": LIMITS.codes,
        "channels of a layout": MOST_CHANNELS,
    }
