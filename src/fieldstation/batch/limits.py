"""Every limit of the batch format in one table. Encoder and decoder hold to the same one."""

from __future__ import annotations

from dataclasses import dataclass

# Sequences, times and counters stay below 2^53: exact in a float64 and in every JSON reader.
MOST_INTEGER = 2**53

# More lines than readings in a day at 10 s; a station that drains a backlog sends 600 at a time.
MOST_READINGS = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest batch that is taken, in bytes, counts and characters."""

    body: int = 1 << 20  # bytes on the wire
    unpacked: int = 16 << 20  # bytes after decompression
    readings: int = MOST_READINGS
    values: int = 1_000_000  # readings times channels; 8 MB as float64
    sections: int = 512  # pairs of instrument and layout
    announcements: int = 512
    name: int = 63  # characters of an instrument's name
    text: int = 4096  # characters of one text value
    label: int = 256  # characters of a label, unit, serial number, model
    codes: int = 1024  # labelled codes of one ENUM channel


LIMITS = Limits()
