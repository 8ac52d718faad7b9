"""Which readings a sink gets next.

1. A batch is a stretch of one run without a gap. What does not fit its digest is passed over, and
   counts as part of the stretch.
2. A reading that is not ready keeps back itself and what lies behind it in its run, nothing else.
   `test_a_run_that_is_not_ready_keeps_back_no_other`
3. The newest are taken from the end of the journal down, as far as nothing is settled.
   `test_the_newest_go_first_and_the_rest_follows_from_the_oldest_on`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from fieldstation.batch.packed import Packed
from fieldstation.batch.ranges import Range
from fieldstation.journal.runs import Runs
from fieldstation.model import Kept

Numbered = tuple[int, Kept | None]
"""A row's sequence, and its reading if it is intact."""

Ready = Callable[[Kept], bool]


class Rows(Protocol):
    """Up to `most` rows from `first` to `last`, or from `last` down to `first`."""

    def __call__(self, first: int, last: int, most: int, *, down: bool = False) -> list[Numbered]:
        """The rows in the order asked for."""
        ...


class Stretch(NamedTuple):
    """Sequences `first` to `last`, and the rows there, or what they are `packed` into. Neither: the
    numbers belong to nothing.
    """

    first: int
    last: int
    rows: list[Numbered]
    packed: Packed | None = None


def oldest(gap: Range, rows: Rows, runs: Runs, most: int, ready: Ready | None) -> Stretch | None:
    """The first stretch of what is not settled from gap[0] to gap[1]."""
    start, end = gap
    while start <= end:
        found = rows(start, end, most)
        if not found:
            return Stretch(start, end, []) if start == gap[0] else None
        if taken := _together(found, ready):
            return Stretch(start, taken[-1][0], taken)
        kept_back = next(number for number, kept in found if kept is not None)
        run_end = runs.end(kept_back)
        if run_end is None:
            return None
        start = run_end + 1
    return None


def newest(gap: Range, rows: Rows, most: int, ready: Ready | None) -> Stretch | None:
    """The last stretch of what is not settled from gap[0] to gap[1]."""
    start, end = gap
    found = rows(start, end, most, down=True)
    taken = _together(found, ready)
    if not taken:
        return None
    whole = len(taken) == len(found) < most
    return Stretch(start if whole else taken[-1][0], taken[0][0], taken[::-1])


def _together(rows: Sequence[Numbered], ready: Ready | None) -> list[Numbered]:
    """The rows up to the first one of another run, or that is not ready."""
    boot = None
    for place, (_, kept) in enumerate(rows):
        if kept is None:
            continue
        boot = boot or kept.reading.instant.boot
        if kept.reading.instant.boot != boot or not (ready is None or ready(kept)):
            ahead = rows[:place]
            return list(ahead) if any(kept for _, kept in ahead) else []
    return list(rows)
