"""Reading, receiving and sealing at the same time."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from fieldstation.batch import Announcement, Batch, Receipt, encode
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust
from fieldstation.series.api import Upload
from fieldstation.series.embedded import EmbeddedStore, seal, segments

LAYOUT = Layout("meter", "status", (Channel("n", Kind.INTEGER),))
BOOT = b"b" * 16
SIZE = 50
HOUR_US = 3_600_000_000


def upload(number: int) -> Upload:
    """Batch `number` of consecutive readings, one a minute, whose value is their sequence."""
    first = number * SIZE + 1
    readings = tuple(
        Kept(n, Reading("m", LAYOUT, Instant(n * 60_000_000, n, BOOT, Trust.SYNCED), (n,)))
        for n in range(first, first + SIZE)
    )
    tables = (Announcement("m", LAYOUT, 60_000_000),) if number == 0 else ()
    return Upload("s", encode(Batch(BOOT, number, first, first + SIZE - 1, readings, tables)))


@pytest.mark.slow
def test_every_view_during_sealing_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader sees at least what was receipted before it asked, without gap or repetition."""
    for name, size in (("FULL", 800), ("SMALL", 400), ("LARGEST", 1200), ("MOST_SMALL", 3)):
        monkeypatch.setattr(segments, name, size)
    monkeypatch.setattr(seal, "CHUNK", 2000)
    store = EmbeddedStore(tmp_path / "series.sqlite3", seal_readings=3 * SIZE)
    receipted, done, problems = [0], threading.Event(), []

    def look() -> None:
        while not done.is_set():
            before = receipted[0]
            if not before:
                continue
            rows = store.read("s", "m", ["n"], 0, 2**53).values["n"]
            (buckets,) = store.buckets("s", "m", ["n"], 0, 2000 * HOUR_US, 2000)
            whole = np.array_equal(rows, np.arange(1, len(rows) + 1))
            if not whole or len(rows) < before or buckets.n.sum() < before:
                problems.append((before, len(rows), int(buckets.n.sum())))

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(300):
        (answer,) = store.apply([upload(number)])
        assert isinstance(answer, Receipt)
        receipted[0] = answer.last
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert store.catalogue()[0].readings == 300 * SIZE
    store.close()


def test_the_thread_seals_when_enough_is_waiting(tmp_path: Path) -> None:
    sealed = threading.Event()

    class Watched(EmbeddedStore):
        def seal_now(self) -> None:
            super().seal_now()
            sealed.set()

    store = Watched(tmp_path / "series.sqlite3", seal_readings=2 * SIZE)
    store.apply([upload(0)])
    assert not sealed.is_set()
    store.apply([upload(1)])
    assert sealed.wait(timeout=30)
    store.close()
    assert store._streams.by_key["s", "m", LAYOUT.id].sealed == 2 * SIZE


def test_the_thread_seals_what_has_waited_long(tmp_path: Path) -> None:
    sealed = threading.Event()

    class Watched(EmbeddedStore):
        def seal_now(self) -> None:
            super().seal_now()
            if any(stream.sealed == SIZE for stream in self._streams.by_key.values()):
                sealed.set()

    store = Watched(tmp_path / "series.sqlite3", seal_every_s=0.01)
    store.apply([upload(0)])
    assert sealed.wait(timeout=30)
    store.close()


def test_closing_twice_is_harmless_and_leaves_one_file(tmp_path: Path) -> None:
    path = tmp_path / "series.sqlite3"
    store = EmbeddedStore(path)
    store.apply([upload(0)])
    store.read("s", "m", ["n"], 0, 2**53)
    store.close()
    store.close()
    assert {each.name for each in tmp_path.iterdir()} == {path.name, f"{path.name}-owner"}


def test_a_group_of_uploads_is_one_synced_transaction(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "series.sqlite3", background=False)
    statements: list[str] = []
    store._files.writer.set_trace_callback(statements.append)
    store.apply([upload(number) for number in range(10)])
    assert statements.count("COMMIT") == 1
    assert store._files.writer.execute("PRAGMA synchronous").fetchone() == (2,)
    statements.clear()
    store.apply([upload(number) for number in range(10)])
    assert statements == []
    store.close()
