"""What accepting a reading costs: time of one commit, by how many readings share it."""

from __future__ import annotations

from benchmarks import journal

from proof.part import Part

UNTESTED = ("an SD card: the figures are of the disk that holds this folder",)


def prove(seed: int, share: float = 1.0) -> Part:
    """The figures of the benchmark, which has its own fixed workload."""
    return Part(tuple(journal.measure()), UNTESTED)
