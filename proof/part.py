"""What one part of the laboratory brings back, and how long it may take to say so."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, TypeVar

from benchmarks.figure import Figure

T = TypeVar("T")

WORKERS = 2
SAY_S = 5.0
MOST_FAILURES = 20


@dataclass(frozen=True, slots=True)
class Part:
    """`figures` with bounds are promises; `untested` says what was left out and why; `failures`
    are the first ones, each with what is needed to see it again.
    """

    figures: tuple[Figure, ...]
    untested: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether every bound was kept."""
        return all(figure.verdict != "MISSED" for figure in self.figures)

    def as_json(self) -> dict[str, Any]:
        """The part as plain data."""
        return {
            "figures": [figure.as_json() for figure in self.figures],
            "untested": list(self.untested),
            "failures": list(self.failures[:MOST_FAILURES]),
        }


def zero(name: str, count: float, note: str = "") -> Figure:
    """A figure that has to be zero."""
    return Figure(name, count, "", most=0, note=note)


class Progress:
    """Says on standard error how far a part is, every few seconds."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._said_s = time.monotonic()

    def step(self) -> None:
        """One more of the total is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._said_s >= SAY_S or self._done == self._total:
            self._said_s = now
            print(f"  {self._what}: {self._done:,} of {self._total:,}", file=sys.stderr, flush=True)


def workers() -> ProcessPoolExecutor:
    """Processes to share work among; each starts fresh."""
    return ProcessPoolExecutor(WORKERS, mp_context=get_context("forkserver"))


def told(results: Iterable[T], progress: Progress) -> list[T]:
    """All results, with progress told as they come."""
    found = []
    for result in results:
        found.append(result)
        progress.step()
    return found
