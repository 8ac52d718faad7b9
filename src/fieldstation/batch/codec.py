"""Batches to bytes and back, in plain Python.

1. `decode(encode(batch))` equals the batch: types, order, minus zero and all.
2. Any bytes give a Batch or a CodecError (UnknownLayout when only a channel table is missing).
3. What `encode` writes, `decode` takes: both hold to the same limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from fieldstation.batch.announce import Notes, decode_notes, encode_notes
from fieldstation.batch.columns import decode_section, encode_section
from fieldstation.batch.frame import Entry, Frame, digest, open_frame, pack
from fieldstation.batch.limits import LIMITS, MOST_INTEGER, Limits
from fieldstation.batch.model import Batch, UnknownLayout
from fieldstation.batch.wire import Cursor
from fieldstation.errors import CodecError, FrameTooLong
from fieldstation.model import Instant, Kept, Layout, Reading, Trust

__all__ = ["decode", "digest", "encode"]

# PLACED is the hub's word, and never travels.
MOST_TRUST = Trust.SYNCED

_NO_LAYOUTS: Mapping[str, Layout] = MappingProxyType({})


def encode(batch: Batch, limits: Limits = LIMITS) -> bytes:
    """The batch as bytes. Raises CodecError `too_long` when it breaks a limit, `bad_field` when
    its parts contradict each other, `bad_value` when a value does not suit its channel.
    """
    _check(batch, limits)
    groups: dict[tuple[str, str], list[Kept]] = {}
    for kept in batch.readings:
        groups.setdefault((kept.reading.instrument, kept.reading.layout.id), []).append(kept)
    if len(groups) > limits.sections:
        raise FrameTooLong(f"the batch has {len(groups)} sections, the limit is {limits.sections}")
    entries, sections = [], []
    for (instrument, layout), members in groups.items():
        _check_name(instrument, limits)
        channels = members[0].reading.layout.channels
        rows = [kept.reading.values for kept in members]
        system, section = encode_section(channels, _system(members), rows, limits)
        entries.append(Entry(instrument, layout, len(members), system))
        sections.append(section)
    notes = encode_notes(Notes(batch.announcements, batch.clock), limits)
    return pack(
        batch.boot, batch.number, batch.first, batch.last,
        entries, notes, b"".join(sections), limits,
    )  # fmt: skip


def decode(
    data: bytes, layouts: Mapping[str, Layout] = _NO_LAYOUTS, limits: Limits = LIMITS
) -> Batch:
    """The batch written by `encode`. Its layouts are looked up by id among those it announces and
    `layouts`. Raises CodecError, UnknownLayout.
    """
    frame = open_frame(data, limits)
    notes = decode_notes(frame.announcements, limits)
    known = dict(layouts) | {each.layout.id: each.layout for each in notes.announcements}
    unknown = [entry.layout for entry in frame.entries if entry.layout not in known]
    if unknown:
        raise UnknownLayout(list(dict.fromkeys(unknown)))
    tables = [known[entry.layout] for entry in frame.entries]
    check_size(frame, tables, limits)
    cursor = Cursor(frame.sections)
    readings = [
        kept
        for entry, layout in zip(frame.entries, tables, strict=True)
        for kept in _section(cursor, frame, entry, layout, limits)
    ]
    if cursor.left:
        raise CodecError("bad_field", f"{cursor.left} bytes follow the last section")
    readings.sort(key=lambda kept: kept.sequence)
    if len({kept.sequence for kept in readings}) != len(readings):
        raise CodecError("bad_field", "two readings have the same sequence")
    return Batch(frame.boot, frame.number, frame.first, frame.last, tuple(readings), *notes)


def check_size(frame: Frame, layouts: Sequence[Layout], limits: Limits) -> None:
    """Raise FrameTooLong when the values of all sections together are over the limit."""
    values = sum(
        entry.readings * len(layout.channels)
        for entry, layout in zip(frame.entries, layouts, strict=True)
    )
    if values > limits.values:
        raise FrameTooLong(f"the batch has {values} values, the limit is {limits.values}")


def _section(
    cursor: Cursor, frame: Frame, entry: Entry, layout: Layout, limits: Limits
) -> list[Kept]:
    system, columns = decode_section(cursor, layout.channels, entry, limits)
    _check_system(frame, system)
    out = []
    for sequence, utc_us, offset_us, trust, values in zip(
        *system, zip(*columns, strict=True), strict=True
    ):
        instant = Instant(utc_us, utc_us - offset_us, frame.boot, Trust(trust))
        out.append(Kept(sequence, Reading(entry.instrument, layout, instant, values)))
    return out


def _check_system(frame: Frame, system: Sequence[Sequence[int]]) -> None:
    sequences, utc, offsets, trust = system
    rising = all(map(int.__lt__, sequences, sequences[1:]))
    if not rising or sequences[0] < frame.first or sequences[-1] > frame.last:
        raise CodecError("bad_field", "the sequences do not rise within the batch's range")
    mono = list(map(int.__sub__, utc, offsets))
    if not 0 <= min(*utc, *mono) <= max(*utc, *mono) < MOST_INTEGER:
        raise CodecError("bad_field", "an instant lies outside 1970 to 2255")
    if not 0 <= min(trust) <= max(trust) <= MOST_TRUST:
        raise CodecError("bad_field", "a reading has an unknown trust in the clock")


def _system(members: Sequence[Kept]) -> list[list[int]]:
    instants = [kept.reading.instant for kept in members]
    return [
        [kept.sequence for kept in members],
        [instant.utc_us for instant in instants],
        [instant.utc_us - instant.mono_us for instant in instants],
        [int(instant.trust) for instant in instants],
    ]


def _check(batch: Batch, limits: Limits) -> None:
    """Raise unless `decode` would take the batch's outline."""
    _check_counts(batch, limits)
    if len(batch.boot) != 16 or not (
        0 <= batch.number < MOST_INTEGER and 0 <= batch.first <= batch.last < MOST_INTEGER
    ):
        raise CodecError("bad_field", "the batch has no proper boot, number or range")
    before = batch.first - 1
    for kept in batch.readings:
        instant = kept.reading.instant
        if instant.boot != batch.boot:
            raise CodecError("bad_field", f"reading {kept.sequence} is of another boot")
        if not before < kept.sequence <= batch.last:
            raise CodecError("bad_field", f"reading {kept.sequence} is out of order or range")
        if not (0 <= instant.utc_us < MOST_INTEGER and 0 <= instant.mono_us < MOST_INTEGER):
            raise CodecError("bad_field", f"reading {kept.sequence} is not of 1970 to 2255")
        if instant.trust > MOST_TRUST:
            raise CodecError("bad_field", f"reading {kept.sequence} has a trust of the hub's own")
        before = kept.sequence


def _check_name(instrument: str, limits: Limits) -> None:
    if not 1 <= len(instrument) <= limits.name or not instrument.isprintable():
        raise CodecError("bad_field", f"{instrument!r} is no name for an instrument")


def _check_counts(batch: Batch, limits: Limits) -> None:
    values = sum(len(kept.reading.values) for kept in batch.readings)
    for what, count, most in (
        ("readings", len(batch.readings), limits.readings),
        ("values", values, limits.values),
        ("announcements", len(batch.announcements), limits.announcements),
    ):
        if count > most:
            raise FrameTooLong(f"the batch has {count} {what}, the limit is {most}")
