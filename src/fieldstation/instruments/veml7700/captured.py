"""Captured transactions of a VEML7700."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fieldstation.instruments.veml7700.driver import ALS, CONFIG, WHITE
from fieldstation.protocol.i2c import passed


def frames(exchanges: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """A reading with the configuration that is read behind its counts; else that alone."""
    counts = {ALS: b"", WHITE: b""}
    for request, reply in exchanges:
        write, read = passed(request, reply)
        if write in counts:
            counts[write] = read
        if write != CONFIG or not read:
            yield []
        elif all(counts.values()):
            yield [("reading", read + counts[ALS] + counts[WHITE])]
            counts = {ALS: b"", WHITE: b""}
        else:
            yield [("config", read)]
