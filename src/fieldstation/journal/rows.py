"""One reading as one row: values as a JSON array in column order, guarded by a digest.

1. The digest covers everything that gives the row its meaning, also what stands in other tables
   (instrument, layout, boot), so a flipped bit in any of them is noticed at the row.
2. Values come back exactly: floats are written with all their digits, true and false stay flags.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from fieldstation.model import Instant, Kept, Layout, Reading, Trust

COLUMNS = "sequence, stream, boot, utc_us, mono_us, trust, CAST(body AS BLOB), digest"

Row = tuple[Any, ...]

# Half the time of `json.loads` and of the enum's own call, for what every reading goes through.
_DECODER = json.JSONDecoder()
_TRUST = {int(trust): trust for trust in Trust}


@dataclass(frozen=True, slots=True)
class Stream:
    """Whose readings a stream number stands for."""

    number: int
    instrument: str
    layout: Layout


def pack(sequence: int, stream: Stream, boot: int, reading: Reading) -> Row:
    """The row of table `reading`. Raises ValueError for NaN and infinities."""
    instant = reading.instant
    body = json.dumps(reading.values, separators=(",", ":"), allow_nan=False)
    times = (instant.utc_us, instant.mono_us, int(instant.trust))
    digest = _digest(sequence, stream, instant.boot, times, body.encode())
    return (sequence, stream.number, boot, *times, body, digest)


def unpack(row: Row, streams: dict[int, Stream], boots: dict[int, bytes]) -> Kept | None:
    """The reading of a row read as `COLUMNS`, None when the row does not fit its digest."""
    sequence, stream_number, boot_number, *times, body, digest = row
    stream, boot = streams.get(stream_number), boots.get(boot_number)
    if stream is None or boot is None or not isinstance(body, bytes):
        return None
    if _digest(sequence, stream, boot, tuple(times), body) != digest:
        return None
    instant = Instant(times[0], times[1], boot, _TRUST[times[2]])
    values = tuple(_DECODER.decode(body.decode()))
    return Kept(sequence, Reading(stream.instrument, stream.layout, instant, values))


def _digest(
    sequence: object, stream: Stream, boot: bytes, times: tuple[object, ...], body: bytes
) -> bytes:
    """Eight bytes; a random change stays unnoticed once in 2^64."""
    meaning = f"{sequence} {times} {boot.hex()} {stream.layout.id} {stream.instrument}\n"
    return hashlib.blake2b(meaning.encode() + body, digest_size=8).digest()
