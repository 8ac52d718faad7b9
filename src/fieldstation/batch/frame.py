"""The outer shape of a batch: digest, head in the clear, compressed payload.

1. `FSB`, a version byte, then 16 bytes of BLAKE2b over everything that follows. One flipped bit
   anywhere is noticed before anything is believed.
2. The head is not compressed, as most of it is random or tiny, and it tells everything that a hub
   has to know to recognise a duplicate or an unknown layout.
3. The payload is one raw deflate stream (or stored as it is). Its true length stands in the head
   and is refused before a byte is unpacked when it is over the limit; unpacking stops there too.
4. `content` is the digest of the readings alone: the same readings sent again with channel tables
   beside them are still the same readings.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from fieldstation.batch.limits import LIMITS, MOST_INTEGER, Limits
from fieldstation.batch.wire import Cursor, signed, text, varint
from fieldstation.errors import ChecksumMismatch, CodecError, FrameTooLong

MAGIC = b"FSB"
VERSION = 1
_DIGEST = 16
_BODY_AT = len(MAGIC) + 1 + _DIGEST
_NUMBER_AT = _BODY_AT + 16  # after the boot
_STORED, _DEFLATE = 0, 1
# Raw deflate: the digest makes zlib's own header and checksum (6 bytes) superfluous.
_RAW = -15

SYSTEM = 4  # sequence, UTC, UTC minus monotonic, trust


class Form:
    """How a system column is written: on a line, as steps beside a line, or as plain int64."""

    LINE, STEPS, PLAIN = range(3)


class System(NamedTuple):
    """A system column: element i is `base + i * step + unit * sum(rests[:i + 1])`.

    LINE has no rests, STEPS has a row of them in the integer table, PLAIN ignores all this and
    stands as int64.
    """

    form: int
    base: int
    step: int = 0
    unit: int = 1


class Entry(NamedTuple):
    """One section in the head: whose readings, of which layout, how many, and when."""

    instrument: str
    layout: str
    readings: int
    system: tuple[System, ...]


class Frame(NamedTuple):
    """A batch with its envelope opened. `sections` are the columns, still encoded."""

    boot: bytes
    number: int
    first: int
    last: int
    entries: tuple[Entry, ...]
    announcements: bytes
    sections: bytes
    content: bytes


def pack(
    boot: bytes,
    number: int,
    first: int,
    last: int,
    entries: Sequence[Entry],
    announcements: bytes,
    sections: bytes,
    limits: Limits = LIMITS,
) -> bytes:
    """The whole batch as bytes. Raises FrameTooLong."""
    payload = varint(len(announcements)) + announcements + sections
    if len(payload) > limits.unpacked:
        raise FrameTooLong(f"the batch has {len(payload)} bytes, the limit is {limits.unpacked}")
    squeezer = zlib.compressobj(9, zlib.DEFLATED, _RAW)
    packed = squeezer.compress(payload) + squeezer.flush()
    codec = _DEFLATE if len(packed) < len(payload) else _STORED
    head = [boot, varint(number), varint(first), varint(last - first), varint(len(entries))]
    head += [_entry_bytes(entry, first) for entry in entries]
    head += [bytes([codec]), varint(len(payload)), packed if codec else payload]
    data = _enveloped(b"".join(head))
    if len(data) > limits.body:
        raise FrameTooLong(f"the batch has {len(data)} bytes, the limit is {limits.body}")
    return data


def renumber(data: bytes, number: int) -> bytes:
    """The same batch under another number. Raises CodecError for a head that ends too early."""
    cursor = Cursor(data, _NUMBER_AT)
    cursor.varint()
    return _enveloped(data[_BODY_AT:_NUMBER_AT] + varint(number) + data[cursor.at :])


def outline(data: bytes) -> tuple[bytes, int, int] | None:
    """Boot, first and last sequence of an encoded batch; None for what does not fit its digest."""
    try:
        _check_envelope(data)
        cursor = Cursor(data, _NUMBER_AT)
        cursor.varint()
        first = cursor.varint()
        return data[_BODY_AT:_NUMBER_AT], first, first + cursor.varint()
    except CodecError:
        return None


def _enveloped(rest: bytes) -> bytes:
    return MAGIC + bytes([VERSION]) + _hash(rest) + rest


def digest(data: bytes) -> bytes:
    """The 16-byte digest that an encoded batch carries."""
    return data[_BODY_AT - _DIGEST : _BODY_AT]


def open_frame(data: bytes, limits: Limits = LIMITS) -> Frame:
    """The envelope opened and checked. Raises CodecError: `too_long`, `truncated`, `bad_magic`,
    `bad_version`, `crc_mismatch`, `bad_field`.
    """
    if len(data) > limits.body:
        raise FrameTooLong(f"the batch has {len(data)} bytes, the limit is {limits.body}")
    _check_envelope(data)
    cursor = Cursor(data, _BODY_AT)
    boot = cursor.take(16)
    number, first, span = cursor.varint(), cursor.varint(), cursor.varint()
    if max(number, first + span) >= MOST_INTEGER:
        raise _bad("a number in the head is too large", cursor)
    head_at = cursor.at
    entries = _entries(cursor, first, limits)
    content = hashlib.blake2b(data[head_at : cursor.at], digest_size=_DIGEST)
    payload = _unpack(cursor, limits)
    inner = Cursor(payload)
    announcements = inner.take(inner.varint())
    sections = payload[inner.at :]
    content.update(sections)
    return Frame(
        boot, number, first, first + span, entries, announcements, sections, content.digest()
    )


def _check_envelope(data: bytes) -> None:
    if data[:3] != MAGIC[: len(data[:3])]:
        raise CodecError("bad_magic", "this is not a batch", data=data)
    if len(data) <= _BODY_AT:
        raise CodecError("truncated", f"a batch has more than {_BODY_AT} bytes, not {len(data)}")
    if data[3] != VERSION:
        raise CodecError(
            "bad_version",
            f"the batch has format version {data[3]}, this program reads version {VERSION}",
            data=data,
            offset=3,
        )
    if _hash(data[_BODY_AT:]) != digest(data):
        raise ChecksumMismatch("the batch does not fit its digest", data=data, offset=4)


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()


def _entry_bytes(entry: Entry, first: int) -> bytes:
    forms = sum(system.form << 2 * place for place, system in enumerate(entry.system))
    out = [text(entry.instrument), bytes.fromhex(entry.layout), varint(entry.readings)]
    out.append(bytes([forms]))
    for system, base in zip(entry.system, _short_bases(entry.system, first), strict=True):
        if system.form != Form.PLAIN:
            out += [signed(base), signed(system.step)]
        if system.form == Form.STEPS:
            out.append(varint(system.unit))
    return b"".join(out)


def _short_bases(system: Sequence[System], first: int) -> tuple[int, ...]:
    """The bases as they are written: the sequence from the batch's first, the offset as the
    monotonic time, which is shorter.
    """
    order, utc, offset, trust = (column.base for column in system)
    return order - first, utc, utc - offset, trust


def _entries(cursor: Cursor, first: int, limits: Limits) -> tuple[Entry, ...]:
    count = cursor.varint()
    if count > limits.sections:
        raise FrameTooLong(f"the batch has {count} sections, the limit is {limits.sections}")
    entries = tuple(_entry(cursor, first, limits) for _ in range(count))
    readings = sum(entry.readings for entry in entries)
    if readings > limits.readings:
        raise FrameTooLong(f"the batch has {readings} readings, the limit is {limits.readings}")
    if len({(entry.instrument, entry.layout) for entry in entries}) != count:
        raise _bad("two sections hold the same instrument and layout", cursor)
    return entries


def _entry(cursor: Cursor, first: int, limits: Limits) -> Entry:
    instrument = cursor.text(limits.name)
    layout = cursor.take(8).hex()
    count = cursor.varint()
    if not 1 <= count <= limits.readings:
        raise FrameTooLong(f"a section has {count} readings, not 1 to {limits.readings}")
    forms = cursor.take(1)[0]
    order, utc, offset, trust = [_system(cursor, forms >> shift & 3) for shift in (0, 2, 4, 6)]
    if order.form != Form.PLAIN:
        order = order._replace(base=order.base + first)
    if offset.form != Form.PLAIN:
        offset = offset._replace(base=utc.base - offset.base)
    system = (order, utc, offset, trust)
    if not all(line_fits(count, *column[1:]) for column in system):
        raise _bad("a system column leaves the range of its numbers", cursor)
    return Entry(instrument, layout, count, system)


def _system(cursor: Cursor, form: int) -> System:
    if form == Form.PLAIN:
        return System(form, 0)
    if form > Form.PLAIN:
        raise _bad(f"a system column has the unknown form {form}", cursor)
    base, step = cursor.signed(), cursor.signed()
    return System(form, base, step, cursor.varint() if form == Form.STEPS else 1)


def line_fits(count: int, base: int, step: int, unit: int) -> bool:
    """True when no element of such a column can leave int64, whatever its rests are."""
    return abs(base) < 2 * MOST_INTEGER and count * abs(step) + (unit << 31) < 1 << 62


def _unpack(cursor: Cursor, limits: Limits) -> bytes:
    codec, size = cursor.take(1)[0], cursor.varint()
    packed = cursor.take(cursor.left)
    if size > limits.unpacked:
        raise FrameTooLong(f"the batch unpacks to {size} bytes, the limit is {limits.unpacked}")
    if codec == _STORED:
        whole = len(packed) == size
        payload = packed
    elif codec == _DEFLATE:
        opener = zlib.decompressobj(_RAW)
        try:
            payload = opener.decompress(packed, size + 1)
        except zlib.error as error:
            raise CodecError("bad_field", f"the payload cannot be unpacked: {error}") from error
        whole = len(payload) == size and opener.eof and not opener.unused_data
    else:
        raise _bad(f"the payload is compressed by the unknown method {codec}", cursor)
    if not whole:
        raise CodecError("bad_field", "the payload has another length than the head says")
    return payload


def _bad(message: str, cursor: Cursor) -> CodecError:
    return CodecError("bad_field", message, data=cursor.data, offset=max(cursor.at - 1, 0))
