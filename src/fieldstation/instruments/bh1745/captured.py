"""Captured transactions of a BH1745NUC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fieldstation.instruments.bh1745.driver import COLOURS, MODE1, MODE2
from fieldstation.protocol.i2c import passed


def frames(exchanges: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """A reading with its colours, once the modes were read or written."""
    registers: dict[int, int] = {}
    for request, reply in exchanges:
        write, read = passed(request, reply)
        found = []
        if write[:1] == bytes((COLOURS,)) and registers.keys() >= {MODE1, MODE2}:
            found = [("reading", bytes((registers[MODE1], registers[MODE2])) + read)]
        elif write:
            registers.update(enumerate(write[1:] or read, write[0]))
        yield found
