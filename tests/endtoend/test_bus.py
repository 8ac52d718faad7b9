"""One RS-485 line, five units: behind a real socket, with the drivers and the
supervisor as they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from benchmarks.bus import EVERY_S, GOOD, SILENT, START_POLLS, Felt, share_a_bus
from benchmarks.figure import percentile
from tests.station.meter import LoopClock

from fieldstation.instruments import registry
from fieldstation.journal import Reader
from fieldstation.model import Outgoing, Twin
from fieldstation.testing.multidrop import Numbered
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport.host import tcp_host

pytestmark = pytest.mark.slow

# Between two polls, so that the end cuts none in two.
SECONDS = 301.9
MAIN = "adc"


@in_virtual_time
async def _share(folder: Path, bad: Sequence[Twin] = ()) -> dict[int, Felt]:
    return await share_a_bus(folder, LoopClock(), SECONDS, tcp_host, bad)


def test_a_dead_and_a_babbling_unit_cost_the_others_nothing(tmp_path: Path) -> None:
    felt = _share(tmp_path)
    late_ms = [late_s * 1000 for one in felt.values() for late_s in one.late_s]
    print(f"{len(late_ms)} polls, {percentile(late_ms, 0.99):.1f} ms late at most in 99 %")
    for one in felt.values():
        assert one.taken == one.due == 1 + SECONDS // EVERY_S
        assert len(one.late_s) >= one.due - START_POLLS
    # In virtual time nothing but the schedule makes anyone late.
    assert max(late_ms) < 50
    reader = Reader(tmp_path / "journal.sqlite3")
    kept = [each.reading for each in reader.after(0, 10**6)]
    reader.close()
    assert {reading.instrument for reading in kept} == {f"unit-{number}" for number in GOOD}
    for number, one in felt.items():
        main = [r for r in kept if (r.instrument, r.layout.name) == (f"unit-{number}", MAIN)]
        assert len(main) == one.due


# The answer to the resync fits into this, no reading does.
MOST_WHEN_WEAK = 8


class Dying:
    """A unit that falls silent at each whole minute, in the middle of whatever it is asked, and is
    back half a minute later. With `shy` it answers nothing but what takes few bytes then, as a unit
    whose supply is too weak to send.
    """

    def __init__(self, twin: Twin, *, shy: bool) -> None:
        self._twin = twin
        self._shy = shy

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        replies = self._twin.receive(data, utc_s)
        if utc_s % 60 >= 30:
            return replies
        return [one for one in replies if self._shy and len(one.data) <= MOST_WHEN_WEAK]


@pytest.mark.parametrize("shy", [False, True], ids=["dying", "weak"])
def test_a_unit_that_fails_while_it_is_asked_costs_the_others_nothing(
    tmp_path: Path, shy: bool
) -> None:
    twin = Numbered(registry.twin("tristar_mppt", seed=SILENT), SILENT)
    felt = _share(tmp_path, [Dying(twin, shy=shy)])
    for one in felt.values():
        assert one.taken == one.due == 1 + SECONDS // EVERY_S
    late_ms = [late_s * 1000 for one in felt.values() for late_s in one.late_s]
    assert percentile(late_ms, 0.99) < 50
