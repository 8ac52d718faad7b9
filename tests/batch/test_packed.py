"""A batch encoded before it was numbered is the batch encoded afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fieldstation.batch import decode, encode
from fieldstation.batch.facts import ClockFact, Source
from fieldstation.batch.frame import open_frame, outline, renumber
from fieldstation.batch.model import Announcement, Batch
from fieldstation.batch.packed import Packed, encode_packed
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust

BOOT = bytes(range(16))
LAYOUT = Layout("meter", "status", (Channel("voltage", Kind.NUMBER, "V"),))
KEPT = tuple(
    Kept(
        number,
        Reading(
            f"meter-{number % 3}",
            LAYOUT,
            Instant(1_700_000_000_000_000 + number * 999, number * 1000, BOOT, Trust(number % 2)),
            (number / 10,),
        ),
    )
    for number in range(7, 90)
)
BATCH = Batch(BOOT, 0, 7, 89, KEPT)
PACKED = Packed(BOOT, 0, 7, 89, encode(BATCH), 83, 0, frozenset(), unsynced=True)
NEWS = (Announcement("meter-1", LAYOUT, 10**7, "s", "m"),)
CLOCK = ClockFact(BOOT, 1, "kernel", 1000, 1_700_000_000_000_000, 5, Source.HUB)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300_000, 2**53 - 1])
def test_a_number_changes_nothing_but_the_number(number: int) -> None:
    data = renumber(encode(BATCH), number)
    assert (
        data
        == encode(replace(BATCH, number=number))
        == encode_packed(replace(PACKED, number=number))
    )
    assert open_frame(data).content == open_frame(encode(BATCH)).content


@pytest.mark.parametrize("news", [(), NEWS])
@pytest.mark.parametrize("clock", [None, CLOCK])
def test_what_is_said_beside_changes_nothing_but_that(
    news: tuple[Announcement, ...], clock: ClockFact | None
) -> None:
    data = encode_packed(replace(PACKED, number=4, announcements=news, clock=clock))
    wanted = replace(BATCH, number=4, announcements=news, clock=clock)
    assert data == encode(wanted)
    assert decode(data, {LAYOUT.id: LAYOUT}) == wanted
    assert open_frame(data).content == open_frame(PACKED.body).content


def test_a_flipped_bit_is_seen_before_anything_is_sent() -> None:
    assert PACKED.fits
    for place in range(8 * len(PACKED.body)):
        flipped = bytearray(PACKED.body)
        flipped[place // 8] ^= 1 << place % 8
        assert not replace(PACKED, body=bytes(flipped)).fits
    assert not replace(PACKED, last=90).fits
    assert outline(b"") is None
    assert outline(PACKED.body[:30]) is None
