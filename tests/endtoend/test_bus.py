"""One RS-485 line, five units: behind a real socket, with the drivers and the
supervisor as they run."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.bus import EVERY_S, GOOD, START_POLLS, Felt, share_a_bus
from benchmarks.figure import percentile
from tests.station.meter import LoopClock

from fieldstation.journal import Reader
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport.host import tcp_host

pytestmark = pytest.mark.slow

# Between two polls, so that the end cuts none in two.
SECONDS = 301.9
MAIN = "adc"


@in_virtual_time
async def _share(folder: Path) -> dict[int, Felt]:
    return await share_a_bus(folder, LoopClock(), SECONDS, tcp_host)


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
