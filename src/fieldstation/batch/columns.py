"""One section of a batch as columns: plain Python, for stations that have no numpy.

A section is written in this order:

1. One plan byte for each channel: the form in the low bits, `NULLS` when the channel has gaps.
2. The integer table: one row of int32 for each system column of form STEPS, then one for each
   channel of form 0 to 9 or TABLE. A row holds the differences along time (the first element
   against zero), modulo 2^32, folded so that small differences of either sign are small numbers,
   as byte planes over the whole table.
3. System columns of form PLAIN as int64 byte planes.
4. For each channel in turn, what its form adds: the null bitmap (bit i, lowest first, is set where
   reading i has no value), then FLOAT or INT64 as eight byte planes, or TABLE as the length and the
   JSON list of its distinct values.

Form k from 0 to 9 means integers that become the value when divided by 10^k. It is used only when
that division gives back every value bit for bit; minus zero and anything too long or too large
stands as FLOAT. Where a reading has no value the integers repeat their neighbour.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, repeat
from math import gcd, isfinite
from operator import mul, sub, truediv

from fieldstation.batch.frame import Entry, Form, System, line_fits
from fieldstation.batch.limits import Limits
from fieldstation.batch.wire import Cursor, elements, planes, varint
from fieldstation.errors import CodecError
from fieldstation.model import Channel, Kind, Value

FLOAT, INT64, TABLE, EMPTY = 10, 11, 12, 13
FORM_BITS, NULLS = 0x0F, 0x10
MOST_DECIMALS = 9
POWERS = tuple(10**k for k in range(MOST_DECIMALS + 1))
_INT32 = 1 << 31
_SAMPLE = 64  # readings that foretell the decimals of a column


# --- encode ---


def encode_system(numbers: Sequence[int]) -> tuple[System, list[int]]:
    """A system column in its shortest form, and its rests (empty unless the form is STEPS)."""
    steps = list(map(sub, numbers[1:], numbers))
    step = min(steps, default=0)
    rests = [each - step for each in steps]
    unit = gcd(*rests)
    total = numbers[-1] - numbers[0] - step * len(steps)
    if not line_fits(len(numbers), numbers[0], step, unit) or total >= _INT32 * max(unit, 1):
        return System(Form.PLAIN, 0), []
    if unit == 0:
        return System(Form.LINE, numbers[0], step), []
    return System(Form.STEPS, numbers[0], step, unit), [0, *(rest // unit for rest in rests)]


def encode_section(
    channels: Sequence[Channel],
    system: Sequence[Sequence[int]],
    rows: Sequence[Sequence[Value]],
    limits: Limits,
) -> tuple[tuple[System, ...], bytes]:
    """The section's part of the head, and its bytes. Raises CodecError `bad_value` for a value
    that does not suit its channel.
    """
    heads, plan, table, extras = [], bytearray(), [], []
    for numbers in system:
        head, rests = encode_system(numbers)
        heads.append(head)
        if head.form == Form.STEPS:
            table.append(fold(rests))
        elif head.form == Form.PLAIN:
            extras.append(planes(little("q", numbers), 8))
    for channel, values in zip(channels, zip(*rows, strict=True), strict=True):
        form, integers, extra = _encode_channel(channel, values, limits)
        plan.append(form)
        extras.append(extra)
        if integers is not None:
            table.append(differences(integers))
    return tuple(heads), b"".join([bytes(plan), planes(b"".join(table), 4), *extras])


def differences(integers: Sequence[int]) -> bytes:
    """A row of the integer table."""
    steps = [integers[0], *map(sub, integers[1:], integers)]
    try:
        return fold(steps)
    except OverflowError:
        return fold([wrap(step) for step in steps])


def fold(numbers: Sequence[int]) -> bytes:
    """Signed int32 as unsigned words, small ones of either sign first: 0, -1, 1, -2."""
    return little("I", [number << 1 ^ number >> 63 for number in numbers])


def wrap(number: int) -> int:
    """The int32 that equals `number` modulo 2^32."""
    return (number + _INT32) % (2 * _INT32) - _INT32


def little(code: str, numbers: Iterable[float]) -> bytes:
    """Numbers as little-endian machine words of an `array` type code."""
    words = array(code, numbers)
    if sys.byteorder == "big":
        words.byteswap()
    return bytes(words.tobytes())


def decimals(values: Sequence[float]) -> tuple[int, list[int]] | None:
    """The smallest k and the integers that give the values back bit for bit when divided by 10^k;
    None when there is no such k up to 9.
    """
    if not -_INT32 < min(values) <= max(values) < _INT32:
        return None
    # Bytes, not ==, so that minus zero is told from zero.
    wanted = array("d", values).tobytes()
    k = 0
    # The first readings nearly always tell; looking at each one costs more than all the rest.
    for looked_at in (values[:_SAMPLE], values):
        places = _places(looked_at, k)
        if places is None:
            return None
        k = places
        power = float(POWERS[k])
        integers = list(map(round, map(mul, values, repeat(power))))
        if array("d", map(truediv, integers, repeat(power))).tobytes() == wanted:
            fits = -_INT32 <= min(integers) <= max(integers) < _INT32
            return (k, integers) if fits else None
    return None


def _places(values: Sequence[float], k: int) -> int | None:
    """The smallest number of decimals from `k` on that holds all values; None beyond 9."""
    power = POWERS[k]
    for value in values:
        while round(value * power) / power != value:
            if k == MOST_DECIMALS:
                return None
            k += 1
            power = POWERS[k]
    return k


def _encode_channel(
    channel: Channel, values: Sequence[Value], limits: Limits
) -> tuple[int, Sequence[int] | None, bytes]:
    gaps = None in values
    present = [value for value in values if value is not None] if gaps else values
    if not present:
        return EMPTY, None, b""
    _check_values(channel, present, limits)
    filled, bitmap = _fill(values) if gaps else (values, b"")
    form, integers, extra = _encode_filled(channel, filled)
    return form | (NULLS if gaps else 0), integers, bitmap + extra


def _encode_filled(
    channel: Channel, values: Sequence[Value]
) -> tuple[int, Sequence[int] | None, bytes]:
    if channel.kind is Kind.NUMBER:
        floats = list(map(float, values))  # type: ignore[arg-type]
        found = decimals(floats)
        return (found[0], found[1], b"") if found else (FLOAT, None, planes(little("d", floats), 8))
    if channel.kind is Kind.TEXT or any(isinstance(value, str) for value in values):
        return _encode_table(channel, values)
    integers = list(map(int, values))  # type: ignore[arg-type]
    if -_INT32 <= min(integers) <= max(integers) < _INT32:
        return 0, integers, b""
    return INT64, None, planes(little("q", integers), 8)


def _encode_table(
    channel: Channel, values: Sequence[Value]
) -> tuple[int, Sequence[int] | None, bytes]:
    places: dict[Value, int] = {}
    codes = [places.setdefault(value, len(places)) for value in values]
    try:
        words = json.dumps(list(places), ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise _unsuited(channel, "a text that is not Unicode") from error
    return TABLE, codes, varint(len(words)) + words


def _fill(values: Sequence[Value]) -> tuple[list[Value], bytes]:
    """The column with its gaps filled by the neighbour, and the bitmap of the gaps."""
    bitmap = bytearray((len(values) + 7) // 8)
    last = next(value for value in values if value is not None)
    filled: list[Value] = []
    for place, value in enumerate(values):
        if value is None:
            bitmap[place >> 3] |= 1 << (place & 7)
        else:
            last = value
        filled.append(last)
    return filled, bytes(bitmap)


_TYPES: dict[Kind, set[type]] = {
    Kind.NUMBER: {float, int},
    Kind.INTEGER: {int},
    Kind.FLAG: {bool},
    Kind.ENUM: {int, str},
    Kind.TEXT: {str},
}


def _check_values(channel: Channel, values: Sequence[Value], limits: Limits) -> None:
    types = set(map(type, values))
    if not types <= _TYPES[channel.kind]:
        wrong = next(iter(types - _TYPES[channel.kind]))
        raise _unsuited(channel, f"a value of type {wrong.__name__}")
    if channel.kind is Kind.NUMBER:
        if not all(map(isfinite, values)):  # type: ignore[arg-type]
            raise _unsuited(channel, "a value that is not finite")
        return
    for value in values:
        if isinstance(value, str):
            if len(value) > limits.text:
                raise _unsuited(channel, f"a text of more than {limits.text} characters")
        elif not -(2**63) <= value < 2**63:  # type: ignore[operator]
            raise _unsuited(channel, "an integer of more than 64 bits")


def _unsuited(channel: Channel, what: str) -> CodecError:
    return CodecError("bad_value", f"channel {channel.name} of kind {channel.kind} holds {what}")


# --- decode ---


def misfit(channels: Sequence[Channel], plan: bytes) -> CodecError:
    """What is wrong with a plan of which some byte does not suit the kind of its channel."""
    channel, byte = next(
        pair for pair in zip(channels, plan, strict=True) if not plan_fits(pair[0].kind, pair[1])
    )
    return CodecError("bad_field", f"channel {channel.name} of kind {channel.kind} has form {byte}")


def plan_fits(kind: Kind, byte: int) -> bool:
    """True when a channel of this kind may be written in the form of this plan byte."""
    return byte & FORM_BITS in _FORMS[kind] and byte <= FORM_BITS | NULLS


_FORMS: dict[Kind, frozenset[int]] = {
    Kind.NUMBER: frozenset({*range(MOST_DECIMALS + 1), FLOAT, EMPTY}),
    Kind.INTEGER: frozenset({0, INT64, EMPTY}),
    Kind.FLAG: frozenset({0, EMPTY}),
    Kind.ENUM: frozenset({0, INT64, TABLE, EMPTY}),
    Kind.TEXT: frozenset({TABLE, EMPTY}),
}


def in_table(form: int) -> bool:
    """True when the form has a row in the integer table."""
    return form <= MOST_DECIMALS or form == TABLE


def decode_section(
    cursor: Cursor, channels: Sequence[Channel], entry: Entry, limits: Limits
) -> tuple[list[list[int]], list[list[Value]]]:
    """The system columns and the channels' columns. Raises CodecError."""
    count = entry.readings
    plan = cursor.take(len(channels))
    if not all(plan_fits(channel.kind, byte) for channel, byte in zip(channels, plan, strict=True)):
        raise misfit(channels, plan)
    steps = [head.form == Form.STEPS for head in entry.system]
    width = sum(steps) + sum(in_table(byte & FORM_BITS) for byte in plan)
    table = elements(cursor.take(4 * width * count), 4)
    rows = (_sums(table[at : at + 4 * count]) for at in range(0, len(table), 4 * count))
    system = [_decode_system(cursor, head, count, rows) for head in entry.system]
    columns = []
    for channel, byte in zip(channels, plan, strict=True):
        columns.append(_decode_channel(cursor, channel, byte, count, rows, limits))
    return system, columns


def words(code: str, data: bytes) -> list[int]:
    """The numbers written by `little`."""
    out = array(code, data)
    if sys.byteorder == "big":
        out.byteswap()
    return out.tolist()


def table_of(cursor: Cursor, channel: Channel, limits: Limits) -> list[Value]:
    """The distinct values of a TABLE channel."""
    try:
        values = json.loads(cursor.take(cursor.varint()))
    except (ValueError, RecursionError) as error:
        raise _bad(channel, "has no readable table") from error
    if not isinstance(values, list) or not values:
        raise _bad(channel, "has no table")
    for value in values:
        if not _table_value(channel, value, limits):
            raise _bad(channel, "holds a value in its table that it cannot have")
    return values


def _table_value(channel: Channel, value: object, limits: Limits) -> bool:
    if type(value) is int:
        return channel.kind is Kind.ENUM and -(2**63) <= value < 2**63
    # JSON can spell half a character; nothing after this point could write it.
    return isinstance(value, str) and len(value) <= limits.text and not _halved(value)


def _halved(value: str) -> bool:
    """True when a text holds half of a surrogate pair."""
    return any("\ud800" <= letter <= "\udfff" for letter in value)


def _sums(row: bytes) -> list[int]:
    return [
        wrap(total) for total in accumulate(word >> 1 ^ -(word & 1) for word in words("I", row))
    ]


def _decode_system(
    cursor: Cursor, head: System, count: int, rows: Iterable[list[int]]
) -> list[int]:
    if head.form == Form.PLAIN:
        return words("q", elements(cursor.take(8 * count), 8))
    if head.form == Form.LINE:
        return [head.base + place * head.step for place in range(count)]
    rests = next(iter(rows))
    return [head.base + place * head.step + head.unit * rest for place, rest in enumerate(rests)]


def _decode_channel(
    cursor: Cursor,
    channel: Channel,
    byte: int,
    count: int,
    rows: Iterable[list[int]],
    limits: Limits,
) -> list[Value]:
    form = byte & FORM_BITS
    if form == EMPTY:
        return [None] * count
    bitmap = int.from_bytes(cursor.take((count + 7) // 8), "little") if byte & NULLS else 0
    values: list[Value]
    if form == FLOAT:
        values = words("d", elements(cursor.take(8 * count), 8))  # type: ignore[assignment]
        if not all(map(isfinite, values)):  # type: ignore[arg-type]
            raise _bad(channel, "holds a value that is not finite")
    elif form == INT64:
        values = words("q", elements(cursor.take(8 * count), 8))  # type: ignore[assignment]
    else:
        values = _decode_integers(cursor, channel, form, next(iter(rows)), limits)
    if bitmap:
        return [None if bitmap >> place & 1 else value for place, value in enumerate(values)]
    return values


def _decode_integers(
    cursor: Cursor, channel: Channel, form: int, integers: list[int], limits: Limits
) -> list[Value]:
    if form == TABLE:
        table = table_of(cursor, channel, limits)
        if not 0 <= min(integers) <= max(integers) < len(table):
            raise _bad(channel, "points outside its table")
        return [table[code] for code in integers]
    if channel.kind is Kind.NUMBER:
        power = POWERS[form]
        return [number / power for number in integers]
    if channel.kind is Kind.FLAG:
        if not 0 <= min(integers) <= max(integers) <= 1:
            raise _bad(channel, "holds a flag that is neither 0 nor 1")
        return [number == 1 for number in integers]
    return list(integers)


def _bad(channel: Channel, what: str) -> CodecError:
    return CodecError("bad_field", f"channel {channel.name} {what}")
