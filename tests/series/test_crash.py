"""A process killed at any point: every receipted reading is there once, and only once."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fieldstation.series.embedded import EmbeddedStore

STATION, BATCH = "s", 20

# Applies batch after batch in groups, telling each receipt after it was given; seals all the time.
WRITER = """
import sys
from fieldstation.batch import Announcement, Batch, encode
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust
from fieldstation.series.api import Upload
from fieldstation.series.embedded import EmbeddedStore, seal, segments

seal.CHUNK, segments.FULL, segments.SMALL, segments.LARGEST = 4000, 400, 200, 600
path, boot, size = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3])
layout = Layout("m", "s", (Channel("n", Kind.INTEGER), Channel("v", Kind.NUMBER)))
told = (Announcement("one", layout, 0), Announcement("two", layout, 0))

def upload(number):
    first = number * size + 1
    readings = tuple(
        Kept(n, Reading(("one", "two")[n % 2], layout,
                        Instant(n * 1_000_000, n, boot, Trust.SYNCED), (n, n / 10)))
        for n in range(first, first + size)
    )
    return Upload("s", encode(Batch(boot, number, first, first + size - 1, readings, told)))

store = EmbeddedStore(path, seal_readings=200)
for number in range(0, 100_000, 2):
    receipts = store.apply([upload(number), upload(number + 1)])
    for receipt in receipts:
        print(receipt.last, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_killed_store_has_every_receipted_reading_exactly_once(seed: int, tmp_path: Path) -> None:
    path, chance = tmp_path / "series.sqlite3", random.Random(seed)
    told: dict[str, int] = {}
    for life in range(3):
        boot = bytes([life]) * 16
        told[boot.hex()] = _live_and_die(path, boot, chance.randint(1, 150))
        _check(path, told)


def _live_and_die(path: Path, boot: bytes, receipts: int) -> int:
    """Run the writer until it has given so many receipts, kill it; the last sequence receipted."""
    command = [sys.executable, "-c", WRITER, str(path), boot.hex(), str(BATCH)]
    last = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(receipts):
            last = int(writer.stdout.readline())
        writer.kill()
        # What it managed to say before it died counts as well.
        for line in writer.stdout:
            if line.endswith("\n"):
                last = int(line)
    return last


def _check(path: Path, told: dict[str, int]) -> None:
    store = EmbeddedStore(path, background=False)
    try:
        for sealing in (False, True):
            if sealing:
                store.seal_now()
            seen: list[int] = []
            for name, parity in (("one", 0), ("two", 1)):
                rows = store.read(STATION, name, ["n", "v"], 0, 2**53)
                numbers = rows.values["n"].astype(int).tolist()
                assert (rows.values["v"] == rows.values["n"] / 10).all()
                assert all(number % 2 == parity for number in numbers)
                seen += numbers
            # Every life counts from 1 again, so a number may stand as often as there were lives.
            times = Counter(seen)
            for number in range(1, max(told.values()) + 1):
                at_least = sum(number <= last for last in told.values())
                assert at_least <= times[number] <= len(told)
            assert len(seen) == sum(entry.readings for entry in store.catalogue())
            assert len(seen) % BATCH == 0
    finally:
        store.close()
